import { accountOfLook, checkLook } from '../../domain/audit/account.ts';
import type { Listing } from '../../domain/audit/listing.ts';
import { defaultLimits } from '../../domain/limits.ts';
import type { PoolView } from '../../domain/messages.ts';
import { newPoolState } from '../../domain/pool-state.ts';
import { specification } from '../workflow/fakes.ts';
import {
  agent,
  agentPool,
  at,
  job,
  listing,
  minute,
  openAgent,
  openLease,
  registration,
  resource,
} from './audit-support.ts';

const rules = { limits: defaultLimits, knownErrors: new Set(['QuotaExceeded']) };

function view(fields: Partial<PoolView> = {}): PoolView {
  const { status, queued, assigned, running, totals } = newPoolState('0123abcde');
  return {
    pool: 'build',
    status,
    specification: { ...specification, name: 'build', maximumConcurrency: 2 },
    specificationVersion: 1,
    agents: [],
    queued,
    assigned,
    running,
    observedAt: at,
    holds: [],
    totals,
    ...fields,
  };
}

const phase = (n: number, is: PoolView['agents'][number]['phase']) => ({
  name: agent(n),
  image: 'u',
  phase: is,
  since: 1,
});

/** Names of the invariants that stand so. */
function standing(
  status: string,
  fields: Partial<Listing>,
  pools: PoolView[] = [],
  failed: Parameters<typeof checkLook>[1]['failed'] = [],
) {
  const checks = checkLook(listing(fields), { pools, failed }, rules);
  return checks.filter((check) => check.status === status).map(({ name }) => name);
}

const healthy = {
  resources: [resource(1), resource(1, 'disk')],
  agentPools: [agentPool({ registrations: [registration(1)], unfinished: [{ ...job(3, agent(1)), startedAt: at }] })],
  agents: [openAgent(1, 'Allocated')],
  leases: [openLease(3)],
};
const pool = view({
  agents: [phase(1, 'busy')],
  totals: { requested: 3, returned: 2, failed: 0, jobs: 2, waitedMs: 0 },
});

test('a healthy installation breaches nothing, and what needs a whole run is not visible', () => {
  expect(standing('breached', healthy, [pool])).toEqual([]);
  expect(standing('ok', healthy, [pool])).toEqual(expect.arrayContaining(['noLeak', 'cap', 'conservation']));
  expect(standing('notVisible', healthy, [pool])).toEqual(expect.arrayContaining(['liveness', 'noJobKilled']));
});

test('a list with a gap proves nothing well, and what it shows broken is broken', () => {
  expect(standing('ok', { ...healthy, complete: false }, [pool])).toEqual([]);
  const leaked = { resources: [resource(2, 'machine', { ageMs: 60 * minute })], complete: false };
  expect(standing('breached', leaked)).toEqual(['noLeak']);
});

describe('each breach that one look can see', () => {
  test('noLeak: what no audit removed', () => {
    expect(standing('breached', { resources: [resource(2, 'machine', { ageMs: 60 * minute })] })).toEqual(['noLeak']);
    // It may be new, or the next audit's.
    expect(standing('breached', { resources: [resource(2, 'machine', { ageMs: 6 * minute })] })).toEqual([]);
    expect(standing('breached', { resources: [resource(2, 'machine', { ageMs: 'unknown' })] })).toEqual([]);
    const registrations = [registration(2, 60 * minute), { id: 9, name: 'build-placeholder-ubuntu', createdAt: 1 }];
    expect(
      checkLook(listing({ agentPools: [agentPool({ registrations })] }), { pools: [], failed: [] }, rules)[0],
    ).toMatchObject({
      name: 'noLeak',
      breaches: [{ subject: agent(2) }],
      more: 0,
    });
  });

  test('cap: more machines than the pool may have, unless they are left from an earlier document', () => {
    const three = [1, 2, 3];
    const fields = { resources: three.map((n) => resource(n)), agents: three.map((n) => openAgent(n)) };
    const totals = { requested: 3, returned: 0, failed: 0, jobs: 0, waitedMs: 0 };
    const agents = three.map((n) => phase(n, 'busy'));
    expect(standing('breached', fields, [view({ agents, totals })])).toEqual(['cap']);
    expect(standing('breached', fields, [view({ agents, totals, specificationVersion: 2 })])).toEqual([]);
    const ready = three.map((n) => phase(n, 'ready'));
    expect(standing('breached', fields, [view({ agents: ready, totals, specificationVersion: 2 })])).toEqual(['cap']);
  });

  test('conservation: agents that the pool lost', () => {
    const totals = { requested: 5, returned: 2, failed: 0, jobs: 2, waitedMs: 0 };
    expect(standing('breached', healthy, [{ ...pool, totals }])).toEqual(['conservation']);
  });

  test('timeLimits: a job beyond two days', () => {
    const unfinished = [{ ...job(3, agent(1)), startedAt: at - 60 * 60 * minute }];
    expect(standing('breached', { ...healthy, agentPools: [agentPool({ unfinished })] }, [pool])).toEqual([
      'timeLimits',
    ]);
  });

  test('replayable: a history that grew too long', () => {
    const agents = [{ ...openAgent(1, 'Allocated'), events: 12_000 }];
    expect(standing('breached', { ...healthy, agents }, [pool])).toEqual(['replayable']);
  });

  test('everyErrorKnown: a hold of a pool with a code that nobody explains', () => {
    const hold = (code: string) => ({ ...pool, holds: [{ until: at, code, message: 'no' }] });
    expect(standing('breached', healthy, [hold('QuotaExceeded')])).toEqual([]);
    expect(standing('breached', healthy, [hold('Mystery')])).toEqual(['everyErrorKnown']);
  });

  test('noFailedWorkflow: one that ended as failed', () => {
    const failed = [{ workflowId: 'pool/build', type: 'pool', runId: 'r', startedAt: 1, closedAt: 2 }];
    expect(standing('breached', healthy, [pool], failed)).toEqual(['noFailedWorkflow']);
  });
});

test('a job is on the machine of its agent', () => {
  expect(accountOfLook(listing(healthy), { pools: [pool], failed: [] }).jobs).toEqual([
    expect.objectContaining({ requestId: 3, receipts: [{ agent: agent(1), machineId: resource(1).id, at }] }),
  ]);
});

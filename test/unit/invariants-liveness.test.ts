import { describe, expect, test } from '@jest/globals';
import type { Account, PoolAccount } from '../../domain/invariants/account.ts';
import { liveness } from '../../domain/invariants/liveness.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import {
  agent,
  agentId,
  healthy,
  hour,
  job,
  lease,
  machine,
  minute,
  pool,
  registration,
  start,
  until,
  waitingJob,
  workflow,
} from './invariants-support.ts';

function check(fields: Partial<Account>) {
  return liveness(healthy(fields), defaultRules).map(({ subject }) => subject);
}

const declared = (maximumConcurrency: number, standby: number): PoolAccount['declared'] => [
  { at: start, maximumConcurrency, stateless: true, standby },
];
const organization = workflow('organization/contoso', start);
const alive = [organization, workflow('pool/build', start)];
/** Standby agents 1 to n, each with its machine and its registration. */
function standby(count: number, states = ['Provisioning', 'Starting', 'Ready']): Partial<Account> {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  return {
    resources: numbers.map((n) => machine(n, start)),
    registrations: numbers.map((n) => registration(n, start)),
    workflows: [...alive, ...numbers.map((n) => agent(n, start, undefined, states))],
  };
}

test('nothing is said where nobody knows when it became quiet', () => {
  const { quietFrom: _, ...look } = healthy({ jobs: [waitingJob(11, start)] });
  expect(liveness(look, defaultRules)).toEqual([]);
});

describe('a job', () => {
  test('that ended is served, whatever its result', () => {
    expect(check({ jobs: [job(10, 1, start, start + hour, 'failed')] })).toEqual([]);
  });

  test('that waits or runs at the end is not served', () => {
    expect(check({ jobs: [waitingJob(11, start), job(12, 1, start)] })).toEqual(['job request 11', 'job request 12']);
  });

  test('that Azure DevOps refused waits for nobody', () => {
    expect(check({ jobs: [{ ...waitingJob(11, start), refusedAt: start }] })).toEqual([]);
  });

  test('may wait while its pool tells a hold, not longer', () => {
    const held = (holdUntil: number) =>
      check({ jobs: [waitingJob(11, start)], pools: [pool({ holds: [{ until: holdUntil, code: 'QuotaExceeded' }] })] });
    expect(held(until + 1)).toEqual([]);
    expect(held(until)).toEqual(['job request 11']);
  });

  test('may wait in a pool that nobody accepted, and whose author was told so', () => {
    const jobs = [waitingJob(11, start)];
    expect(check({ jobs, pools: [pool({ declared: [] })] })).toEqual([]);
    expect(check({ jobs, pools: [] })).toEqual([]);
    expect(check({ jobs: [job(11, 1, start)], pools: [] })).toEqual(['job request 11']);
  });

  test('that nobody took before its pool was deleted is excused, one that ran is not', () => {
    const deleted = { pools: [pool({ deletedAt: start + hour })], workflows: [] };
    expect(check({ ...deleted, jobs: [waitingJob(11, start)] })).toEqual([]);
    expect(check({ ...deleted, jobs: [job(11, 1, start)] })).toEqual(['job request 11']);
  });
});

describe('a lease', () => {
  const ended = until - 12 * minute;

  test('ends within two audits of its job', () => {
    const left = (end: number) =>
      check({ ...standby(1), workflows: [...standby(1).workflows!, lease(10, start)], jobs: [job(10, 1, start, end)] });
    expect(left(ended + 1)).toEqual([]);
    expect(left(ended)).toEqual(['lease/contoso/10']);
  });
});

describe('standby', () => {
  test.each([
    [0, 1],
    [1, 2],
    [3, 3],
  ])('with %i wanted of at most %i, is there', (wanted, most) => {
    expect(check({ ...standby(wanted), pools: [pool({ declared: declared(most, wanted) })] })).toEqual([]);
  });

  test('with one too few is a breach', () => {
    expect(check({ ...standby(1), pools: [pool({ declared: declared(3, 2) })] })).toEqual(['build']);
  });

  test('with one that is not ready yet is a breach', () => {
    expect(check(standby(1, ['Provisioning', 'Starting']))).toEqual(['build']);
  });

  test('with one too many is a breach, whatever it does', () => {
    expect(check({ ...standby(2), pools: [pool({ declared: declared(3, 1) })] })).toEqual(['build']);
    const workflows = [...standby(1).workflows!, agent(7, start, undefined, ['Provisioning', 'PendingReturn'])];
    expect(check({ ...standby(1), workflows })).toEqual(['build']);
  });

  test('never exceeds the maximum', () => {
    expect(check({ ...standby(2), pools: [pool({ declared: declared(2, 5) })] })).toEqual([]);
    expect(check({ ...standby(3), pools: [pool({ declared: declared(2, 5) })] })).toEqual(['build']);
  });

  test('is measured by the last document', () => {
    const changed = [...declared(5, 3), { ...declared(5, 1)[0]!, at: start + hour }];
    expect(check({ ...standby(1), pools: [pool({ declared: changed })] })).toEqual([]);
    expect(check({ ...standby(3), pools: [pool({ declared: changed })] })).toEqual(['build']);
  });

  test('is a ghost where an agent shows as ready and has no machine or no registration', () => {
    expect(check({ ...standby(1), resources: [machine(1, start, start + hour)] })).toEqual([agentId(1)]);
    expect(check({ ...standby(1), resources: [machine(1, start, undefined, { kind: 'disk' })] })).toEqual([agentId(1)]);
    expect(check({ ...standby(1), registrations: [registration(1, start, start + hour)] })).toEqual([agentId(1)]);
  });

  test('may be busy while a job runs, but not for one that was refused', () => {
    const [waiting, running] = [waitingJob(11, start), job(12, 1, start)];
    expect(check({ workflows: alive, jobs: [running] })).toEqual(['job request 12']);
    expect(check({ workflows: alive, jobs: [{ ...waiting, refusedAt: start }] })).toEqual(['build']);
  });

  test('need not be there while an image is held back', () => {
    expect(
      check({ workflows: alive, pools: [pool({ holds: [{ until: until + 1, code: 'SkuNotAvailable' }] })] }),
    ).toEqual([]);
  });
});

describe('a pool', () => {
  const gone = pool({ deletedAt: start + hour });

  test('that has a document is open', () => {
    expect(check({ workflows: [] })).toEqual(['pool/build']);
    expect(check({ workflows: [], pools: [pool({ declared: [] })] })).toEqual([]);
  });

  test('that was deleted is gone with all its agents, but not with those of another', () => {
    const other = workflow('agent/build2/0a1b2c3d4000009', start);
    const build2 = workflow('pool/build2', start);
    expect(check({ pools: [gone], workflows: [organization, build2, other] })).toEqual([]);
    expect(check({ pools: [gone], workflows: [organization, build2, other, agent(3, start)] })).toEqual([agentId(3)]);
    expect(check({ pools: [gone], workflows: alive })).toEqual(['pool/build']);
  });

  test('that was the last takes the watch over its organisation with it', () => {
    expect(check({ pools: [gone], workflows: [workflow('organization/contoso', start, until)] })).toEqual([]);
    expect(check({ pools: [gone], workflows: [organization] })).toEqual(['organization/contoso']);
  });
});

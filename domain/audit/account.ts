import { hintOf } from '../error-catalogue.ts';
import type { Account, Breach, JobLife, PoolAccount, ResourceLife, WorkflowLife } from '../invariants/account.ts';
import { invariants } from '../invariants/invariants.ts';
import type { InvariantRules } from '../invariants/rules.ts';
import type { PoolView } from '../messages.ts';
import { isAgentName, workflowIds } from '../names.ts';
import type { Listing } from './listing.ts';
import { ownerOf } from './ownership.ts';

/** What one look knows beyond its lists. */
export interface LookedWorkflows {
  /** Open pools as they see themselves. */
  pools: PoolView[];
  /** Workflows that failed or timed out, as long as the engine keeps them. */
  failed: { workflowId: string; type: string; runId: string; startedAt: number; closedAt: number }[];
}

/** How one invariant stands. */
export interface InvariantCheck {
  name: string;
  promise: string;
  /** `notVisible`: one look cannot tell, because it needs a whole run, or because a list had a gap. */
  status: 'ok' | 'breached' | 'notVisible';
  /** The first of them; bounded. */
  breaches: Breach[];
  /** Breaches beyond the bound. */
  more: number;
}

/** Breaches of one invariant that are told. */
const breachesMax = 20;

/** Checks what can be checked over one look. */
export function checkLook(listing: Listing, workflows: LookedWorkflows, rules: InvariantRules): InvariantCheck[] {
  const account = accountOfLook(listing, workflows);
  return invariants.map(({ name, promise, needs, check }) => {
    const found = needs === 'look' ? check(account, rules) : [];
    const told = found.length > 0 ? 'breached' : needs === 'look' && listing.complete ? 'ok' : 'notVisible';
    return {
      name,
      promise,
      status: told,
      breaches: found.slice(0, breachesMax),
      more: Math.max(0, found.length - breachesMax),
    };
  });
}

/** The account of an installation at one instant. What has no known age is taken for new. */
export function accountOfLook(listing: Listing, { pools, failed }: LookedWorkflows): Account {
  const { installation, at } = listing;
  const parked = new Set(listing.agents.flatMap(({ workflowId, state }) => (state === 'Parked' ? [workflowId] : [])));
  const resources = listing.resources.flatMap((resource): ResourceLife[] => {
    const owner = ownerOf(resource, installation);
    const kind = kinds[resource.type.toLowerCase()];
    if (!owner || !kind) return [];
    const { workflowId, pool } = owner;
    const from = resource.createdAt ?? at;
    // Since when it is parked one look cannot tell; that it is counts.
    const span = parked.has(workflowId) && kind === 'machine' ? { parked: [{ askedAt: from, from }] } : {};
    return [{ id: resource.id, kind, owner: workflowId, pool, from, ...span }];
  });
  const machines = new Map(resources.flatMap(({ kind, owner, id }) => (kind === 'machine' ? [[owner, id]] : [])));
  return {
    installation,
    from: at,
    until: at,
    resources,
    registrations: listing.agentPools.flatMap(({ organization, agentPoolId, pool, registrations }) =>
      registrations
        .filter(({ name }) => isAgentName(name))
        .map(({ id, name, createdAt }) => ({
          organization,
          agentPoolId,
          agentId: id,
          name,
          pool,
          owner: workflowIds.agent(pool, name),
          from: createdAt ?? at,
        })),
    ),
    jobs: listing.agentPools.flatMap(({ organization, pool, unfinished }) =>
      unfinished.map(({ requestId, queuedAt, startedAt, agent }): JobLife => {
        const machineId = machines.get(workflowIds.agent(pool, agent ?? '')) ?? agent ?? '';
        return {
          organization,
          requestId,
          pool,
          queuedAt,
          assignments: agent === undefined ? [] : [{ agent, at: queuedAt }],
          receipts: agent === undefined || startedAt === undefined ? [] : [{ agent, machineId, at: startedAt }],
          finishes: [],
        };
      }),
    ),
    workflows: [
      ...pools.map((view) => open(workflowIds.pool(view.pool), 'pool', at)),
      ...listing.agents.map(({ workflowId, startedAt, state, events }) => ({
        ...open(workflowId, 'agent', startedAt, events),
        states: state === undefined ? [] : [{ state, at: startedAt }],
      })),
      ...listing.leases.map(({ workflowId, startedAt, events }) => open(workflowId, 'lease', startedAt, events)),
      ...failed.map(({ workflowId, type, runId, startedAt, closedAt }): WorkflowLife => {
        const run = { runId, startedAt, closedAt, status: 'failed' as const, events: 0 };
        return { id: workflowId, type, runs: [run], states: [] };
      }),
    ],
    pools: pools.map(poolAccount),
    disturbances: [],
    errors: pools.flatMap(({ pool, observedAt, holds }) =>
      holds.map(({ code, message }) => {
        const hint = hintOf(code) ?? '';
        return { at: observedAt, code, message, hint, where: workflowIds.pool(pool) };
      }),
    ),
  };
}

const kinds: Record<string, ResourceLife['kind']> = {
  'microsoft.compute/virtualmachines': 'machine',
  'microsoft.compute/disks': 'disk',
  'microsoft.network/networkinterfaces': 'networkInterface',
  'microsoft.network/publicipaddresses': 'publicIpAddress',
};

function open(id: string, type: string, startedAt: number, events = 0): WorkflowLife {
  return { id, type, runs: [{ runId: '', startedAt, status: 'running', events }], states: [] };
}

function poolAccount({ pool, specification, specificationVersion, agents, totals, holds }: PoolView): PoolAccount {
  // When the document last changed is not known, and what ran before it may finish.
  const finishing = agents.filter(({ phase }) => phase === 'busy' || phase === 'returning').length;
  return {
    name: pool,
    declared: specification
      ? [
          {
            at: 0,
            maximumConcurrency: specification.maximumConcurrency + (specificationVersion > 1 ? finishing : 0),
            stateless: specification.stateful === undefined,
            standby: specification.standby.count,
            ...(specification.retainedFailures ? { retained: specification.retainedFailures } : {}),
            ...(specification.stateful === undefined
              ? {}
              : { lifetimeMs: specification.stateful.lifetimeMs, park: specification.stateful.park }),
          },
        ]
      : [],
    totals,
    roster: agents.length,
    holds: holds.map(({ image, until, code }) => ({ ...(image === undefined ? {} : { image }), until, code })),
  };
}

import type {
  Account,
  JobLife,
  PoolAccount,
  RegistrationLife,
  ResourceLife,
  WorkflowLife,
} from '../../domain/invariants/account.ts';

/** Accounts for the tests of the invariants: a healthy installation, to be broken in one place. */

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** When every account begins; milliseconds since the epoch. */
export const start = 1_750_000_000_000;

/** The end of the healthy account's disturbances, and its own. */
export const quietFrom = start + 6 * hour;
export const until = start + 8 * hour;

export const agentId = (n: number): string => `agent/build/${agentName(n)}`;
export const agentName = (n: number): string => `0a1b2c3d4${String(n).padStart(6, '0')}`;
export const machineId = (n: number): string =>
  `/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/${agentName(n)}`;

export function machine(n: number, from: number, gone?: number, fields: Partial<ResourceLife> = {}): ResourceLife {
  return {
    id: machineId(n),
    kind: 'machine',
    owner: agentId(n),
    pool: 'build',
    from,
    cleanAt: [from],
    ...(gone === undefined ? {} : { until: gone, deleteAskedAt: gone - minute }),
    ...fields,
  };
}

export function registration(n: number, from: number, gone?: number): RegistrationLife {
  return {
    organization: 'contoso',
    agentPoolId: 4,
    agentId: n,
    name: agentName(n),
    pool: 'build',
    owner: agentId(n),
    from,
    ...(gone === undefined ? {} : { until: gone }),
  };
}

/** A job that the n-th agent took; unfinished without an end. */
export function job(requestId: number, n: number, at: number, end?: number, result = 'succeeded'): JobLife {
  return {
    organization: 'contoso',
    requestId,
    pool: 'build',
    queuedAt: at - minute,
    assignments: [{ agent: agentName(n), at }],
    receipts: [{ agent: agentName(n), machineId: machineId(n), at }],
    finishes: end === undefined ? [] : [{ at: end, result }],
  };
}

export function waitingJob(requestId: number, queuedAt: number): JobLife {
  return { ...job(requestId, 1, queuedAt), queuedAt, assignments: [], receipts: [] };
}

/** A workflow of one run. */
export function workflow(
  id: string,
  startedAt: number,
  closedAt?: number,
  fields: Partial<WorkflowLife> = {},
): WorkflowLife {
  const run = { runId: `run of ${id}`, startedAt, events: 60 };
  return {
    id,
    type: id.split('/')[0] ?? '',
    runs: [closedAt === undefined ? { ...run, status: 'running' } : { ...run, status: 'completed', closedAt }],
    states: [],
    ...fields,
  };
}

/** An agent's workflow with the states of a life that served one job. */
export function agent(n: number, startedAt: number, closedAt?: number, states?: string[]): WorkflowLife {
  const shown = states ?? (closedAt === undefined ? ready : served);
  return workflow(agentId(n), startedAt, closedAt, {
    states: shown.map((state, index) => ({ state, at: startedAt + index * minute })),
  });
}

const ready = ['Provisioning', 'Starting', 'Ready'];
const served = [...ready, 'Allocated', 'PendingReturn'];

export function lease(requestId: number, startedAt: number, closedAt?: number): WorkflowLife {
  const result = { requestId, outcome: 'finished' };
  return workflow(`lease/contoso/${requestId}`, startedAt, closedAt, closedAt === undefined ? {} : { result });
}

export function pool(fields: Partial<PoolAccount> = {}): PoolAccount {
  return {
    name: 'build',
    declared: [{ at: start, maximumConcurrency: 2, stateless: true, standby: 1 }],
    totals: { requested: 2, returned: 1, failed: 0, jobs: 1 },
    roster: 1,
    holds: [],
    ...fields,
  };
}

/** Agent 1 has served job 10 and is gone, agent 2 stands by. Nothing is wrong with it. */
export function healthy(fields: Partial<Account> = {}): Account {
  const gone = start + 2 * hour;
  const back = start + hour;
  return {
    installation: 'test',
    from: start,
    until,
    quietFrom,
    resources: [machine(1, start + 5 * minute, gone), machine(2, back)],
    registrations: [registration(1, start + 5 * minute, gone - 2 * minute), registration(2, back)],
    jobs: [job(10, 1, start + 30 * minute, start + 90 * minute)],
    workflows: [
      workflow('organization/contoso', start),
      workflow('pool/build', start),
      agent(1, start + 5 * minute, gone + minute),
      agent(2, back),
      lease(10, start + 30 * minute, start + 91 * minute),
    ],
    pools: [pool()],
    disturbances: [],
    errors: [],
    calls: { byOperation: { VirtualMachines_CreateOrUpdate: 2 }, mostCreatesInOneSecond: 1 },
    ...fields,
  };
}

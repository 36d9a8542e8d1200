import type { Account, Breach } from './account.ts';
import type { InvariantRules } from './rules.ts';

const minuteMs = 60_000;

const createOperation = 'VirtualMachines_CreateOrUpdate';

/** Azure Resource Manager's bucket for writes: 200, and 10 more each second. */
const mostCreatesInOneSecond = 210;

/** Create calls for one agent: one, and repeats after answers that got lost or refusals that passed. */
const createCallsPerAgent = 10;

/** Create calls of nobody's agent, such as those of machines that were planted. */
const otherCreateCalls = 20;

/** Agents for one job: its own, and one that was asked for while nobody knew of the other. */
const agentsPerJob = 2;

/** Agents for one place of standby, or for one disturbance, which may meet the replacement too. */
const agentsPerPlace = 3;

/** Agents that need no reason, so that short runs are not judged by a single one. */
const otherAgents = 5;

/**
 * Calls of one operation. An agent looks at its long-running operations, a pool and the auditor look around now and
 * then, developers and the tools of tests call too; what calls without end or without waiting goes beyond all of them.
 */
const callsOfOneOperation = { perAgent: 60, perJob: 20, perPoolMinute: 5, others: 200 } as const;

/** The observer's lists: one of each per pool and look. */
const observed: ReadonlySet<string> = new Set(['Agents_List', 'JobRequests_List']);

/** Observers of one pool at a time: one that is taken for dead may still look beside the next. */
const observersOfPool = 2;

/** Calls and agents stay in proportion to what was asked for. */
export function budget(account: Account, rules: InvariantRules): Breach[] {
  return [...createCalls(account), ...callsOfEach(account, rules), ...agentsAskedFor(account)];
}

function createCalls({ calls, workflows, until }: Account): Breach[] {
  if (!calls) return [];
  const agents = workflows.filter(({ type }) => type === 'agent').length;
  const creates = calls.byOperation[createOperation] ?? 0;
  const most = createCallsPerAgent * agents + otherCreateCalls;
  const breach = (message: string): Breach => ({ invariant: 'budget', at: until, subject: createOperation, message });
  return [
    ...(creates > most ? [breach(`${creates} create calls for ${agents} agents, at most ${most}.`)] : []),
    ...(calls.mostCreatesInOneSecond > mostCreatesInOneSecond
      ? [breach(`${calls.mostCreatesInOneSecond} create calls left in one second, at most ${mostCreatesInOneSecond}.`)]
      : []),
  ];
}

function callsOfEach(account: Account, { limits: { observer } }: InvariantRules): Breach[] {
  const { calls, workflows, pools, jobs, from, until } = account;
  const { perAgent, perJob, perPoolMinute, others } = callsOfOneOperation;
  const agents = workflows.filter(({ type }) => type === 'agent').length;
  const poolMinutes = (pools.length * (until - from)) / minuteMs;
  const looks = observersOfPool * (minuteMs / Math.min(observer.intervalMs, observer.idleIntervalMs));
  return Object.entries(calls?.byOperation ?? {}).flatMap(([operation, count]) => {
    const perMinute = perPoolMinute + (observed.has(operation) ? looks : 0);
    const most = Math.ceil(perAgent * agents + perJob * jobs.length + perMinute * poolMinutes + others);
    if (count <= most) return [];
    const message = `${count} calls for ${agents} agents in ${Math.round(poolMinutes)} pool minutes, at most ${most}.`;
    return [{ invariant: 'budget', at: until, subject: operation, message }];
  });
}

/** Each agent has a reason: a job, a place of standby, or another agent that failed or was taken away. */
function agentsAskedFor({ workflows, pools, jobs, disturbances, from, until }: Account): Breach[] {
  // Of a pool that is gone nobody can say how many of its agents failed.
  if (pools.some(({ totals, deletedAt }) => totals === undefined || deletedAt !== undefined)) return [];
  const agents = workflows.filter(({ type }) => type === 'agent').length;
  const failed = sum(pools.map(({ totals }) => totals?.failed ?? 0));
  // Every document may exchange all of the standby, for another image or another machine.
  const standby = sum(
    pools.flatMap(({ declared }) =>
      // And every end of a stateful agent's longest life exchanges it once more.
      declared.map(
        ({ standby: places, lifetimeMs = Infinity }) => (places + 1) * (1 + Math.floor((until - from) / lifetimeMs)),
      ),
    ),
  );
  const most =
    agentsPerJob * jobs.length + agentsPerPlace * standby + failed + agentsPerPlace * disturbances.length + otherAgents;
  if (agents <= most) return [];
  const message = `${agents} agents were asked for, and ${most} at most had a reason.`;
  return [{ invariant: 'budget', at: until, subject: 'agents', message }];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

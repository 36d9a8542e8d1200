import { maximumAt } from './cap.ts';
import type { Account, Breach, JobLife, PoolAccount, WorkflowLife } from './account.ts';
import type { InvariantRules } from './rules.ts';

/**
 * What may pass, besides the time that a pool waits for an agent, before another one is asked for; milliseconds. A
 * refused call is asked again after five minutes, an observer that died is replaced within two.
 */
const reactionMs = 10 * 60_000;

/** How long ago an agent may have failed to hold back its image still: the longest hold but that of a size not sold here. */
const holdMs = 65 * 60_000;

/**
 * A job does not wait for an agent that is late. When nothing is disturbed any more and a job has waited for as long as a
 * pool waits for an agent, then either an agent was asked for that is not late, or the pool is full, or a failure holds
 * it back.
 */
export function lateJobs(account: Account, quietFrom: number, { limits }: InvariantRules): Breach[] {
  return account.pools.flatMap((pool) => {
    if (pool.declared.length === 0 || pool.deletedAt !== undefined) return [];
    const agents = agentsOf(account, pool);
    // Where machines are slow to come, a pool waits for twice as long as the last one took.
    const patienceMs = Math.max(limits.pool.overdueMs, 2 * Math.max(0, ...agents.map(bootMs)));
    return account.jobs.flatMap((job): Breach[] => {
      if (job.pool.toLowerCase() !== pool.name.toLowerCase()) return [];
      const from = Math.max(job.queuedAt, quietFrom, pool.declared.at(-1)?.at ?? 0);
      const late = from + patienceMs + reactionMs;
      const waitedUntil = waitsUntil(job);
      if (waitedUntil <= late || waitedUntil >= account.until) return [];
      const soon = agents.some(({ startedAt }) => late - patienceMs <= startedAt && startedAt <= late);
      const held =
        (pool.holds ?? []).some(({ until }) => until > late) ||
        agents.some(({ failedAt = -Infinity }) => from - holdMs <= failedAt && failedAt <= late);
      if (soon || held || isFull(pool, agents, late)) return [];
      const message = `It waited for ${Math.round((waitedUntil - job.queuedAt) / 60_000)} minutes; every agent of the pool ${pool.name} is late, and no other was asked for.`;
      return [{ invariant: 'liveness', at: late, subject: `job request ${job.requestId}`, message }];
    });
  });
}

interface Agent {
  startedAt: number;
  closedAt: number;
  /** When its failure was told. */
  failedAt?: number;
  states: WorkflowLife['states'];
}

function agentsOf({ workflows }: Account, pool: PoolAccount): Agent[] {
  return workflows.flatMap(({ id, type, runs, states, result }): Agent[] => {
    const [first] = runs;
    if (type !== 'agent' || first === undefined) return [];
    if (id.split('/')[1]?.toLowerCase() !== pool.name.toLowerCase()) return [];
    const closedAt = runs.at(-1)?.closedAt ?? Infinity;
    const failed = (result as { outcome?: string } | undefined)?.outcome === 'failed';
    return [{ startedAt: first.startedAt, closedAt, states, ...(failed ? { failedAt: closedAt } : {}) }];
  });
}

function bootMs({ startedAt, states }: Agent): number {
  const online = states.find(({ state }) => state === 'Ready' || state === 'Allocated');
  return online === undefined ? 0 : online.at - startedAt;
}

function waitsUntil({ assignments, refusedAt, finishes }: JobLife): number {
  return Math.min(assignments.at(-1)?.at ?? Infinity, refusedAt ?? Infinity, finishes[0]?.at ?? Infinity);
}

function isFull(pool: PoolAccount, agents: readonly Agent[], at: number): boolean {
  return agents.filter(({ startedAt, closedAt }) => startedAt <= at && at < closedAt).length >= maximumAt(pool, at);
}

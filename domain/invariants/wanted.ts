import type { Account, Breach, JobLife, PoolAccount, WorkflowLife } from './account.ts';
import type { InvariantRules } from './rules.ts';

/**
 * How old the knowledge may be by which an agent is asked for; milliseconds. Whoever looks at Azure DevOps may be away as
 * long as the engine is, and a document reaches the pool before or after its author hears of it.
 */
const knowledgeMs = 15 * 60_000;

/** Free agents that need no reason: the one that a job left behind in this moment. */
const otherAgents = 1;

/**
 * An agent is asked for only when the free ones do not suffice. At the moment at which one is asked for, no more agents
 * are free or on their way than jobs wait and standby wants, as far as the pool could know. An agent that takes longer
 * than `overdueMs` is not counted on any more, so it may be replaced; so may one that somebody disturbed.
 */
export function wanted(account: Account, { limits }: InvariantRules): Breach[] {
  return account.pools.flatMap((pool) => {
    // A stateful agent is free again after its job, and stays for reasons of its own.
    if (pool.declared.some(({ stateless }) => !stateless)) return [];
    const agents = agentsOf(account, pool).map((agent) => ({
      ...agent,
      until: freeUntil(agent, limits.pool.overdueMs),
    }));
    const jobs = account.jobs.filter(({ pool: name }) => sameName(name, pool.name));
    return agents.flatMap(({ id, from }): Breach[] => {
      const free = agents.filter((other) => other.from <= from && from < other.until).length;
      const since = from - knowledgeMs;
      const most =
        jobs.filter((job) => job.queuedAt <= from && waitsUntil(job) >= since).length +
        standbyBetween(pool, since, from + knowledgeMs) +
        account.disturbances.filter(({ at }) => since <= at && at <= from).length +
        otherAgents;
      if (free <= most) return [];
      const message = `It is one of ${free} agents of the pool ${pool.name} that are free or on their way; at most ${most} had a reason.`;
      return [{ invariant: 'wanted', at: from, subject: id, message }];
    });
  });
}

interface Agent {
  id: string;
  from: number;
  states: WorkflowLife['states'];
  closedAt?: number;
}

function agentsOf({ workflows }: Account, pool: PoolAccount): Agent[] {
  return workflows.flatMap(({ id, type, runs, states }) => {
    const [first] = runs;
    if (type !== 'agent' || first === undefined || !sameName(id.split('/')[1] ?? '', pool.name)) return [];
    const closedAt = runs.at(-1)?.closedAt;
    return [{ id, from: first.startedAt, states, ...(closedAt === undefined ? {} : { closedAt }) }];
  });
}

/** Until a job takes it, it goes, or nobody counts on it any more. */
function freeUntil({ from, states, closedAt = Infinity }: Agent, overdueMs: number): number {
  const taken = states.find(({ state }) => state !== 'Provisioning' && state !== 'Starting' && state !== 'Ready');
  return Math.min(taken?.at ?? Infinity, closedAt, from + overdueMs);
}

function waitsUntil({ assignments, refusedAt, finishes }: JobLife): number {
  return Math.min(assignments.at(-1)?.at ?? Infinity, refusedAt ?? Infinity, finishes[0]?.at ?? Infinity);
}

function standbyBetween({ declared }: PoolAccount, from: number, until: number): number {
  const inForce = declared.filter(({ at }, index) => at <= until && from <= (declared[index + 1]?.at ?? Infinity));
  return Math.max(0, ...inForce.map(({ standby }) => standby));
}

function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

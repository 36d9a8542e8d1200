import type { Account, Breach, PoolAccount } from './account.ts';
import { openWorkflows } from './rules.ts';

/** What may end a job without a result: somebody took its machine, its agent or its build away. */
const endsJobs: readonly string[] = [
  'machineStopped',
  'machineEvicted',
  'machineDeleted',
  'registrationRemoved',
  'agentDied',
  'buildCancelled',
];

/**
 * Once nothing is disturbed any more, every job gets its agent and ends, standby is there, nothing is there that nobody
 * wants, and what was deleted is gone. A hold that the pool tells its users excuses what it holds back.
 */
export function liveness(account: Account): Breach[] {
  if (account.quietFrom === undefined) return [];
  const open = openWorkflows(account);
  return [
    ...account.pools.flatMap((pool) =>
      pool.deletedAt === undefined ? standing(account, pool, open) : deleted(account, pool, open),
    ),
    ...jobs(account),
  ];
}

function jobs(account: Account): Breach[] {
  return account.jobs.flatMap(({ requestId, pool: name, refusedAt, finishes, queuedAt }) => {
    const pool = account.pools.find((one) => one.name.toLowerCase() === name.toLowerCase());
    // A pool without an accepted document promised nothing, and its author was told.
    const promised = pool !== undefined && pool.declared.length > 0 && pool.deletedAt === undefined;
    const excused = refusedAt !== undefined || !promised || isHeld(pool, account.until);
    const subject = `job request ${requestId}`;
    if (finishes.length === 0) {
      return excused
        ? []
        : [
            {
              invariant: 'liveness',
              at: queuedAt,
              subject,
              message: `It waits or runs since it was queued in the pool ${name}.`,
            },
          ];
    }
    const [{ result, at }] = finishes as [{ result: string; at: number }];
    if (result !== 'abandoned' || isTakenAway(account, at) || reachedUsedAgent(account, requestId)) return [];
    const message = 'It was abandoned, although nobody took its machine or agent away.';
    return [{ invariant: 'liveness', at, subject, message }];
  });
}

function isTakenAway({ disturbances }: Account, at: number): boolean {
  return disturbances.some(({ kind, at: when }) => endsJobs.includes(kind) && when <= at);
}

/**
 * The server may give an agent another job in the moment between the end of its one job and its farewell, sooner than
 * anybody could disable it. The agent never takes that job (microsoft/azure-pipelines-agent issue 2332).
 */
function reachedUsedAgent({ jobs: all }: Account, requestId: number): boolean {
  const assigned = all.find((job) => job.requestId === requestId)?.assignments.at(-1);
  return all.some(
    (other) =>
      other.requestId !== requestId &&
      other.receipts.some(({ agent, at }) => agent === assigned?.agent && at <= assigned.at),
  );
}

function standing(account: Account, pool: PoolAccount, open: ReadonlySet<string>): Breach[] {
  const wanted = pool.declared.at(-1)?.standby;
  const unfinished = account.jobs.some(
    (job) => job.pool.toLowerCase() === pool.name.toLowerCase() && job.finishes.length === 0,
  );
  // Without a document there is no pool; with jobs about, standby may be busy.
  if (wanted === undefined || unfinished || isHeld(pool, account.until) || !open.has(`pool/${pool.name}`)) return [];
  const agents = agentsOf(account, pool, open);
  const ready = agents.filter(({ states }) => states.at(-1)?.state === 'Ready').length;
  const at = account.until;
  if (ready < Math.min(wanted, pool.declared.at(-1)?.maximumConcurrency ?? 0)) {
    return [
      { invariant: 'liveness', at, subject: pool.name, message: `${ready} agents stand by; ${wanted} are wanted.` },
    ];
  }
  if (agents.length > wanted) {
    const names = agents.map(({ id, states }) => `${id} (${states.at(-1)?.state ?? ''})`).join(', ');
    return [
      {
        invariant: 'liveness',
        at,
        subject: pool.name,
        message: `${agents.length} agents are there and ${wanted} wanted: ${names}.`,
      },
    ];
  }
  return [];
}

function deleted(account: Account, pool: PoolAccount, open: ReadonlySet<string>): Breach[] {
  const at = pool.deletedAt ?? 0;
  const left = [
    ...(open.has(`pool/${pool.name}`) ? [`pool/${pool.name}`] : []),
    ...agentsOf(account, pool, open).map(({ id }) => id),
  ];
  return left.map((subject) => ({
    invariant: 'liveness',
    at,
    subject,
    message: `The pool was deleted, and this is still open.`,
  }));
}

function agentsOf({ workflows }: Account, { name }: PoolAccount, open: ReadonlySet<string>) {
  return workflows.filter(({ id, type }) => type === 'agent' && open.has(id) && id.startsWith(`agent/${name}/`));
}

function isHeld(pool: PoolAccount | undefined, at: number): boolean {
  return pool?.holds?.some(({ until }) => until > at) ?? false;
}

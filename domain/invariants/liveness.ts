import type { Account, Breach, PoolAccount } from './account.ts';
import { openWorkflows } from './rules.ts';

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
  return account.jobs.flatMap(({ requestId, pool: name, refusedAt, receipts, finishes, queuedAt }) => {
    if (finishes.length > 0 || refusedAt !== undefined) return [];
    const pool = account.pools.find((one) => one.name.toLowerCase() === name.toLowerCase());
    // What runs ends, whatever becomes of the pool; what waits needs one, and an image that is not held back.
    const excused = pool?.deletedAt !== undefined || isHeld(pool, account.until);
    if (receipts.length === 0 && excused) return [];
    const message = `It ${receipts.length === 0 ? 'waits' : 'runs'} since it was queued in the pool ${name}.`;
    return [{ invariant: 'liveness', at: queuedAt, subject: `job request ${requestId}`, message }];
  });
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

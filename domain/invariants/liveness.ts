import type { Account, Breach, PoolAccount, WorkflowLife } from './account.ts';
import { lateJobs } from './late-jobs.ts';
import { openWorkflows, type InvariantRules } from './rules.ts';

/**
 * Once nothing is disturbed any more, every job gets its agent and ends, standby is there, nothing is there that nobody
 * wants, and what was deleted is gone. A hold that the pool tells its users excuses what it holds back.
 */
export function liveness(account: Account, rules: InvariantRules): Breach[] {
  if (account.quietFrom === undefined) return [];
  const open = openWorkflows(account);
  return [
    ...account.pools.flatMap((pool) =>
      pool.deletedAt === undefined ? standing(account, pool, open) : deleted(account, pool, open),
    ),
    ...jobs(account),
    ...lateJobs(account, account.quietFrom, rules),
    ...leases(account, open, rules),
    ...organizations(account, open),
  ];
}

function jobs(account: Account): Breach[] {
  return account.jobs.flatMap(({ requestId, pool: name, refusedAt, receipts, finishes, queuedAt }) => {
    if (finishes.length > 0 || refusedAt !== undefined) return [];
    const pool = account.pools.find((one) => one.name.toLowerCase() === name.toLowerCase());
    // What runs ends, whatever becomes of the pool. What waits needs a pool, and an image that is not held back; one
    // without an accepted document promised nothing, and its author was told.
    const promised = pool !== undefined && pool.declared.length > 0 && pool.deletedAt === undefined && !pool.draining;
    if (receipts.length === 0 && (!promised || isHeld(pool, account.until))) return [];
    const message = `It ${receipts.length === 0 ? 'waits' : 'runs'} since it was queued in the pool ${name}.`;
    return [breach(`job request ${requestId}`, queuedAt, message)];
  });
}

/** A lease ends with its job; where its end was not told, the auditor tells it. */
function leases(account: Account, open: ReadonlySet<string>, { limits: { audit } }: InvariantRules): Breach[] {
  const toldInMs = 2 * (audit.everyMs + audit.confirmMs);
  return account.jobs.flatMap(({ organization, requestId, finishes: [finish] }) => {
    const id = `lease/${organization}/${requestId}`;
    if (!finish || finish.at > account.until - toldInMs || !open.has(id)) return [];
    return [breach(id, finish.at, `Its job has ended ${account.until - finish.at} ms ago, and it is still open.`)];
  });
}

/** An organisation is watched as long as a pool serves it. */
function organizations({ workflows, until }: Account, open: ReadonlySet<string>): Breach[] {
  const isOpen = ({ id }: WorkflowLife) => open.has(id);
  if (workflows.some((one) => one.type === 'pool' && isOpen(one))) return [];
  return workflows
    .filter((one) => one.type === 'organization' && isOpen(one))
    .map(({ id }) => breach(id, until, 'It is still open, and no pool is.'));
}

function standing(account: Account, pool: PoolAccount, open: ReadonlySet<string>): Breach[] {
  const document = pool.declared.at(-1);
  // Without a document there is no pool.
  if (!document) return [];
  const at = account.until;
  const id = `pool/${pool.name}`;
  if (!open.has(id)) return [breach(id, at, 'It has a document, nobody deleted it, and it is not open.')];
  const unfinished = account.jobs.some(
    ({ pool: name, refusedAt, finishes }) =>
      name.toLowerCase() === pool.name.toLowerCase() && refusedAt === undefined && finishes.length === 0,
  );
  // With jobs about, standby may be busy.
  if (unfinished || isHeld(pool, at)) return [];
  const wanted = pool.draining ? 0 : Math.min(document.standby, document.maximumConcurrency);
  const kept = new Set((pool.kept ?? []).map((name) => `agent/${pool.name}/${name}`));
  const mostKept = Math.max(0, ...pool.declared.map(({ retained }) => retained?.count ?? 0));
  if (kept.size > mostKept) {
    return [breach(pool.name, at, `${kept.size} failed machines are kept for inspection, at most ${mostKept}.`)];
  }
  const agents = agentsOf(account, pool, open).filter((agent) => !kept.has(agent.id));
  const ready = agents.filter(({ states }) => states.at(-1)?.state === 'Ready');
  if (ready.length < wanted) return [breach(pool.name, at, `${ready.length} agents stand by; ${wanted} are wanted.`)];
  // Parked agents cost disks only, and stay for the next job until their lives end.
  const running = agents.filter(({ states }) => states.at(-1)?.state !== 'Parked');
  if (running.length > wanted) {
    const names = running.map((agent) => `${agent.id} (${agent.states.at(-1)?.state ?? ''})`).join(', ');
    return [breach(pool.name, at, `${running.length} agents are there and ${wanted} wanted: ${names}.`)];
  }
  return ready.flatMap((agent) => {
    const lacks = [
      ...(exists(account.resources, agent) ? [] : ['machine']),
      ...(exists(account.registrations, agent) ? [] : ['registration']),
    ];
    return lacks.map((what) => breach(agent.id, at, `It shows as ready, and has no ${what}.`));
  });
}

function exists(
  things: readonly { kind?: string; owner: string; until?: number }[],
  { id }: Pick<WorkflowLife, 'id'>,
): boolean {
  return things.some(({ kind = 'machine', owner, until }) => kind === 'machine' && owner === id && until === undefined);
}

function deleted(account: Account, pool: PoolAccount, open: ReadonlySet<string>): Breach[] {
  const at = pool.deletedAt ?? 0;
  const left = [
    ...(open.has(`pool/${pool.name}`) ? [`pool/${pool.name}`] : []),
    ...agentsOf(account, pool, open).map(({ id }) => id),
  ];
  return left.map((subject) => breach(subject, at, 'The pool was deleted, and this is still open.'));
}

function breach(subject: string, at: number, message: string): Breach {
  return { invariant: 'liveness', at, subject, message };
}

function agentsOf({ workflows }: Account, { name }: PoolAccount, open: ReadonlySet<string>) {
  return workflows.filter(({ id, type }) => type === 'agent' && open.has(id) && id.startsWith(`agent/${name}/`));
}

function isHeld(pool: PoolAccount | undefined, at: number): boolean {
  return pool?.holds?.some(({ until }) => until > at) ?? false;
}

import type { Account, Breach, PoolAccount, ResourceLife } from './account.ts';
import { plantedOwners } from './rules.ts';

/**
 * How far a document reaches beyond its own span; milliseconds. Before it: the pool follows a document as soon as it
 * takes it, and the account knows only when its author heard of that. After it: what the pool had already asked for
 * under the earlier document is on its way to Azure.
 */
const changeMs = 120_000;

/**
 * A pool never has more running machines than its maximum, counted from the create call until the machine is gone, and not
 * while it is parked. Only a create and the start of a parked machine can raise the number, so that looking at those is
 * looking at every instant. When the maximum is lowered, the machines above it may finish; only a new one is a breach.
 */
export function cap(account: Account): Breach[] {
  const machines = askedFor(account);
  // While the engine is away, a create may be on its way for longer than any document reaches.
  const askedAt = new Map(account.workflows.map(({ id, runs }) => [id, runs[0]?.startedAt]));
  return account.pools.flatMap((pool) => {
    const own = machines.filter((machine) => machine.pool.toLowerCase() === pool.name.toLowerCase());
    return own
      .flatMap(({ id, owner, from, parked = [] }) => [
        { id, at: from, asked: askedAt.get(owner) ?? from },
        ...parked.flatMap(({ until = [] }) => until).map((at) => ({ id, at, asked: at })),
      ])
      .flatMap(({ id, at, asked }) => {
        const existing = own.filter((other) => runsAt(other, at)).length;
        const maximum = Math.max(maximumAt(pool, at), maximumAt(pool, asked));
        if (existing <= maximum) return [];
        const message = `It is one of ${existing} running machines of the pool ${pool.name}; its maximum is ${maximum}.`;
        return [{ invariant: 'cap', at, subject: id, message }];
      });
  });
}

/**
 * The machines that a pool answers for. Nobody of the pool asked for those that were planted, and one that appears after
 * its agent has closed was made by an attempt that outlived it: the auditor removes both.
 */
function askedFor(account: Account): ResourceLife[] {
  const planted = plantedOwners(account);
  const closedAt = new Map(account.workflows.map(({ id, runs }) => [id, runs.at(-1)?.closedAt]));
  return account.resources.filter(
    ({ kind, owner, from }) => kind === 'machine' && !planted.has(owner) && from <= (closedAt.get(owner) ?? Infinity),
  );
}

function runsAt({ from, until = Infinity, parked = [] }: ResourceLife, at: number): boolean {
  if (at < from || at >= until) return false;
  return !parked.some((span) => (span.from ?? Infinity) <= at && at < (span.until ?? Infinity));
}

/**
 * The maximum in force at an instant: that of the last document that was accepted by then. Near a change it is the
 * largest of the documents on both sides. A pool without a document has none, and may have no machine.
 */
export function maximumAt({ declared }: PoolAccount, at: number): number {
  const inForce = declared.filter((document, index) => {
    const replacedAt = declared[index + 1]?.at ?? Infinity;
    return document.at - changeMs <= at && at < replacedAt + changeMs;
  });
  return Math.max(0, ...inForce.map(({ maximumConcurrency }) => maximumConcurrency));
}

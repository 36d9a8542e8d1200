import type { Account, Breach, PoolAccount } from './account.ts';
import { plantedOwners } from './rules.ts';

/** A document counts from when it was accepted; its author hears of it a little later. Milliseconds. */
const acceptanceMs = 120_000;

/**
 * A pool never has more machines than its maximum, counted from the create call until the machine is gone. When the
 * maximum is lowered, the machines above it may finish; only a new one would be a breach, so that creates are checked.
 * Not counted: what nobody of the pool asked for, and what an attempt made that outlived its agent.
 */
export function cap(account: Account): Breach[] {
  const planted = plantedOwners(account);
  const closedAt = new Map(account.workflows.map(({ id, runs }) => [id, runs.at(-1)?.closedAt ?? Infinity]));
  const machines = account.resources.filter(
    ({ kind, owner, from }) => kind === 'machine' && !planted.has(owner) && from <= (closedAt.get(owner) ?? Infinity),
  );
  return account.pools.flatMap((pool) => {
    const own = machines.filter((machine) => machine.pool.toLowerCase() === pool.name.toLowerCase());
    return own.flatMap(({ id, from }) => {
      const existing = own.filter((other) => other.from <= from && (other.until ?? Infinity) > from).length;
      const most = maximumAt(pool, from);
      if (existing <= most) return [];
      return [
        {
          invariant: 'cap',
          at: from,
          subject: id,
          message: `It is one of ${existing} machines of the pool ${pool.name}; its maximum is ${most}.`,
        },
      ];
    });
  });
}

/** The maximum in force; around a change the larger one, because only the pool knows the moment. */
export function maximumAt({ declared }: PoolAccount, at: number): number {
  const before = declared.filter((one) => one.at <= at);
  const around = declared.filter((one) => Math.abs(one.at - at) <= acceptanceMs);
  return Math.max(
    before.at(-1)?.maximumConcurrency ?? 0,
    ...around.map((one) => one.maximumConcurrency),
    ...before
      .filter((_, index) => (before[index + 1]?.at ?? 0) > at - acceptanceMs)
      .map((one) => one.maximumConcurrency),
  );
}

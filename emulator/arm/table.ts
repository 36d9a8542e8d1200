import type { Clock, Collection, Store } from '../core/context.ts';

/** How far back a list can be asked for by the fault `staleList`. */
const historyMs = 30 * 60_000;
/** And how many changes are remembered at most. */
const historyLength = 100_000;

/**
 * A collection whose records are read without a copy, hence as read-only, and whose past can be listed. Lists of a
 * thousand machines are the most frequent calls of a pool; copying each record for each would dominate their cost.
 */
export interface Table<T extends { id: string }> {
  get(id: string): Readonly<T> | undefined;
  put(record: T): void;
  delete(id: string): void;
  values(): Iterable<Readonly<T>>;
  /** The records as they were `ageMs` ago, as far as this process remembers. */
  valuesAsOf(ageMs: number): Iterable<Readonly<T>>;
  readonly size: number;
}

/** The key of an id: Azure compares ids without regard to case. */
export function keyOf(id: string): string {
  return id.toLowerCase();
}

/** The table over the collection `name` of `store`. */
export function createTable<T extends { id: string }>(store: Store, clock: Clock, name: string): Table<T> {
  const collection: Collection<T> = store.collection<T>(name);
  const records = new Map<string, T>();
  for (const record of collection.values()) records.set(keyOf(record.id), record);
  const past: { at: number; key: string; before: T | undefined }[] = [];

  function remember(key: string): void {
    past.push({ at: clock.now(), key, before: records.get(key) });
    if (past.length > historyLength) past.splice(0, past.length - historyLength);
    if (past.length % 1000 === 0) {
      const oldest = clock.now() - historyMs;
      const keep = past.findIndex((change) => change.at >= oldest);
      if (keep > 0) past.splice(0, keep);
    }
  }

  return {
    get: (id) => records.get(keyOf(id)),
    put(record) {
      const key = keyOf(record.id);
      remember(key);
      records.set(key, record);
      collection.put(key, record);
    },
    delete(id) {
      const key = keyOf(id);
      if (!records.has(key)) return;
      remember(key);
      records.delete(key);
      collection.delete(key);
    },
    values: () => records.values(),
    valuesAsOf(ageMs) {
      const instant = clock.now() - ageMs;
      const then = new Map(records);
      for (let index = past.length - 1; index >= 0 && past[index]!.at > instant; index -= 1) {
        const { key, before } = past[index]!;
        if (before === undefined) then.delete(key);
        else then.set(key, before);
      }
      return then.values();
    },
    get size() {
      return records.size;
    },
  };
}

import type { Clock, Collection } from '../core/context.ts';

/** What a list call reads: the table as it is, or as it was. */
export interface View<T> {
  get(id: string | number): T | undefined;
  values(): Iterable<T>;
  /** The records of one group, in order of insertion into it. */
  inGroup(group: string): T[];
}

/**
 * Records of one kind in memory, written through to the store. A record is never changed in place: `put` takes a new
 * one. That makes it cheap to answer as of a moment ago, as a stale replica of a real service does.
 */
export interface Table<T> extends View<T> {
  put(value: T): void;
  delete(id: string | number): void;
  readonly size: number;
  /** The table as it was `at` that instant, at most ten minutes back; without `at`, as it is. */
  asOf(at: number | undefined): View<T>;
}

/** How far back `asOf` can look. Replicas of real services lag seconds; ten minutes leave room for any test. */
const retentionMs = 600_000;

interface Undo<T> {
  at: number;
  id: string;
  before: T | undefined;
}

/** Opens the table that `collection` holds; `groupOf` names the one group that a record is in. */
export function openTable<T>(
  collection: Collection<T>,
  clock: Clock,
  idOf: (value: T) => string | number,
  groupOf: (value: T) => string = () => '',
): Table<T> {
  const records = new Map<string, T>();
  const groups = new Map<string, Map<string, T>>();
  let undo: Undo<T>[] = [];

  function set(id: string, value: T | undefined): void {
    const before = records.get(id);
    if (before !== undefined && (value === undefined || groupOf(before) !== groupOf(value))) {
      groups.get(groupOf(before))?.delete(id);
    }
    if (value === undefined) {
      records.delete(id);
      return;
    }
    records.set(id, value);
    const group = groupOf(value);
    let members = groups.get(group);
    if (members === undefined) groups.set(group, (members = new Map()));
    members.set(id, value);
  }

  function remember(id: string): void {
    const now = clock.now();
    const oldest = undo[0];
    // Trimmed only when half of it is stale, so that a write costs the same on average.
    if (oldest !== undefined && oldest.at < now - 2 * retentionMs) {
      undo = undo.filter((entry) => entry.at >= now - retentionMs);
    }
    undo.push({ at: now, id, before: records.get(id) });
  }

  for (const value of collection.values()) set(String(idOf(value)), value);

  const table: Table<T> = {
    get: (id) => records.get(String(id)),
    values: () => records.values(),
    inGroup: (group) => [...(groups.get(group)?.values() ?? [])],
    get size() {
      return records.size;
    },
    put(value) {
      const id = String(idOf(value));
      remember(id);
      set(id, value);
      collection.put(id, value);
    },
    delete(id) {
      remember(String(id));
      set(String(id), undefined);
      collection.delete(String(id));
    },
    asOf(at) {
      if (at === undefined || at >= clock.now()) return table;
      const past = new Map(records);
      for (const entry of undo.toReversed()) {
        if (entry.at <= at) break;
        if (entry.before === undefined) past.delete(entry.id);
        else past.set(entry.id, entry.before);
      }
      return {
        get: (id) => past.get(String(id)),
        values: () => past.values(),
        inGroup: (group) => [...past.values()].filter((value) => groupOf(value) === group),
      };
    },
  };
  return table;
}

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Collection, LedgerEntry, Store } from './context.ts';

/** One line of the ledger with its place in it. */
export type NumberedEntry<K extends LedgerEntry['kind'] = LedgerEntry['kind']> = Extract<LedgerEntry, { kind: K }> & {
  /** 1 for the first line of the ledger; no two lines share one. */
  sequence: number;
};

/** How long the lines of reads may wait for their commit: as much of them does the kill of the process lose. */
const readLinesCommitMs = 10;

/** Where the ledger's lines live. */
export interface LedgerRows {
  append(entry: LedgerEntry): void;
  /** Lines after the sequence number `after`, in order, at most `limit`. */
  read<K extends LedgerEntry['kind']>(kind: K | undefined, after: number, limit: number): NumberedEntry<K>[];
}

/** A store with a ledger beside the collections, in one transaction with them. */
export interface CloudStore extends Store {
  readonly ledger: LedgerRows;
  /** How often this state has been opened before. */
  readonly life: number;
}

/** A copy as JSON would make it, so that a record reads the same before and after a restart. Faster than either clone. */
export function copy<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: unknown) => copy(item) ?? null) as T;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item !== undefined) result[key] = copy(item);
  }
  return result as T;
}

function collectionOf<T>(
  records: Map<string, T>,
  persist?: { put(id: string, value: T): void; delete(id: string): void },
): Collection<T> {
  return {
    get: (id) => copy(records.get(id)),
    put(id, value) {
      const stored = copy(value);
      records.set(id, stored);
      persist?.put(id, stored);
    },
    delete(id) {
      if (records.delete(id)) persist?.delete(id);
    },
    values: () => [...records.values()].map((value) => copy(value)),
    get size() {
      return records.size;
    },
  };
}

/** A store that ends with the process. */
export function createMemoryStore(): CloudStore {
  const collections = new Map<string, Collection<unknown>>();
  const lines: NumberedEntry[] = [];
  const byKind = new Map<string, NumberedEntry[]>();
  return {
    life: 0,
    collection<T>(name: string): Collection<T> {
      let known = collections.get(name);
      if (known === undefined) collections.set(name, (known = collectionOf(new Map<string, unknown>())));
      return known as Collection<T>;
    },
    ledger: {
      append(entry) {
        const line: NumberedEntry = { ...entry, sequence: lines.length + 1 };
        lines.push(line);
        const same = byKind.get(entry.kind);
        if (same === undefined) byKind.set(entry.kind, [line]);
        else same.push(line);
      },
      read<K extends LedgerEntry['kind']>(kind: K | undefined, after: number, limit: number) {
        const source = kind === undefined ? lines : (byKind.get(kind) ?? []);
        let low = 0;
        for (let high = source.length; low < high;) {
          const middle = (low + high) >> 1;
          if (source[middle]!.sequence <= after) low = middle + 1;
          else high = middle;
        }
        return source.slice(low, low + limit) as NumberedEntry<K>[];
      },
    },
    close() {},
  };
}

/**
 * A store in `folder`. Everything that one turn of the program puts is one transaction, committed before any answer can
 * leave: a process that is killed has either all of a call's effect on disk or none, and all that it acknowledged.
 * `synchronous = NORMAL` does not outlive a power cut, which an emulator need not. The lock on the file keeps a second
 * cloud from the same folder: memory is what answers, so two would contradict each other.
 */
export function openFileStore(folder: string): CloudStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(folder, 'cloud.db'));
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE; COMMIT;');
  } catch (error) {
    database.close();
    throw new Error(`The state folder ${folder} cannot be opened. Is another cloud running on it?`, { cause: error });
  }
  database.exec(`
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS record (
      position INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL, UNIQUE (collection, id)
    );
    CREATE TABLE IF NOT EXISTS ledger (sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, json TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS ledger_by_kind ON ledger (kind, sequence);
    CREATE TABLE IF NOT EXISTS life (number INTEGER PRIMARY KEY AUTOINCREMENT);
  `);
  const life = Number(database.prepare('INSERT INTO life DEFAULT VALUES').run().lastInsertRowid) - 1;
  const upsert = database.prepare(
    'INSERT INTO record (collection, id, json) VALUES (?, ?, ?) ON CONFLICT (collection, id) DO UPDATE SET json = excluded.json',
  );
  const remove = database.prepare('DELETE FROM record WHERE collection = ? AND id = ?');
  const load = database.prepare('SELECT id, json FROM record WHERE collection = ? ORDER BY position');
  const append = database.prepare('INSERT INTO ledger (kind, json) VALUES (?, ?)');
  const readAll = database.prepare('SELECT sequence, json FROM ledger WHERE sequence > ? ORDER BY sequence LIMIT ?');
  const readKind = database.prepare(
    'SELECT sequence, json FROM ledger WHERE kind = ? AND sequence > ? ORDER BY sequence LIMIT ?',
  );

  let open = false;
  let committing = false;
  let closed = false;
  let later: NodeJS.Timeout | undefined;
  const commit = (): void => {
    committing = false;
    clearTimeout(later);
    later = undefined;
    if (!open) return;
    open = false;
    database.exec('COMMIT');
  };
  const begin = (): void => {
    if (closed) throw new Error('The store is closed.');
    if (!open) database.exec('BEGIN');
    open = true;
  };
  const commitThisTurn = (): void => {
    begin();
    if (!committing) queueMicrotask(commit);
    committing = true;
  };
  /** Lines without a change beside them, such as those of reads, are too many to pay a commit for each. */
  const commitSoon = (): void => {
    begin();
    later ??= setTimeout(commit, readLinesCommitMs);
  };

  const collections = new Map<string, Collection<unknown>>();
  return {
    life,
    collection<T>(name: string): Collection<T> {
      let known = collections.get(name);
      if (known === undefined) {
        const records = new Map<string, unknown>();
        for (const row of load.all(name)) records.set(String(row['id']), JSON.parse(String(row['json'])));
        known = collectionOf(records, {
          put(id, value) {
            commitThisTurn();
            upsert.run(name, id, JSON.stringify(value));
          },
          delete(id) {
            commitThisTurn();
            remove.run(name, id);
          },
        });
        collections.set(name, known);
      }
      return known as Collection<T>;
    },
    ledger: {
      append(entry) {
        commitSoon();
        append.run(entry.kind, JSON.stringify(entry));
      },
      read<K extends LedgerEntry['kind']>(kind: K | undefined, after: number, limit: number) {
        const rows = kind === undefined ? readAll.all(after, limit) : readKind.all(kind, after, limit);
        return rows.map((row) => ({
          ...(JSON.parse(String(row['json'])) as Extract<LedgerEntry, { kind: K }>),
          sequence: Number(row['sequence']),
        }));
      },
    },
    close() {
      if (closed) return;
      commit();
      closed = true;
      database.close();
    },
  };
}

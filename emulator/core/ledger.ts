import type { Ledger, LedgerEntry } from './context.ts';
import type { LedgerRows } from './store.ts';

/** The ledger over its rows. */
export function createLedger(rows: LedgerRows): Ledger {
  return {
    record: (entry) => rows.append(entry),
    entries: <K extends LedgerEntry['kind']>(kind: K) => rows.read(kind, 0, Number.MAX_SAFE_INTEGER),
  };
}

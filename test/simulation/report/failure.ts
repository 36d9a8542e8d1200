import type { Breach } from '../../../domain/invariants/account.ts';
import type { Commit } from './commit.ts';
import type { RunResult } from './runner.ts';

/** Lines of the journal below a failure; `--trace` shows all. */
const shownLines = 40;

/** One breach of each invariant, the earliest. */
export function firstBreaches(breaches: readonly Breach[]): Breach[] {
  const first = new Map<string, Breach>();
  for (const breach of breaches) {
    const known = first.get(breach.invariant);
    if (!known || breach.at < known.at) first.set(breach.invariant, breach);
  }
  return [...first.values()];
}

/** A failed run for people: what to quote in a report, the end of the journal, how to see more. */
export function failureText({ schedule, breaches, journal }: RunResult, { commit, dirty }: Commit): string {
  const where = `SEED=${schedule.seed} COMMIT=${commit.slice(0, 12)}${dirty ? '+changes' : ''}`;
  const lines = firstBreaches(breaches).map(
    ({ invariant, at, subject, message }) => `${where} broke ${invariant} at t=${moment(at)}: ${message} [${subject}]`,
  );
  const more = breaches.length - lines.length;
  return [
    ...lines,
    ...(more > 0 ? [`and ${more} more breaches of these`] : []),
    ...journal.slice(-shownLines).map((line) => `    ${line}`),
    `every line: npm run simulate -- --seed ${schedule.seed} --trace`,
  ].join('\n');
}

/** Moments of the run are in milliseconds since the epoch, by the virtual clock. */
function moment(at: number): string {
  return at === 0 ? 'unknown' : new Date(at).toISOString().replace('T', ' ').replace('Z', '');
}

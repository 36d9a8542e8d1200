import type { SimulationOutcome } from './protocol.ts';
import type { RunResult } from './runner.ts';

type Figures = SimulationOutcome['figures'];

/** Sums over runs, as they come in. */
export interface Tally {
  schedules: number;
  /** Schedules that broke something or did not complete. */
  failed: number;
  breaches: number;
  /** Breaches by invariant. */
  broken: Record<string, number>;
  figures: Figures;
}

export function newTally(): Tally {
  return { schedules: 0, failed: 0, breaches: 0, broken: {}, figures: {} };
}

/** Adds one run. */
export function count(tally: Tally, { breaches, outcome }: Pick<RunResult, 'breaches' | 'outcome'>): void {
  tally.schedules += 1;
  tally.breaches += breaches.length;
  if (breaches.length > 0) tally.failed += 1;
  for (const { invariant } of breaches) tally.broken[invariant] = (tally.broken[invariant] ?? 0) + 1;
  if (outcome) addFigures(tally.figures, outcome.figures);
}

function addFigures(into: Figures, figures: Figures): void {
  for (const [name, value] of Object.entries(figures)) {
    if (typeof value === 'number') {
      const known = into[name];
      into[name] = (typeof known === 'number' ? known : 0) + value;
    } else {
      const known = into[name];
      const counts: Record<string, number> = typeof known === 'object' ? known : {};
      for (const [key, times] of Object.entries(value)) counts[key] = (counts[key] ?? 0) + times;
      into[name] = counts;
    }
  }
}

/** A figure that is one number; 0 where the runtime does not count it. */
export function figure({ figures }: Tally, name: string): number {
  const value = figures[name];
  return typeof value === 'number' ? value : 0;
}

/** One line on how far a run of many seeds is. */
export function progressLine(tally: Tally, of: number, seconds: number): string {
  const rate = (value: number) => (seconds > 0 ? value / seconds : 0).toFixed(1);
  const hours = Math.round(figure(tally, 'virtualMs') / 3_600_000);
  const activations = figure(tally, 'activations');
  return [
    `${tally.schedules} of ${of} schedules`,
    `${tally.failed} failed`,
    `${rate(tally.schedules)}/s`,
    `${activations.toLocaleString('en')} activations (${rate(activations)}/s)`,
    `${hours.toLocaleString('en')} virtual hours`,
  ].join(', ');
}

import type { Reading } from './reading.ts';

/** What the rules that recognise a state are made of. */

/** One state: what the test says of it, and how it is recognised. */
export interface State {
  /** Goes on from "a pool that …". */
  that: string;
  shows(history: Reading): boolean;
}

export type Json = Record<string, unknown>;

export const field = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((found, step) => (found as Json | undefined)?.[step], value);

export const open = ({ ending }: Reading) => ending === 'open';
export const completed = ({ ending }: Reading) => ending === 'completed';
export const some = (history: Reading, activity: string, outcome: string) =>
  history.activities(activity).some((one) => one.outcome === outcome);
/** How the last activity of this name stands. */
export const last = (history: Reading, activity: string) => history.activities(activity).at(-1)?.outcome;
export const waits = (history: Reading, summary: RegExp) =>
  open(history) && history.timers.some((timer) => timer.outcome === 'open' && summary.test(timer.summary));
export const elapsed = (history: Reading, summary: RegExp) =>
  history.timers.some((timer) => timer.outcome === 'fired' && summary.test(timer.summary));

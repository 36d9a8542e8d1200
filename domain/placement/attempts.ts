import type { Place } from './place.ts';

/** Attempts that a pool remembers. */
export const attemptsMax = 20;

/** What became of one or more equal attempts to make a machine. */
export interface Attempt extends Omit<Place, 'subnetId' | 'maximumPrice'> {
  /** The latest of them; milliseconds since the epoch. */
  at: number;
  image: string;
  outcome: 'asked' | 'refused';
  /** Why this place, or the code of the refusal. */
  why: string;
  count: number;
}

/** The list with one more attempt: one that equals the latest of its outcome is counted there. */
export function withAttempt(
  attempts: readonly Attempt[],
  { vmSize, zone, priority, location }: Place,
  attempt: Pick<Attempt, 'at' | 'image' | 'outcome' | 'why'>,
): Attempt[] {
  const place = { vmSize, ...(zone === undefined ? {} : { zone }), priority, location };
  const last = attempts.findLast(({ outcome }) => outcome === attempt.outcome);
  if (last && equal(last, { ...place, ...attempt })) {
    return attempts.map((one) => (one === last ? { ...one, at: attempt.at, count: one.count + 1 } : one));
  }
  return [...attempts, { ...place, ...attempt, count: 1 }].slice(-attemptsMax);
}

function equal(one: Attempt, other: Omit<Attempt, 'count'>): boolean {
  const names = ['image', 'why', 'vmSize', 'zone', 'priority', 'location'] as const;
  return names.every((name) => one[name] === other[name]);
}

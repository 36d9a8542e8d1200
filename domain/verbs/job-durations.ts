/**
 * How long a pool's jobs hold their agents, as a histogram that a pool can carry for all its life: a few hundred bytes
 * whatever the number of jobs. Two of them add up class by class, so that a sum is exact. Whole numbers only: the same
 * on every machine and in every replay.
 */

/** Number of jobs by the class of their duration. */
export type JobDurations = Record<string, number>;

/** Each class is a fifth wider than the one before it: what is told of a duration is at most 20 % too long. */
const classWidth = 1.2;

const firstBoundMs = 1_000;

/** No job outlives two days; what does all the same is in the last class. */
const lastBoundMs = 2 * 24 * 3_600_000;

/** Upper bounds of the classes in milliseconds, about seventy. */
const bounds: readonly number[] = classBounds();

function classBounds(): number[] {
  const all = [firstBoundMs];
  for (let bound = firstBoundMs; bound < lastBoundMs;) {
    bound = Math.min(lastBoundMs, Math.ceil(bound * classWidth));
    all.push(bound);
  }
  return all;
}

/**
 * Jobs that the histogram remembers at most: beyond, all classes are halved, so that the older half of a long life
 * weighs less and less.
 */
const rememberedMax = 2_000;

/** The histogram with one more job in it. */
export function withDuration(durations: JobDurations, ms: number): JobDurations {
  const index = bounds.findIndex((bound) => ms <= bound);
  const key = String(index === -1 ? bounds.length - 1 : index);
  return forgetful({ ...durations, [key]: (durations[key] ?? 0) + 1 });
}

/** The jobs of both. */
export function merged(one: JobDurations, other: JobDurations): JobDurations {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return forgetful(Object.fromEntries([...keys].map((key) => [key, (one[key] ?? 0) + (other[key] ?? 0)])));
}

/** Number of jobs in it. */
export function jobsIn(durations: JobDurations): number {
  return Object.values(durations).reduce((sum, count) => sum + count, 0);
}

/**
 * Of the jobs that lasted longer than `elapsedMs`, the share that lasted at most `ms`, from 0 to 1. Undefined where no
 * job lasted that long. A class counts as a whole at its upper bound.
 */
export function shareEndedBy(durations: JobDurations, elapsedMs: number, ms: number): number | undefined {
  let longer = 0;
  let ended = 0;
  for (const [key, count] of Object.entries(durations)) {
    const bound = bounds[Number(key)] ?? lastBoundMs;
    if (bound <= elapsedMs) continue;
    longer += count;
    if (bound <= ms) ended += count;
  }
  return longer === 0 ? undefined : ended / longer;
}

/** The moments at which the answer of `shareEndedBy` changes, as durations, the shortest first. */
export function boundsIn(durations: JobDurations): number[] {
  return Object.keys(durations)
    .map((key) => bounds[Number(key)] ?? lastBoundMs)
    .toSorted((a, b) => a - b);
}

function forgetful(durations: JobDurations): JobDurations {
  if (jobsIn(durations) <= rememberedMax) return durations;
  return Object.fromEntries(
    Object.entries(durations).flatMap(([key, count]) => (count > 1 ? [[key, Math.floor(count / 2)]] : [])),
  );
}

import { legNames, type LegName, type WaitLeg } from './wait.ts';

/**
 * How long a pool's jobs waited, leg by leg, over its life: counts in fixed buckets, each a quarter wider than the one
 * before, so that any number of jobs takes a few hundred bytes, and sketches of two pools can be added.
 */
export type WaitSketch = { [leg in LegName | 'wait']?: BucketCounts };

/** Number of jobs by the number of the bucket. */
type BucketCounts = Record<string, number>;

/** A percentile of each leg, over the jobs that had that leg; milliseconds, within an eighth of the true value. */
export interface LegPercentiles {
  leg: LegName | 'wait';
  jobs: number;
  p50Ms: number;
  p95Ms: number;
}

/** Everything shorter is in the first bucket: no poll sees the difference. */
const firstMs = 100;

/** Buckets from one doubling to the next. */
const perDoubling = 3;

/** Upper bounds of the buckets, as whole milliseconds, up to two days and a bit. The last bucket has none. */
const bounds = Array.from({ length: 64 }, (_, index) => Math.round(firstMs * 2 ** (index / perDoubling)));

const keys = [...legNames, 'wait'] as const;

/** The sketch with one job more. */
export function withWait(sketch: WaitSketch | undefined, legs: readonly WaitLeg[], waitMs: number): WaitSketch {
  const one: WaitSketch = { wait: { [bucketOf(waitMs)]: 1 } };
  for (const { name, ms } of legs) one[name] = { [bucketOf(ms)]: 1 };
  return mergeWaits(sketch ?? {}, one);
}

/** Two sketches added. */
export function mergeWaits(one: WaitSketch, other: WaitSketch): WaitSketch {
  const merged: WaitSketch = {};
  for (const key of keys) {
    const [a, b] = [one[key], other[key]];
    if (!a && !b) continue;
    const counts: BucketCounts = { ...a };
    for (const [bucket, count] of Object.entries(b ?? {})) counts[bucket] = (counts[bucket] ?? 0) + count;
    merged[key] = counts;
  }
  return merged;
}

/** The percentiles of each leg that any job had, in the order of the legs, and of the whole wait last. */
export function waitPercentiles(sketch: WaitSketch): LegPercentiles[] {
  return keys.flatMap((leg) => {
    const counts = sketch[leg];
    if (!counts) return [];
    const sorted = Object.entries(counts)
      .map(([bucket, count]): [number, number] => [Number(bucket), count])
      .toSorted(([a], [b]) => a - b);
    const jobs = sorted.reduce((sum, [, count]) => sum + count, 0);
    return [{ leg, jobs, p50Ms: quantile(sorted, jobs, 0.5), p95Ms: quantile(sorted, jobs, 0.95) }];
  });
}

function bucketOf(ms: number): number {
  const found = bounds.findIndex((bound) => ms <= bound);
  return found < 0 ? bounds.length : found;
}

/** By nearest rank; the middle of the bucket stands for all in it. */
function quantile(sorted: readonly [number, number][], jobs: number, q: number): number {
  let left = Math.max(1, Math.ceil(q * jobs));
  for (const [bucket, count] of sorted) {
    left -= count;
    if (left <= 0) return middleOf(bucket);
  }
  return 0;
}

function middleOf(bucket: number): number {
  const upper = bounds[bucket] ?? bounds.at(-1) ?? 0;
  const lower = bucket === 0 ? 0 : (bounds[bucket - 1] ?? 0);
  return bucket === 0 ? Math.round(upper / 2) : Math.round(Math.sqrt(lower * upper));
}

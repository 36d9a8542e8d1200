import type { Clock } from './clock.ts';

/**
 * Azure Resource Manager's buckets for writes and for deletes, each: 200 calls, refilled at 10 a second, per subscription,
 * region, principal and kind of call (learn.microsoft.com, "Understand how Azure Resource Manager throttles requests").
 */
export const writeBucket = { size: 200, perSecond: 10 } as const;

/**
 * What agents use of the bucket for reads, which is 250 calls, refilled at 25 a second: the looks at long-running
 * operations count too, and five hundred creates look fifty times a second. The rest is for people who wait.
 */
export const readBucket = { size: 220, perSecond: 22 } as const;

/**
 * Calls that arrive closer together than they left may find Azure's bucket a few tokens lower than ours, so ours is a
 * little smaller.
 */
const margin = 5;

/** A token bucket that makes its callers wait, in the order in which they came. */
export interface Pace {
  /** Resolves when one call may leave; rejects when the signal aborts, without having used a token. */
  enter(signal?: AbortSignal): Promise<void>;
  /** Nobody leaves for `ms`: the service said so. */
  pause(ms: number): void;
}

/** One bucket of Azure Resource Manager. */
export function createPace(clock: Clock, bucket: { size: number; perSecond: number } = writeBucket): Pace {
  const size = Math.max(1, bucket.size - margin);
  const intervalMs = 1_000 / bucket.perSecond;
  // The instant at which the bucket would be full again if nobody came any more: one number says all.
  let fullAt = Number.NEGATIVE_INFINITY;
  let closedUntil = 0;
  let last: Promise<void> = Promise.resolve();

  const leave = async (signal: AbortSignal | undefined): Promise<void> => {
    for (;;) {
      signal?.throwIfAborted();
      const now = clock.now();
      const wait = Math.max(fullAt - now - (size - 1) * intervalMs, closedUntil - now);
      if (wait <= 0) {
        fullAt = Math.max(fullAt, now) + intervalMs;
        return;
      }
      await clock.sleep(wait, signal);
    }
  };

  return {
    enter(signal) {
      const turn = last.then(() => leave(signal));
      last = turn.catch(() => undefined);
      return turn;
    },
    pause(ms) {
      closedUntil = Math.max(closedUntil, clock.now() + ms);
    },
  };
}

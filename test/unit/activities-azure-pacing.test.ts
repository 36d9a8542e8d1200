import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Clock } from '../../activities/azure/clock.ts';
import { createPace, writeBucket } from '../../activities/azure/pacing.ts';

/** Sleeping moves this clock at once; whoever sleeps is alone, for a pace lets its callers through one by one. */
function movingClock(): Clock {
  let now = 1_000_000;
  return {
    now: () => now,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.reject(new DOMException('aborted', 'AbortError'));
      now += ms;
      return Promise.resolve();
    },
  };
}

/** Azure's own side: the bucket that answers 429. */
function azureBucket({ size, perSecond }: { size: number; perSecond: number }) {
  let tokens = size;
  let at = Number.NEGATIVE_INFINITY;
  return (now: number): boolean => {
    if (at !== Number.NEGATIVE_INFINITY) tokens = Math.min(size, tokens + ((now - at) * perSecond) / 1_000);
    at = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

describe('the pace of calls to Azure', () => {
  test('five hundred creates at once never meet an empty bucket, and take no longer than they must', async () => {
    const clock = movingClock();
    const pace = createPace(clock);
    const accepts = azureBucket(writeBucket);
    const begun = clock.now();
    const answers = await Promise.all(
      Array.from({ length: 500 }, async () => {
        await pace.enter();
        return accepts(clock.now());
      }),
    );
    expect(answers.every(Boolean)).toBe(true);
    expect((clock.now() - begun) / 1_000).toBeLessThanOrEqual((500 - 195) / 10 + 0.2);
  });

  test('keeps within the bucket whatever the pauses between calls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 300 }), async (pauses) => {
        const clock = movingClock();
        const pace = createPace(clock, { size: 20, perSecond: 10 });
        const accepts = azureBucket({ size: 20, perSecond: 10 });
        for (const pause of pauses) {
          await clock.sleep(pause % 7 === 0 ? pause : 0);
          await pace.enter();
          expect(accepts(clock.now())).toBe(true);
        }
      }),
    );
  });

  test('holds everybody back for as long as Azure asked', async () => {
    const clock = movingClock();
    const pace = createPace(clock);
    const begun = clock.now();
    await pace.enter();
    expect(clock.now()).toBe(begun);
    pace.pause(30_000);
    await pace.enter();
    expect(clock.now() - begun).toBe(30_000);
  });

  test('lets go of a caller that is cancelled, without using its turn', async () => {
    const clock = movingClock();
    const pace = createPace(clock, { size: 6, perSecond: 1 });
    await pace.enter();
    const cancelled = AbortSignal.abort();
    await expect(pace.enter(cancelled)).rejects.toThrow();
    const begun = clock.now();
    await pace.enter();
    expect(clock.now() - begun).toBe(1_000);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createRealClock, createVirtualClock } from '../../../emulator/core/clock.ts';

describe('the virtual clock', () => {
  test('runs tasks by instant, and by insertion where instants are equal', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(20), { maxLength: 60 }), async (delays) => {
        const clock = createVirtualClock();
        const start = clock.now();
        const ran: { delay: number; index: number; at: number }[] = [];
        delays.forEach((delay, index) => {
          clock.at(start + delay, () => void ran.push({ delay, index, at: clock.now() - start }));
        });
        await clock.runUntilIdle();
        const expected = delays
          .map((delay, index) => ({ delay, index, at: delay }))
          .sort((a, b) => a.delay - b.delay || a.index - b.index);
        expect(ran).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  test('stands still until it is told, then stops at the instant that it was told', async () => {
    const clock = createVirtualClock();
    const start = clock.now();
    let ran = 0;
    clock.at(start + 1_000, () => void (ran += 1));
    await clock.advance(999);
    expect(ran).toBe(0);
    expect(clock.now()).toBe(start + 999);
    await clock.advance(1);
    expect(ran).toBe(1);
  });

  test('does not move on while a task that it began is at work between two sleeps', async () => {
    const clock = createVirtualClock();
    const seen: number[] = [];
    const start = clock.now();
    clock.at(start + 10, async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        for (let step = 0; step < 20; step += 1) await new Promise((resolve) => setImmediate(resolve));
        seen.push(clock.now() - start);
        await clock.sleep(5);
      }
    });
    clock.at(start + 100, () => void seen.push(100));
    await clock.runUntilIdle();
    expect(seen).toEqual([10, 15, 20, 100]);
  });

  test('leaves out what was cancelled', async () => {
    const clock = createVirtualClock();
    let ran = false;
    const cancel = clock.at(clock.now() + 5, () => void (ran = true));
    expect(clock.pending).toBe(1);
    cancel();
    cancel();
    expect(clock.pending).toBe(0);
    await clock.runUntilIdle();
    expect(ran).toBe(false);
  });

  test('ends a sleep when its signal is aborted', async () => {
    const clock = createVirtualClock();
    const controller = new AbortController();
    const asleep = clock.sleep(60_000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(asleep).rejects.toThrow('enough');
    expect(clock.pending).toBe(0);
  });

  test('runs until a promise settles, and says so when nothing can settle it', async () => {
    const clock = createVirtualClock();
    const start = clock.now();
    await clock.runUntil(clock.sleep(7_200_000));
    expect(clock.now() - start).toBe(7_200_000);
    await expect(clock.runUntil(new Promise(() => {}))).rejects.toThrow('nothing left to run');
  });
});

describe('the real clock', () => {
  test('runs a task that is due at once, and none that was cancelled', async () => {
    const clock = createRealClock();
    let cancelled = false;
    const cancel = clock.at(Date.now() + 1, () => void (cancelled = true));
    cancel();
    await new Promise<void>((resolve) => clock.at(Date.now() + 20, resolve));
    expect(cancelled).toBe(false);
    clock.close();
  });

  test('forgets its tasks when it is closed', async () => {
    const clock = createRealClock();
    let ran = false;
    clock.at(Date.now() + 5, () => void (ran = true));
    clock.close();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(ran).toBe(false);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { replay, type ScheduledJob } from '../../client/workload/replay.ts';

/** A clock that only waits move. */
function clock() {
  let time = 1_000;
  return {
    now: () => time,
    wait: (ms: number) => {
      time += ms;
      return Promise.resolve();
    },
    pass: (ms: number) => void (time += ms),
  };
}

const jobs = (...at: number[]): ScheduledJob[] =>
  at.map((atMs) => ({ atMs, durationSeconds: 1, label: `job at ${atMs}` }));
const never = new AbortController().signal;

describe('a replay', () => {
  test('queues each job at its moment, in the order of their moments', async () => {
    const { now, wait } = clock();
    const queued: [string, number][] = [];
    const queue = ({ label }: ScheduledJob) => Promise.resolve(queued.push([label, now()]));
    const result = await replay(jobs(500, 0, 2_000), { queue, failed: () => {}, signal: never, now, wait });
    expect(queued).toEqual([
      ['job at 0', 1_000],
      ['job at 500', 1_500],
      ['job at 2000', 3_000],
    ]);
    expect(result).toEqual({ planned: 3, queued: 3, failed: 0, longestLatenessMs: 0 });
  });

  test('reports how late it was', async () => {
    const { now, wait, pass } = clock();
    const late = async (ms: number) => {
      await wait(ms);
      pass(70);
    };
    const result = await replay(jobs(100), {
      queue: () => Promise.resolve(),
      failed: () => {},
      signal: never,
      now,
      wait: late,
    });
    expect(result.longestLatenessMs).toBe(70);
  });

  test('goes on after a job that could not be queued, and after a call that hangs for a while', async () => {
    const { now, wait } = clock();
    const failures: string[] = [];
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const queue = async ({ atMs }: ScheduledJob) => {
      if (atMs === 0) await held;
      if (atMs === 1) throw new Error('refused');
      if (atMs === 2) release();
    };
    const result = await replay(jobs(0, 1, 2), {
      queue,
      failed: (job) => void failures.push(job.label),
      signal: never,
      now,
      wait,
    });
    expect(failures).toEqual(['job at 1']);
    expect(result).toMatchObject({ planned: 3, queued: 2, failed: 1 });
  });

  test('queues nothing more once it is stopped', async () => {
    const { now, wait } = clock();
    const stop = new AbortController();
    const queue = () => {
      stop.abort();
      return Promise.resolve();
    };
    const result = await replay(jobs(0, 1, 2), { queue, failed: () => {}, signal: stop.signal, now, wait });
    expect(result).toMatchObject({ planned: 3, queued: 1 });
  });

  test('accounts for every job of every schedule', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(10_000), fc.boolean())), async (schedule) => {
        const { now, wait } = clock();
        const planned = schedule.map(([atMs, fails]) => ({ atMs, durationSeconds: 1, label: String(fails) }));
        const queue = ({ label }: ScheduledJob) =>
          label === 'true' ? Promise.reject(new Error('x')) : Promise.resolve();
        const result = await replay(planned, { queue, failed: () => {}, signal: never, now, wait });
        expect(result.queued + result.failed).toBe(schedule.length);
        expect(result.failed).toBe(schedule.filter(([, fails]) => fails).length);
      }),
    );
  });
});

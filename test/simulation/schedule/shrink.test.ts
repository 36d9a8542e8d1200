import { unfairness } from './fairness.ts';
import { scheduleOf } from './schedule-of.ts';
import type { Schedule } from './schedule.ts';
import { shrink } from './shrink.ts';

const plenty = { runs: 2_000 };

/** The first schedule of a seed for which something holds. */
function find(holds: (schedule: Schedule) => boolean): Schedule {
  for (let seed = 1; seed < 2_000; seed++) {
    const schedule = scheduleOf(seed);
    if (holds(schedule)) return schedule;
  }
  throw new Error('no seed has it');
}

const agentDies = ({ faults }: Schedule) => faults.some(({ fault }) => fault.effect.kind === 'agentDies');
const killsWorker = ({ disturbances }: Schedule) => disturbances.some(({ kind }) => kind === 'killWorker');

describe('shrinking', () => {
  test('leaves what the failure needs, and nothing else', async () => {
    const needs = (schedule: Schedule) =>
      agentDies(schedule) && killsWorker(schedule) && schedule.jobs.some(({ durationMs }) => durationMs > 60_000);
    const schedule = find((one) => needs(one) && one.pools.length === 2 && one.faults.length > 5);
    const { schedule: small, finished } = await shrink(schedule, async (one) => needs(one), plenty);
    expect(needs(small)).toBe(true);
    expect(finished).toBe(true);
    expect(small.faults).toHaveLength(1);
    expect(small.disturbances).toHaveLength(1);
    expect(small.jobs).toHaveLength(1);
    expect(small.pools).toHaveLength(1);
    expect(small.engine).toMatchObject({ loseTask: 0, evict: 0, refuseCall: 0, loseResult: 0, workers: 1 });
    expect(small.chaosMs).toBeLessThanOrEqual(schedule.chaosMs);
  });

  test('keeps a number that the failure needs', async () => {
    const needs = ({ engine }: Schedule) => engine.loseResult > 0 && engine.workers > 1;
    const { schedule: small } = await shrink(find(needs), async (one) => needs(one), plenty);
    expect(needs(small)).toBe(true);
    expect(small.engine.evict).toBe(0);
    expect(small.faults).toEqual([]);
  });

  test('answers the schedule itself where nothing can be left out', async () => {
    const schedule = find(({ faults }) => faults.length > 0);
    const same = JSON.stringify(schedule);
    const { schedule: small } = await shrink(schedule, async (one) => JSON.stringify(one) === same, plenty);
    expect(small).toEqual(schedule);
  });

  test('never makes a fair schedule unfair', async () => {
    const tried: Schedule[] = [];
    const schedule = find(
      (one) => one.verbs.some(({ at }) => at > one.chaosMs) && one.jobs.length > 3 && one.faults.length > 2,
    );
    await shrink(
      schedule,
      async (one) => {
        tried.push(one);
        return one.jobs.length > 2;
      },
      plenty,
    );
    expect(tried.length).toBeGreaterThan(5);
    expect(tried.flatMap((one) => unfairness(one))).toEqual([]);
  });

  test('stops when its budget ends, with the best so far', async () => {
    const schedule = find((one) => one.faults.length > 6);
    let runs = 0;
    const fails = async () => {
      runs++;
      return true;
    };
    const shrunk = await shrink(schedule, fails, { runs: 3 });
    expect(runs).toBe(3);
    expect(shrunk).toMatchObject({ runs: 3, finished: false });
    expect(JSON.stringify(shrunk.schedule).length).toBeLessThan(JSON.stringify(schedule).length);

    runs = 0;
    await shrink(schedule, fails, { runs: 100, spent: () => runs >= 2 });
    expect(runs).toBe(2);
  });

  test('is over after few runs where the failure needs nothing', async () => {
    let runs = 0;
    const { schedule: small } = await shrink(
      find((one) => one.faults.length > 6 && one.jobs.length > 10 && one.disturbances.length > 4),
      async () => {
        runs++;
        return true;
      },
      plenty,
    );
    expect([small.faults, small.jobs, small.verbs, small.disturbances]).toEqual([[], [], [], []]);
    expect(runs).toBeLessThan(40);
  });
});

import { currentCommit } from './report/commit.ts';
import { failureText } from './report/failure.ts';
import { readRegressions } from './report/regression.ts';
import { createRunner, type Runner } from './report/runner.ts';
import { simulateMany } from './report/simulate-many.ts';
import { scheduleOf } from './schedule/schedule-of.ts';

/**
 * Fault schedules on virtual time, by the code of `npm run simulate`, in child processes: see docs/simulation.md. A
 * failure tells its seed; the command then shows every line, shrinks the schedule and keeps it.
 */

jest.setTimeout(900_000);

const seeds = { first: 1, last: 200, block: 25 };
const blocks = Array.from({ length: (seeds.last - seeds.first + 1) / seeds.block }, (_, index): [number, number] => {
  const first = seeds.first + index * seeds.block;
  return [first, first + seeds.block - 1];
});

let runner: Runner;
beforeAll(() => {
  runner = createRunner({ workers: 2 });
});
afterAll(async () => {
  await runner.close();
});

describe('whatever fails and whenever, every invariant holds', () => {
  test.each(blocks)('in the seeds %i to %i', async (first, last) => {
    const told: string[] = [];
    const schedules = { count: last - first + 1, at: (index: number) => scheduleOf(first + index) };
    const log = (line: string) => told.push(line);
    const { tally } = await simulateMany(schedules, { runner, commit: await currentCommit(), keepGoing: true, log });
    if (told.length > 0) throw new Error(told.join('\n'));
    expect(tally.schedules).toBe(schedules.count);
  });
});

describe('what once failed does not fail again', () => {
  test('as this version understands it', () => {
    const others = readRegressions().filter(({ regression }) => Number(regression.schedule.version) !== 1);
    expect(others.map(({ file }) => file)).toEqual([]);
  });

  for (const { file, regression } of readRegressions()) {
    test(`${file}: ${regression.note}`, async () => {
      const result = await runner.run(regression.schedule);
      if (result.breaches.length > 0) throw new Error(failureText(result, await currentCommit()));
    });
  }
});

describe('a seed', () => {
  test('gives the same run in every process, whatever ran there before', async () => {
    const [fresh, used] = [createRunner({ workers: 1 }), createRunner({ workers: 1 })];
    try {
      const first = await fresh.run(scheduleOf(3));
      await used.run(scheduleOf(4));
      await used.run(scheduleOf(5));
      const second = await used.run(scheduleOf(3));
      expect(first.ending).toBe('completed');
      expect(second.outcome).toEqual(first.outcome);
    } finally {
      await Promise.all([fresh.close(), used.close()]);
    }
  });

  test('gives another run than its neighbour', async () => {
    const [one, other] = await Promise.all([runner.run(scheduleOf(3)), runner.run(scheduleOf(5))]);
    expect(one.outcome?.digest).not.toBe(other.outcome?.digest);
  });
});

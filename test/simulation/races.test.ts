import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { currentCommit } from './report/commit.ts';
import { failureText } from './report/failure.ts';
import { createRunner, type Runner } from './report/runner.ts';
import { unfairness } from './schedule/fairness.ts';
import { stormOf, type stormVerbs } from './schedule/races.ts';

/**
 * Jobs that reach an agent in every moment between its being idle and its machine's deletion, while operators purge,
 * drain and delete: none is killed. The server's refusal to forget an agent with a job decides each race.
 */

jest.setTimeout(300_000);

const moments = { fromMs: -2_400, stepMs: 300, pools: 17 };

let runner: Runner;
beforeAll(() => {
  runner = createRunner({ workers: 1 });
});
afterAll(async () => {
  await runner.close();
});

/** Runs a storm; answers how its jobs ended, and how often the server refused to forget an agent. */
async function storm(verb: keyof typeof stormVerbs) {
  const results: Record<string, number> = {};
  let refusals = 0;
  const trace = (line: string) => {
    const [, result] = /cloud +job \d+ finished \S+ (\w+)/.exec(line) ?? [];
    if (result !== undefined) results[result] = (results[result] ?? 0) + 1;
    if (/Agents_Delete 4\d\d/.test(line)) refusals += 1;
  };
  const schedule = stormOf(verb, moments);
  expect(unfairness(schedule)).toEqual([]);
  const result = await runner.run(schedule, { options: { trace: true }, trace });
  if (result.breaches.length > 0) throw new Error(failureText(result, await currentCommit()));
  return { results, refusals };
}

describe('jobs that come while an operator', () => {
  test('purges: every one ends by itself, whoever was first', async () => {
    const { results, refusals } = await storm('purge');
    expect(results).toEqual({ succeeded: moments.pools });
    expect(refusals).toBeGreaterThan(0);
  });

  test('drains: every one ends by itself, before the pool is resumed or after', async () => {
    const { results, refusals } = await storm('drain');
    expect(results).toEqual({ succeeded: moments.pools });
    expect(refusals).toBeGreaterThan(0);
  });

  test('deletes the pool: what an agent took ends by itself; the rest goes with the agent pool', async () => {
    const { results, refusals } = await storm('delete');
    const { succeeded = 0, canceled = 0 } = results;
    expect(succeeded).toBeGreaterThan(0);
    expect(succeeded + canceled).toBeLessThanOrEqual(moments.pools);
    expect(refusals).toBeGreaterThan(0);
  });

  test('purges by force: what ran there is cancelled, never cut off by the deletion of its machine', async () => {
    const { results } = await storm('purge by force');
    const { succeeded = 0, canceled = 0, ...others } = results;
    expect(others).toEqual({});
    expect(succeeded + canceled).toBe(moments.pools);
    expect(succeeded).toBeGreaterThan(0);
    expect(canceled).toBeGreaterThan(0);
  });
});

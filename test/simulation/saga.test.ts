import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { currentCommit } from './report/commit.ts';
import { failureText } from './report/failure.ts';
import { createRunner, type Runner } from './report/runner.ts';
import { mishaps, phaseAt, phases, sagaOf, type Mishap } from './schedule/saga.ts';

/**
 * Everything that takes several steps, with each step failing in turn: its answer is lost, so that it is done twice; it is
 * refused; it is forbidden for a while. Whatever happens, all invariants hold, and the deleted pool leaves nothing.
 */

jest.setTimeout(900_000);

let runner: Runner;
beforeAll(() => {
  runner = createRunner({ workers: 1 });
});
afterAll(async () => {
  await runner.close();
});

/** Runs one life; answers the writing calls of the system, each with its part of the life. */
async function live(mishap?: Mishap): Promise<Omit<Mishap, 'what'>[]> {
  const steps = new Map<string, Omit<Mishap, 'what'>>();
  const trace = (line: string) => {
    const [, seconds = '', operation = ''] = /^\s*([\d.]+) cloud +([A-Za-z]+_[A-Za-z]+) 2\d\d /.exec(line) ?? [];
    // What developers do is not the system's.
    if (operation === '' || operation.startsWith('Builds_')) return;
    const phase = phaseAt(Number(seconds) * 1_000);
    steps.set(`${operation} ${phase}`, { operation, phase });
  };
  const result = await runner.run(sagaOf(mishap), { trace });
  if (result.breaches.length > 0) throw new Error(failureText(result, await currentCommit()));
  // A mishap that met nothing shows nothing.
  const struck = (result.outcome?.figures['faults'] ?? {}) as Record<string, number>;
  if (mishap) expect(struck[mishap.what] ?? 0).toBeGreaterThan(0);
  return [...steps.values()];
}

test('each step may lose its answer, be refused, or be forbidden for a while', async () => {
  const steps = await live();
  for (const phase of Object.keys(phases)) {
    expect(steps.filter((step) => step.phase === phase).length).toBeGreaterThanOrEqual(2);
  }
  const broken: string[] = [];
  for (const step of steps) {
    for (const what of Object.keys(mishaps) as (keyof typeof mishaps)[]) {
      await live({ ...step, what }).catch((error: unknown) => {
        broken.push(`${step.phase}: ${step.operation} ${what}: ${String(error)}`);
      });
    }
  }
  expect(broken).toEqual([]);
});

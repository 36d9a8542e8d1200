import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { variables } from '../support/variables.ts';
import { runBatch } from './batch.ts';
import { makeBundles } from './bundles.ts';
import { nemesisPlanOf } from './nemesis-plan.ts';
import { chaosScheduleOf } from './schedule.ts';

/** A short chaos run in every run of the tests; `npm run chaos` runs long ones, and says how to see a failure again. */

const seeds = [13, 14, 15];
const chaosMs = 20_000;

jest.setTimeout(600_000);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odp-chaos-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('three pools keep every promise while worker, engine and cloud are killed and calls fail', async () => {
  const bundles = await makeBundles(folder, process.env[variables.bundle]);
  const schedules = seeds.map((seed) => chaosScheduleOf(seed, chaosMs));
  const [seed = 0] = seeds;

  const { breaches, strikes, jobs, machines, replays } = await runBatch(
    { schedules, nemesis: nemesisPlanOf(seed, chaosMs) },
    bundles,
  );

  expect(breaches).toEqual([]);
  expect(strikes.killWorker).toBeGreaterThanOrEqual(1);
  expect(strikes.killEngine).toBeGreaterThanOrEqual(1);
  expect(strikes.killCloud).toBeGreaterThanOrEqual(1);
  expect(jobs).toBeGreaterThanOrEqual(5);
  expect(machines).toBeGreaterThanOrEqual(5);
  expect(replays).toBeGreaterThanOrEqual(machines);
});

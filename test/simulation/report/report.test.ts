import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { scheduleOf } from '../schedule/schedule-of.ts';
import type { Schedule } from '../schedule/schedule.ts';
import { readRegressions, readSchedule, saveRegression } from './regression.ts';
import { createRunner, type Runner } from './runner.ts';
import { parseSeeds } from './seeds.ts';
import { shrinkAndSave, simulateMany, type ManyOptions } from './simulate-many.ts';

/** Running and reporting, on a stand-in for the runtime. */
const runtime = join(process.cwd(), 'test/simulation/report/stand-in.ts');
const commit = { commit: '0123456789abcdef', dirty: false };

let runner: Runner;
let folder: string;
const lines: string[] = [];

beforeAll(() => {
  runner = createRunner({ workers: 2, runtime, silentMs: 3_000, longestMs: 12_000 });
  folder = mkdtempSync(join(tmpdir(), 'odp-simulate-'));
});
afterAll(async () => {
  await runner.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  lines.length = 0;
});

function many(changes: Partial<ManyOptions> = {}): ManyOptions {
  return { runner, commit, keepGoing: true, log: (line) => lines.push(line), ...changes };
}

function of(seeds: readonly number[]) {
  return { count: seeds.length, at: (index: number) => scheduleOf(seeds[index] ?? 0) };
}

/** A schedule that the stand-in finds a breach in. */
function failing(): Schedule {
  for (let seed = 1; ; seed++) {
    const schedule = scheduleOf(seed);
    const dying = schedule.faults.some(({ fault }) => fault.effect.kind === 'agentDies');
    if (dying && schedule.jobs.length > 2 && schedule.faults.length > 5) return schedule;
  }
}

describe('seeds', () => {
  test.each([
    ['7', [7]],
    ['1..4', [1, 2, 3, 4]],
    ['1..3,9, 2', [1, 2, 3, 9]],
  ])('%s', (text, seeds) => {
    expect(parseSeeds(text)).toEqual(seeds);
  });

  test.each(['', 'x', '5..1', '1...3', '-1', '1.5', '1..99999999999', '99999999999'])('refuses "%s"', (text) => {
    expect(() => parseSeeds(text)).toThrow(/Write 7, 1\.\.200/);
  });
});

describe('a run', () => {
  test('answers what the runtime answers', async () => {
    const schedule = scheduleOf(3);
    const result = await runner.run(schedule);
    expect(result).toMatchObject({
      ending: 'completed',
      breaches: [],
      schedule,
      journal: ['0.000 begins', '1.000 ends'],
    });
    expect(result.outcome?.digest).toBe(`digest of ${JSON.stringify(schedule)}`);
  });

  test('hands its options to the runtime', async () => {
    const { breaches } = await runner.run(scheduleOf(3), { options: { mutation: 'planted' } });
    expect(breaches).toHaveLength(1);
  });

  test('gives every line to whoever traces', async () => {
    const traced: string[] = [];
    await runner.run(scheduleOf(5), { trace: (line) => traced.push(line) });
    expect(traced).toEqual(['0.000 schedule 5 begins']);
  });

  test.each([
    [900, 'threw', /the runtime is broken/],
    [901, 'crashed', /ended with code 3/],
    [902, 'crashed', /ended by SIGKILL/],
    [903, 'hung', /no progress for 3 s/],
    [904, 'hung', /not over after 12 s/],
  ] as const)('that goes wrong is a failure of its seed: %i %s', async (seed, ending, message) => {
    const result = await runner.run({ ...scheduleOf(3), seed });
    expect(result.ending).toBe(ending);
    expect(result.schedule.seed).toBe(seed);
    expect(result.breaches).toMatchObject([{ invariant: ending, message: expect.stringMatching(message) as unknown }]);
  });

  test('comes after one that went wrong as if nothing had happened', async () => {
    const results = await Promise.all([900, 1, 901, 2, 902, 3].map((seed) => runner.run({ ...scheduleOf(3), seed })));
    expect(results.map(({ ending }) => ending)).toEqual([
      'threw',
      'completed',
      'crashed',
      'completed',
      'crashed',
      'completed',
    ]);
  });
});

describe('many runs', () => {
  const seeds = parseSeeds('1..40');
  const bad = seeds.filter((seed) => {
    const { faults, jobs } = scheduleOf(seed);
    return jobs.length > 0 && faults.some(({ fault }) => fault.effect.kind === 'agentDies');
  });

  test('are summed up', async () => {
    const { tally, failures } = await simulateMany(of(seeds), many());
    expect(bad.length).toBeGreaterThan(1);
    expect(tally).toMatchObject({
      schedules: 40,
      failed: bad.length,
      breaches: bad.length,
      broken: { noLeak: bad.length },
      figures: {
        activations: 400,
        jobs: seeds.reduce((sum, seed) => sum + scheduleOf(seed).jobs.length, 0),
        faults: { fromCloud: seeds.reduce((sum, seed) => sum + scheduleOf(seed).faults.length, 0) },
      },
    });
    expect(failures.map(({ schedule }) => schedule.seed).toSorted((a, b) => a - b)).toEqual(bad);
  });

  test('tell seed, commit, invariant and the end of the journal of each failure', async () => {
    await simulateMany(of(bad.slice(0, 1)), many());
    expect(lines.join('\n')).toMatch(
      new RegExp(`SEED=${bad[0]} COMMIT=0123456789ab broke noLeak at t=2026-01-05 08:00:00.000: It belongs to nobody.`),
    );
    expect(lines.join('\n')).toContain('1.000 ends');
  });

  test('end at once where the runtime cannot be loaded', async () => {
    const broken = createRunner({ workers: 2, runtime: join(process.cwd(), 'test/simulation/report/no-such.ts') });
    try {
      const { tally, failures } = await simulateMany(of(seeds), many({ runner: broken }));
      expect(tally.schedules).toBeLessThanOrEqual(2);
      expect(failures[0]).toMatchObject({ ending: 'notLoaded' });
      expect(failures[0]?.breaches[0]?.message).toMatch(/ERR_MODULE_NOT_FOUND/);
      expect(await shrinkAndSave(failures, many({ runner: broken }), { folder })).toEqual([]);
    } finally {
      await broken.close();
    }
  });

  test('end after the first failure unless they are told to go on', async () => {
    const { tally, failures } = await simulateMany(of(seeds), many({ keepGoing: false }));
    expect(failures.length).toBeGreaterThanOrEqual(1);
    expect(tally.schedules).toBeLessThan(40);
  });
});

describe('a failing schedule', () => {
  test('is shrunk and kept, and fails again from its file', async () => {
    const { failures } = await simulateMany({ count: 1, at: failing }, many());
    const [file = ''] = await shrinkAndSave(failures, many(), { folder });
    const kept = readRegressions(folder);
    expect(kept).toMatchObject([
      { file: `noLeak-${failing().seed}.json`, regression: { invariant: 'noLeak', foundAt: commit.commit } },
    ]);
    const { schedule } = readSchedule(readFileSync(file, 'utf8'));
    expect(schedule.jobs).toHaveLength(1);
    expect(schedule.faults).toHaveLength(1);
    expect((await runner.run(schedule)).breaches).toMatchObject([{ invariant: 'noLeak' }]);
  });

  test('that hangs is kept as it is', async () => {
    const schedule = { ...scheduleOf(3), seed: 903 };
    const hung = await runner.run(schedule);
    const [file = ''] = await shrinkAndSave([hung], many(), { folder });
    expect(readSchedule(readFileSync(file, 'utf8')).schedule).toEqual(schedule);
  });

  test('is written as prettier would write it', async () => {
    const schedule = failing();
    const file = await saveRegression({ invariant: 'cap', foundAt: 'x', note: 'y', schedule }, folder);
    const prettier = join(process.cwd(), 'node_modules/prettier/bin/prettier.cjs');
    const { stdout } = await promisify(execFile)(process.execPath, [prettier, '--print-width', '120', file]);
    expect(readFileSync(file, 'utf8')).toBe(stdout);
  });
});

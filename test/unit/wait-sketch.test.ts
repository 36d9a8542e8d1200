import fc from 'fast-check';
import { newPoolState, applyReport } from '../../domain/pool-state.ts';
import { mergeWaits, waitPercentiles, withWait, type WaitSketch } from '../../domain/wait-sketch.ts';
import { waitAccount, waitLegs } from '../../domain/wait.ts';

const second = 1_000;
const day = 86_400 * second;

/** The exact percentile by nearest rank. */
const exact = (values: number[], q: number) =>
  values.toSorted((one, other) => one - other)[Math.max(1, Math.ceil(q * values.length)) - 1] ?? 0;

const sketchOf = (waits: number[]) =>
  waits.reduce<WaitSketch | undefined>((sketch, ms) => withWait(sketch, [], ms), undefined) ?? {};

describe('A sketch of waits', () => {
  test('gives percentiles within an eighth of the exact ones, beyond a tenth of a second and up to two days', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 101, max: 2 * day }), { minLength: 1, maxLength: 300 }), (waits) => {
        const [whole] = waitPercentiles(sketchOf(waits));
        expect(whole).toMatchObject({ leg: 'wait', jobs: waits.length });
        for (const [q, found] of [
          [0.5, whole?.p50Ms],
          [0.95, whole?.p95Ms],
        ] as const) {
          expect(Math.abs((found ?? 0) / exact(waits, q) - 1)).toBeLessThan(0.13);
        }
      }),
    );
  });

  test('takes a few hundred bytes after a hundred thousand jobs', () => {
    let sketch: WaitSketch = {};
    for (let job = 0; job < 1_000; job++) {
      const jitter = 1 + (job % 100) / 100;
      const receipt = {
        queuedAt: 0,
        seenAt: 1_000 * jitter,
        decidedAt: 1_100 * jitter,
        createSentAt: 3_000 * jitter,
        runningAt: 40_000 * jitter,
        onlineAt: 90_000 * jitter,
        assignedAt: 91_000 * jitter,
        startedAt: 92_000 * jitter,
      };
      sketch = withWait(sketch, waitLegs(receipt), receipt.startedAt);
    }
    for (let doubling = 0; doubling < 7; doubling++) sketch = mergeWaits(sketch, sketch);
    expect(waitPercentiles(sketch).at(-1)?.jobs).toBe(128_000);
    expect(JSON.stringify(sketch).length).toBeLessThan(600);
  });

  test('of two pools, added, is that of all their jobs, in whatever order', () => {
    const waits = fc.array(fc.integer({ min: 0, max: 3 * day }), { maxLength: 50 });
    fc.assert(
      fc.property(waits, waits, (one, other) => {
        const merged = mergeWaits(sketchOf(one), sketchOf(other));
        expect(merged).toEqual(sketchOf([...one, ...other]));
        expect(mergeWaits(sketchOf(other), sketchOf(one))).toEqual(merged);
      }),
    );
  });

  test('counts a leg only for jobs that had it, and comes through JSON as it was', () => {
    const made = withWait(undefined, waitLegs({ queuedAt: 0, onlineAt: 60_000, startedAt: 61_000 }), 61_000);
    const both = withWait(made, waitLegs({ queuedAt: 9_000, onlineAt: 1_000, startedAt: 9_500 }), 500);
    expect(waitPercentiles(JSON.parse(JSON.stringify(both)) as WaitSketch).map(({ leg, jobs }) => [leg, jobs])).toEqual(
      [
        ['booted', 1],
        ['started', 2],
        ['wait', 2],
      ],
    );
  });
});

test('a pool takes up the wait of each job that its agents report, also in a state from before it did', () => {
  const state = newPoolState('012345678');
  for (const n of ['a', 'b', 'c']) state.roster.push({ n, i: 'ubuntu', p: 'busy', s: 0 });
  const job = (receipt: { queuedAt: number; startedAt?: number }) => ({
    requestId: 1,
    outcome: 'finished' as const,
    receipt,
  });
  applyReport(state, { agent: 'a', outcome: 'returned', job: job({ queuedAt: 0, startedAt: 60_000 }) }, 1);
  applyReport(state, { agent: 'a', outcome: 'returned', job: job({ queuedAt: 0, startedAt: 60_000 }) }, 1);
  applyReport(state, { agent: 'b', outcome: 'returned', job: job({ queuedAt: 0 }) }, 1);
  applyReport(state, { agent: 'c', outcome: 'returned' }, 1);
  expect(waitPercentiles(state.waits ?? {}).map(({ leg, jobs }) => [leg, jobs])).toEqual([
    ['started', 1],
    ['wait', 1],
  ]);
});

describe('The account of a wait', () => {
  const receipt = { queuedAt: 0, seenAt: 1_000, decidedAt: 1_100, createSentAt: 2_000, runningAt: 30_000 };

  test('names the longest leg, also while the job waits', () => {
    expect(waitAccount(receipt)).toMatchObject({
      longest: { name: 'created', ms: 28_000 },
      meaning: 'while Azure made the machine',
      stoodBy: false,
    });
    expect(waitAccount(receipt)).not.toHaveProperty('ms');
    expect(waitAccount({ ...receipt, onlineAt: 90_000, assignedAt: 91_000, startedAt: 92_000 })).toMatchObject({
      ms: 92_000,
      longest: { name: 'booted', ms: 60_000 },
    });
  });

  test('says that an agent stood by', () => {
    expect(waitAccount({ queuedAt: 100_000, onlineAt: 90_000, assignedAt: 101_000, startedAt: 101_500 })).toMatchObject(
      {
        ms: 1_500,
        longest: { name: 'assigned', ms: 1_000 },
        stoodBy: true,
      },
    );
  });
});

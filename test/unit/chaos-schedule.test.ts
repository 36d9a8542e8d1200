import { imageCatalogue } from '../../domain/installation.ts';
import { faultKinds } from '../simulation/schedule/faults.ts';
import { nemesisPlanOf } from '../chaos/nemesis-plan.ts';
import { chaosScheduleOf } from '../chaos/schedule.ts';
import { boundMs } from '../chaos/quiet.ts';

const chaosMs = 90_000;
const seeds = Array.from({ length: 200 }, (_, index) => index + 1);
const schedules = seeds.map((seed) => chaosScheduleOf(seed, chaosMs));
const plans = seeds.map((seed) => nemesisPlanOf(seed, chaosMs));

test('the same seed gives the same schedule and the same plan, and they survive JSON', () => {
  for (const seed of seeds.slice(0, 20)) {
    const schedule = chaosScheduleOf(seed, chaosMs);
    expect(chaosScheduleOf(seed, chaosMs)).toEqual(schedule);
    expect(JSON.parse(JSON.stringify(schedule))).toEqual(JSON.parse(JSON.stringify(chaosScheduleOf(seed, chaosMs))));
    expect(nemesisPlanOf(seed, chaosMs)).toEqual(nemesisPlanOf(seed, chaosMs));
  }
  expect(chaosScheduleOf(1, chaosMs)).not.toEqual(chaosScheduleOf(2, chaosMs));
});

test('two hundred seeds have every kind of fault that is not left to the simulation, every verb and every strike', () => {
  const kinds = new Set(schedules.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
  expect(Object.keys(faultKinds).filter((kind) => !kinds.has(kind))).toEqual(['stuckDelete', 'roleLost', 'credential']);
  const verbs = new Set(schedules.flatMap((schedule) => schedule.verbs.map(({ kind }) => kind)));
  expect([...verbs].toSorted()).toEqual(['apply', 'applyWrong', 'delete']);
  const strikes = new Set(plans.flatMap((plan) => plan.strikes.map(({ kind }) => kind)));
  expect([...strikes].toSorted()).toEqual([
    'cut',
    'delay',
    'halfOpen',
    'killCloud',
    'killEngine',
    'killWorker',
    'pauseWorker',
  ]);
  const jobs = schedules.flatMap((schedule) => schedule.jobs);
  expect(jobs.some(({ result }) => result === 'failed')).toBe(true);
  expect(jobs.some(({ cancelAfterMs }) => cancelAfterMs !== undefined)).toBe(true);
  expect(jobs.some(({ image }) => image !== undefined)).toBe(true);
});

test('nothing strikes after the window, but what ends in it', () => {
  for (const { faults, jobs } of schedules) {
    for (const { from, until } of faults) expect([from < until, until <= chaosMs]).toEqual([true, true]);
    for (const { at } of jobs) expect(at).toBeLessThan(chaosMs);
  }
  for (const { strikes } of plans) for (const { at } of strikes) expect(at).toBeLessThan(chaosMs);
});

test('a batch of ten schedules kills at least four workers and two engines, and runs two versions at the same time', () => {
  for (const { strikes, workers } of plans) {
    expect(strikes.filter(({ kind }) => kind === 'killWorker').length).toBeGreaterThanOrEqual(4);
    expect(strikes.filter(({ kind }) => kind === 'killEngine').length).toBeGreaterThanOrEqual(2);
    expect(new Set(workers).size).toBe(2);
  }
});

test('however short the window, every victim is struck', () => {
  const { strikes } = nemesisPlanOf(1, 20_000);
  const kinds = strikes.map(({ kind }) => kind);
  for (const kind of ['killWorker', 'pauseWorker', 'killEngine', 'killCloud']) expect(kinds).toContain(kind);
});

test('verbs come in their order, and the last one decides what must stand in the end', () => {
  for (const { verbs, last } of schedules) {
    expect(verbs.map(({ at }) => at)).toEqual(verbs.map(({ at }) => at).toSorted((a, b) => a - b));
    const final = verbs.findLast(({ kind }) => kind !== 'applyWrong');
    expect(last?.maximumConcurrency).toBe(final?.kind === 'apply' ? final.maximumConcurrency : undefined);
  }
});

test('a job demands an image that the pool has, whatever its documents became', () => {
  expect(Object.keys(imageCatalogue({ images: {} }))).toContain('ubuntu-24.04-g2');
  for (const { verbs, jobs } of schedules) {
    const names = verbs.flatMap((verb) => {
      if (verb.kind !== 'apply') return [];
      const { images } = (verb.document as Document).properties.fabricProfile;
      return [images.flatMap(({ aliases, wellKnownImageName }) => [...aliases, ...wellKnownImageName.split('/')])];
    });
    for (const { image } of jobs) for (const known of names) if (image !== undefined) expect(known).toContain(image);
  }
});

interface Document {
  properties: { fabricProfile: { images: { aliases: string[]; wellKnownImageName: string }[] } };
}

test('the bound grows with what a schedule may suffer', () => {
  const [first] = schedules;
  if (!first) throw new Error('there is no schedule');
  const calm = { ...first, faults: [] };
  const failing = {
    ...first,
    faults: [
      { kind: 'deleteFails', from: 0, until: 1, fault: { match: {}, effect: { kind: 'loseResponse' as const } } },
    ],
  };
  expect(boundMs([failing])).toBe(boundMs([calm]) + 300_000);
});

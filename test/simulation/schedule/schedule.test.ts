import { readFileSync } from 'node:fs';
import { createCloud } from '../../../emulator/cloud.ts';
import { createVirtualClock } from '../../../emulator/core/clock.ts';
import type { TraceRow } from '../../../client/workload/trace.ts';
import { installationLimits, parseInstallation } from '../../../domain/installation.ts';
import { defaultLimits } from '../../../domain/limits.ts';
import { parsePoolDocument } from '../../../domain/pool-document/parse.ts';
import { specify, type SpecifyInstallation } from '../../../domain/pool-document/specify.ts';
import { testInstallation } from '../../support/installation.ts';
import { disturbanceKinds } from './disturbances.ts';
import { unfairness } from './fairness.ts';
import { faultKinds } from './faults.ts';
import { scheduleOf } from './schedule-of.ts';
import type { Schedule } from './schedule.ts';

const seeds = Array.from({ length: 200 }, (_, index) => index + 1);
const schedules = seeds.map((seed) => scheduleOf(seed));
const minute = 60_000;

const clock = createVirtualClock();
const cloud = createCloud({ clock });
afterAll(() => {
  cloud.close();
  clock.close();
});

/** An installation on the embedded cloud, as the simulation makes one. */
function installation(): SpecifyInstallation {
  const { subscriptionId, resourceGroup, subnetId } = cloud.facts;
  const { azure, ...rest } = testInstallation();
  return { ...rest, azure: { ...azure, subscriptionId, resourceGroup, subnetId } };
}

function violationsOf(pool: string, document: unknown): unknown[] {
  const parsed = parsePoolDocument(document);
  if ('violations' in parsed) return parsed.violations;
  if (parsed.document.name !== pool) return ['another name'];
  const specified = specify(parsed.document, installation());
  return 'violations' in specified ? specified.violations : [];
}

/** Every document with whether it is meant to be refused. */
function documentsOf({ pools, verbs }: Schedule) {
  return [
    ...pools.map(({ name, document }) => ({ pool: name, document, refused: false })),
    ...verbs.flatMap((verb) =>
      verb.kind === 'apply' ? [{ pool: verb.pool, document: verb.document, refused: verb.refused ?? false }] : [],
    ),
  ];
}

describe('the schedule of a seed', () => {
  test('is the same every time', () => {
    for (const seed of seeds) expect(scheduleOf(seed)).toEqual(schedules[seed - 1]);
  });

  test('is another one for each seed', () => {
    const different = new Set(schedules.map((schedule) => JSON.stringify({ ...schedule, seed: 0 })));
    expect(different.size).toBe(schedules.length);
  });

  test('is plain JSON', () => {
    for (const schedule of schedules) expect(JSON.parse(JSON.stringify(schedule))).toEqual(schedule);
  });

  test('is fair: the product can do what is asked of it', () => {
    const unfair = schedules.flatMap((schedule) =>
      unfairness(schedule).map((reason) => `seed ${schedule.seed}: ${reason}`),
    );
    expect(unfair).toEqual([]);
  });

  test('is small', () => {
    for (const { jobs, chaosMs, pools } of schedules) {
      expect(jobs.length).toBeLessThanOrEqual(40 * pools.length);
      expect(chaosMs).toBeGreaterThanOrEqual(5 * minute);
      expect(chaosMs).toBeLessThanOrEqual(60 * minute);
    }
    const total = schedules.reduce((sum, { endMs }) => sum + endMs, 0);
    expect(total / schedules.length).toBeLessThan(5 * 60 * minute);
  });

  test('has limits that an installation accepts', () => {
    for (const { limits } of schedules) {
      const { limits: _, ...document } = testInstallation();
      const parsed = parseInstallation({ ...document, limits });
      if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
      expect(installationLimits(parsed.installation)).toEqual(limits);
    }
  });

  test('has moments in order and within the run', () => {
    for (const { jobs, verbs, faults, disturbances, chaosMs, endMs } of schedules) {
      for (const list of [jobs, verbs, disturbances]) {
        const moments = list.map(({ at }) => at);
        expect(moments).toEqual(moments.toSorted((a, b) => a - b));
        for (const at of moments) expect(at >= 0 && at < endMs).toBe(true);
      }
      for (const { from, until } of faults) expect(from >= 0 && from < until && until <= chaosMs).toBe(true);
    }
  });
});

describe('the documents of a schedule', () => {
  test('that are meant as valid are valid', () => {
    const wrong = schedules.flatMap((schedule) =>
      documentsOf(schedule)
        .filter(({ refused }) => !refused)
        .map(({ pool, document }) => ({ seed: schedule.seed, violations: violationsOf(pool, document) }))
        .filter(({ violations }) => violations.length > 0),
    );
    expect(wrong).toEqual([]);
  });

  test('that are meant to be refused break a rule, or name what is not there', () => {
    const outside = schedules
      .flatMap((schedule) => documentsOf(schedule))
      .filter(({ refused, pool, document }) => refused && violationsOf(pool, document).length === 0)
      .map(({ document }) => JSON.stringify(document));
    // These are right by themselves; only Azure and Azure DevOps can refuse them.
    for (const text of outside) expect(text).toMatch(/Standard_D2ads_v99|Standard_D2pds_v5|fabrikam/);
  });

  test('are for the cloud that the simulation runs', () => {
    const { organizationUrl, project, location } = cloud.facts;
    const [pool] = schedules[0]?.pools ?? [];
    expect(pool?.document).toMatchObject({
      location,
      properties: { organizationProfile: { organizations: [{ url: organizationUrl, projects: [project] }] } },
    });
  });
});

describe('among the first 200 seeds', () => {
  test.each(Object.keys(faultKinds))('the fault %s is in at least three', (name) => {
    const having = schedules.filter(({ faults }) => faults.some(({ kind }) => kind === name));
    expect(having.length).toBeGreaterThanOrEqual(3);
  });

  test('every fault meets every other one', () => {
    const often = Object.keys(faultKinds).filter((name) => faultKinds[name]?.weight === undefined);
    const together = (one: string, other: string) =>
      schedules.some(({ faults }) => [one, other].every((name) => faults.some(({ kind }) => kind === name)));
    const apart = often.flatMap((one) => often.filter((other) => !together(one, other)).map((other) => [one, other]));
    expect(apart).toEqual([]);
  });

  test.each(Object.keys(disturbanceKinds))('the disturbance %s is in at least three', (kind) => {
    const having = schedules.filter(({ disturbances }) => disturbances.some((one) => one.kind === kind));
    expect(having.length).toBeGreaterThanOrEqual(3);
  });

  test.each(['apply', 'delete', 'purge', 'drain', 'resume', 'cancelAgent', 'audit'])(
    'the verb %s is in at least three',
    (kind) => {
      const having = schedules.filter(({ verbs }) => verbs.some((verb) => verb.kind === kind));
      expect(having.length).toBeGreaterThanOrEqual(3);
    },
  );

  test.each<[string, (schedule: Schedule) => boolean]>([
    ['a refused document', ({ verbs }) => verbs.some((verb) => verb.kind === 'apply' && verb.refused)],
    ['a pool that is deleted and declared again', ({ verbs }) => declaredAgain(verbs)],
    ['a pool that keeps failed machines', ({ pools }) => JSON.stringify(pools).includes('retainedFailures')],
    ['a forced purge', ({ verbs }) => verbs.some((verb) => verb.kind === 'purge' && verb.force)],
    ['a drain that cancels', ({ verbs }) => verbs.some((verb) => verb.kind === 'drain' && verb.cancelAtDeadline)],
    ['two pools', ({ pools }) => pools.length === 2],
    ['no job', ({ jobs }) => jobs.length === 0],
    ['jobs in the same instant', ({ jobs }) => jobs.some(({ at }, index) => at === jobs[index + 1]?.at)],
    ['a cancelled job', ({ jobs }) => jobs.some(({ cancelAfterMs }) => cancelAfterMs !== undefined)],
    ['a failing job', ({ jobs }) => jobs.some(({ result }) => result === 'failed')],
    ['a job longer than its lease', ({ jobs, limits }) => jobs.some((job) => job.durationMs > limits.agent.leaseMs)],
    ['a job without an image', ({ jobs }) => jobs.some(({ image }) => image === undefined)],
    ['limits of production', ({ limits }) => JSON.stringify(limits) === JSON.stringify(defaultLimits)],
    ['few signals in a run', ({ limits }) => limits.pool.signalsPerRun <= 100],
    ['a slow cloud', ({ cloudScale }) => cloudScale >= 4],
    ['a fast cloud', ({ cloudScale }) => cloudScale < 0.5],
    ['no fault at all', ({ faults, disturbances }) => faults.length + disturbances.length === 0],
    ['a perfect engine', ({ engine }) => engine.loseTask + engine.evict + engine.refuseCall + engine.loseResult === 0],
    ['an engine that loses results', ({ engine }) => engine.loseResult > 0],
    ['one worker', ({ engine }) => engine.workers === 1],
    ['three workers', ({ engine }) => engine.workers === 3],
  ])('%s is in at least three', (_name, has) => {
    expect(schedules.filter(has).length).toBeGreaterThanOrEqual(3);
  });
});

test('the page on the simulation names everything that can go wrong', () => {
  const page = readFileSync('docs/simulation.md', 'utf8');
  const names = [...Object.keys(faultKinds), ...Object.keys(disturbanceKinds)];
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

describe('a schedule from a trace', () => {
  const rows = Array.from({ length: 300 }, (_, index): TraceRow => ({
    arrivalAt: Date.UTC(2026, 0, 1) + index * 97_000,
    durationSeconds: 30 + (index % 50),
    label: index % 3 === 0 ? 'windows' : 'ubuntu',
    group: 'ci',
  }));

  test('has slices of it for jobs, chosen by the seed', () => {
    const [one, two] = [scheduleOf(1, { arrivals: rows }), scheduleOf(2, { arrivals: rows })];
    expect(one.jobs.length).toBeGreaterThan(0);
    expect(one.jobs.every(({ image, at }) => image !== undefined && at < one.chaosMs)).toBe(true);
    expect(one.jobs.map(({ at }) => at)).not.toEqual(two.jobs.map(({ at }) => at));
    expect(scheduleOf(1, { arrivals: rows })).toEqual(one);
  });

  test('is fair too', () => {
    for (const seed of seeds) expect(unfairness(scheduleOf(seed, { arrivals: rows }))).toEqual([]);
  });
});

describe('a schedule is unfair', () => {
  const fair = schedules.find(
    ({ jobs, verbs, pools }) => jobs.some(({ image }) => image) && !verbs.length && pools.length,
  );
  const base = fair as Schedule;

  test.each<[string, Schedule]>([
    ['without pools', { ...base, pools: [], jobs: [], disturbances: [] }],
    ['with a short quiet window', { ...base, endMs: base.chaosMs + minute }],
    ['with a job for a pool that is not there', { ...base, jobs: base.jobs.map((job) => ({ ...job, pool: 'gone' })) }],
    [
      'with a fault in the quiet window',
      { ...base, faults: [{ from: 0, until: base.endMs, fault: { match: {}, effect: { kind: 'bootWithoutAgent' } } }] },
    ],
    [
      'with a disturbance that lasts into the quiet window',
      { ...base, disturbances: [{ at: base.chaosMs - 1, kind: 'killWorker', nth: 0, downMs: 2 }] },
    ],
    [
      'with a create that cannot end in its time',
      { ...base, limits: { ...base.limits, agent: { ...base.limits.agent, provisionMs: 1_000 } } },
    ],
  ])('%s', (_what, schedule) => {
    expect(unfairness(base)).toEqual([]);
    expect(unfairness(schedule)).not.toEqual([]);
  });

  test('when a job may be left without its image', () => {
    const edited = schedules.find(
      (schedule) => schedule.verbs.some(({ at }) => at > schedule.chaosMs) && withoutLast(schedule) !== undefined,
    );
    expect(edited).toBeDefined();
    expect(unfairness(edited as Schedule)).toEqual([]);
  });
});

/** The schedule without the documents of its quiet window, where that leaves a job without its image. */
function withoutLast(schedule: Schedule): Schedule | undefined {
  const { chaosMs, verbs } = schedule;
  const shorter = { ...schedule, verbs: verbs.filter(({ at }) => at < chaosMs) };
  return unfairness(shorter).some((reason) => reason.includes('without its image')) ? shorter : undefined;
}

function declaredAgain(verbs: Schedule['verbs']): boolean {
  return verbs.some(
    (verb) =>
      verb.kind === 'delete' &&
      verbs.some((later) => later.kind === 'apply' && later.pool === verb.pool && later.at > verb.at),
  );
}

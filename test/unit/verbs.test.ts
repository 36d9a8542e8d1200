import fc from 'fast-check';
import { describe, expect, test } from '@jest/globals';
import type { RosterEntry } from '../../domain/messages.ts';
import { applyReport, newPoolState } from '../../domain/pool-state.ts';
import { drainOf, drainSentence, drainView } from '../../domain/verbs/drain.ts';
import { forecastLastJob } from '../../domain/verbs/forecast.ts';
import { jobsIn, merged, shareEndedBy, withDuration, type JobDurations } from '../../domain/verbs/job-durations.ts';
import { purgeOutcomes, purgeViolations } from '../../domain/verbs/purge.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const leaseMs = 2 * day;

const histogram = (...durations: number[]): JobDurations => durations.reduce<JobDurations>(withDuration, {});
const times = (count: number, ms: number) => Array.from({ length: count }, () => ms);

describe('the durations of a pool’s jobs', () => {
  const durations = fc.array(fc.integer({ min: 0, max: 3 * day }), { maxLength: 50 });

  test('add up: the histogram of two halves is that of the whole', () => {
    fc.assert(
      fc.property(durations, durations, (one, other) => {
        expect(merged(histogram(...one), histogram(...other))).toEqual(histogram(...one, ...other));
      }),
    );
  });

  test('say of every duration at most a fifth too much, and never too little', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 2 * day }), (ms) => {
        const known = histogram(ms);
        expect(shareEndedBy(known, 0, ms - 1)).toBe(0);
        expect(shareEndedBy(known, 0, Math.ceil(ms * 1.2) + 1)).toBe(1);
      }),
    );
  });

  test('stay a few hundred bytes, and forget the older half of a long life', () => {
    const random = Array.from({ length: 10_000 }, (_, index) => (index * 7_919 * minute) % (2 * day));
    const all = histogram(...random);
    expect(JSON.stringify(all).length).toBeLessThan(1_000);
    expect(jobsIn(all)).toBeLessThanOrEqual(2_000);
    const moved = histogram(...random, ...times(5_000, minute));
    expect(shareEndedBy(moved, 0, 2 * minute)).toBeGreaterThan(0.5);
  });

  test('are those of a pool’s leases, from the assignment to the end', () => {
    const state = newPoolState('abcdef012');
    state.roster = [{ n: 'a', i: 'ubuntu', p: 'busy', s: 0 }];
    const receipt = { queuedAt: 0, assignedAt: 10_000, startedAt: 20_000, finishedAt: 10_000 + 30 * minute };
    applyReport(state, { agent: 'a', outcome: 'returned', job: { requestId: 1, outcome: 'finished', receipt } }, 0);
    expect(shareEndedBy(state.durations ?? {}, 0, 29 * minute)).toBe(0);
    expect(shareEndedBy(state.durations ?? {}, 0, 36 * minute)).toBe(1);
  });
});

describe('the forecast of the last job’s end', () => {
  test('is now where no job runs', () => {
    expect(forecastLastJob(histogram(...times(50, minute)), [], 7, leaseMs)).toEqual({
      at: 7,
      basis: 'noJob',
      jobs: 0,
      known: 50,
    });
  });

  test('is the lease’s end where the history is short, or knows no job that lasted so long', () => {
    const few = forecastLastJob(histogram(...times(9, minute)), [0, minute], 2 * minute, leaseMs);
    expect(few).toMatchObject({ basis: 'leaseLimit', at: leaseMs + minute });
    const long = forecastLastJob(histogram(...times(50, minute)), [0], 5 * minute, leaseMs);
    expect(long).toMatchObject({ basis: 'leaseLimit', at: leaseMs });
  });

  test('follows the jobs that lasted at least as long, and is later the more jobs run', () => {
    const known = histogram(...times(90, 10 * minute), ...times(10, 300 * minute));
    const young = forecastLastJob(known, [0], minute, leaseMs);
    const old = forecastLastJob(known, [0], 60 * minute, leaseMs);
    const many = forecastLastJob(known, times(20, 0), minute, leaseMs);
    expect(young.at).toBeLessThan(13 * minute);
    for (const { at, basis } of [old, many]) {
      expect(basis).toBe('history');
      expect(at).toBeGreaterThanOrEqual(300 * minute);
      expect(at).toBeLessThan(370 * minute);
    }
  });

  test('holds for nine of ten pools whose jobs last as before, whatever that is', () => {
    // Exponential durations, drawn by a fixed sequence.
    let state = 12_345;
    const draw = () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.ceil(-Math.log(1 - state / 2_147_483_648) * 20 * minute) + 1;
    };
    const known = histogram(...Array.from({ length: 2_000 }, draw));
    const { at } = forecastLastJob(known, times(5, 0), 1, leaseMs);
    const kept = Array.from({ length: 2_000 }, () => Math.max(...Array.from({ length: 5 }, draw)) <= at);
    const share = kept.filter(Boolean).length / kept.length;
    // Two thousand jobs know the tail of five only so well.
    expect(share).toBeGreaterThan(0.85);
    expect(share).toBeLessThan(0.97);
  });
});

describe('a purge', () => {
  const roster: RosterEntry[] = (['creating', 'ready', 'busy', 'offline', 'returning'] as const).map((p) => ({
    n: p,
    i: 'ubuntu',
    p,
    s: 0,
  }));

  test('says of each agent what becomes of it', () => {
    const outcomes = (force: boolean) =>
      purgeOutcomes({ all: true, force }, roster).map(({ agent, outcome }) => `${agent} ${outcome}`);
    expect(outcomes(false)).toEqual([
      'creating goesNow',
      'ready goesNow',
      'busy afterItsJob',
      'offline goesNow',
      'returning goesNow',
    ]);
    expect(outcomes(true)[2]).toBe('busy cancelled');
  });

  test('wants either names or all, in the right types', () => {
    const rules = (request: object) => purgeViolations(request, roster).map(({ rule, path }) => `${rule} ${path}`);
    expect(rules({})).toEqual(['ExactlyOneOf agents']);
    expect(rules({ all: true, agents: ['ready'] })).toEqual(['ExactlyOneOf agents']);
    expect(rules({ all: 'yes', force: 1, agents: 'ready' })).toEqual([
      'WrongType all',
      'WrongType force',
      'WrongType agents',
    ]);
    expect(rules({ agents: ['ready', 'x', 'ready'] })).toEqual(['NotAllowedValue agents[1]', 'Duplicate agents[2]']);
    expect(rules({ agents: ['ready'], force: true })).toEqual([]);
  });
});

describe('a drain', () => {
  test('that is asked for again keeps its beginning and takes the new deadline', () => {
    const first = drainOf({ by: 100, cancelAtDeadline: true }, 1);
    expect(drainOf({ by: 200 }, 2, { ...first, leftAtDeadline: 3 })).toEqual({ since: 1, by: 200 });
  });

  test('is told in a sentence: what is left, until when, by what, and what the deadline means', () => {
    const state = newPoolState('abcdef012');
    state.status = 'Draining';
    state.drain = { since: 0, by: 8 * 60 * minute };
    state.roster = [{ n: 'a', i: 'ubuntu', p: 'busy', s: 0 }];
    const view = drainView(state, minute, leaseMs);
    expect(view && drainSentence(view)).toBe(
      '1 agent is left, and its job ends by 1970-01-03T00:00:00Z at the latest, when its lease does. ' +
        'Deadline 1970-01-01T08:00:00Z: nothing is cancelled then.',
    );
    state.durations = histogram(...times(20, 30 * minute));
    state.drain.leftAtDeadline = 1;
    const late = drainView(state, minute, leaseMs);
    expect(late && drainSentence(late)).toMatch(
      /with nine chances in ten, by the 20 jobs before\. .*passed with 1 left\.$/,
    );
  });
});

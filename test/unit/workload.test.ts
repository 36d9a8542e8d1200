import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { generateWorkload, sampleOptions } from '../../client/workload/generate.ts';
import { formatTrace, parseTrace, schedule, selectTrace, type TraceRow } from '../../client/workload/trace.ts';

const start = Date.UTC(2026, 0, 5, 9);

const row: fc.Arbitrary<TraceRow> = fc.record({
  arrivalAt: fc.nat(1_000_000).map((seconds) => start + seconds * 1_000),
  durationSeconds: fc.nat(604_800),
  label: fc.string({ minLength: 1 }).filter((text) => text.trim() === text && text !== ''),
  group: fc.string().filter((text) => text.trim() === text),
});

function jobs(...arrivals: number[]): TraceRow[] {
  return arrivals.map((second) => ({
    arrivalAt: start + second * 1_000,
    durationSeconds: 30,
    label: 'ubuntu',
    group: '',
  }));
}

function violationsOf(text: string) {
  const parsed = parseTrace(text);
  return 'violations' in parsed ? parsed.violations : [];
}

describe('a trace', () => {
  test('is read in the order of arrival, with its columns in any order', () => {
    expect(
      parseTrace(
        'label,duration_s,arrival_utc,group\n' +
          'debian,4.5,2026-01-05T09:00:01.250Z,"Build, then test"\n' +
          'ubuntu,60,2026-01-05T09:00:00Z,\n',
      ),
    ).toEqual({
      rows: [
        { arrivalAt: start, durationSeconds: 60, label: 'ubuntu', group: '' },
        { arrivalAt: start + 1_250, durationSeconds: 4.5, label: 'debian', group: 'Build, then test' },
      ],
    });
  });

  test('may come from Windows, with a byte order mark, empty lines and no group', () => {
    expect(parseTrace('\uFEFFarrival_utc,duration_s,label\r\n\r\n2026-01-05T09:00:00Z,60,ubuntu\r\n')).toEqual({
      rows: [{ arrivalAt: start, durationSeconds: 60, label: 'ubuntu', group: '' }],
    });
  });

  test('is refused with every mistake and its line', () => {
    const violations = violationsOf(
      'arrival_utc,duration_s,label,group\n' +
        'yesterday,60,ubuntu,\n' +
        '2026-01-05T09:00:00Z,60,ubuntu,\n' +
        '\n' +
        '2026-01-05T09:00:00Z,long,,\n' +
        '2026-01-05T09:00:00Z,60\n' +
        '2026-01-05T09:00:00Z,60,ubuntu,build,extra\n' +
        '2026-01-05T09:00:00,604801,ubuntu,\n' +
        '2026-02-30T99:00:00Z,-1,ubuntu,\n',
    );
    expect(violations.map(({ path, rule }) => [path, rule])).toEqual([
      ['line 2, arrival_utc', 'PatternMismatch'],
      ['line 5, duration_s', 'WrongType'],
      ['line 5, label', 'Required'],
      ['line 6', 'TooFew'],
      ['line 7', 'TooMany'],
      ['line 8, arrival_utc', 'PatternMismatch'],
      ['line 8, duration_s', 'OutOfRange'],
      ['line 9, arrival_utc', 'PatternMismatch'],
      ['line 9, duration_s', 'WrongType'],
    ]);
    expect(violations[0]?.value).toBe('yesterday');
  });

  test('names the right line also after a job that spans two', () => {
    const violations = violationsOf(
      'arrival_utc,duration_s,label,group\n2026-01-05T09:00:00Z,60,ubuntu,"two\nlines"\nyesterday,60,ubuntu,\n',
    );
    expect(violations.map(({ path }) => path)).toEqual(['line 4, arrival_utc']);
  });

  test('with a quote out of place is refused, beside the other mistakes', () => {
    const violations = violationsOf(
      'arrival_utc,duration_s,label,group\n2026-01-05T09:00:00Z,60,ub"untu,\nyesterday,60,ubuntu,\n',
    );
    expect(violations.map(({ path, rule }) => [path, rule])).toEqual([
      ['line 2', 'SyntaxError'],
      ['line 3, arrival_utc', 'PatternMismatch'],
    ]);
  });

  test('whose last quote never closes is refused', () => {
    expect(violationsOf('arrival_utc,duration_s,label\n2026-01-05T09:00:00Z,60,"ubuntu\n')).toMatchObject([
      { rule: 'SyntaxError' },
    ]);
  });

  test('without the right columns is refused for that alone', () => {
    expect(
      violationsOf('arrival_utc,label,label,gruop\nyesterday,a,b,c\n').map(({ path, rule, value }) => [
        path,
        rule,
        value,
      ]),
    ).toEqual([
      ['line 1', 'Required', undefined],
      ['line 1', 'UnknownProperty', 'gruop'],
      ['line 1', 'Duplicate', undefined],
    ]);
    expect(violationsOf('')).toMatchObject([{ path: 'line 1', rule: 'Required' }]);
  });

  test('with very many mistakes tells the first hundred and how many more there are', () => {
    const violations = violationsOf(`arrival_utc,duration_s,label\n${'yesterday,1,a\n'.repeat(250)}`);
    expect(violations).toHaveLength(101);
    expect(violations.at(-1)?.message).toBe('There are 150 more mistakes.');
  });

  test('is written so that it reads back as it was', () => {
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        expect(parseTrace(formatTrace(rows))).toEqual({ rows: rows.toSorted((a, b) => a.arrivalAt - b.arrivalAt) });
      }),
    );
  });

  test('of any text is read or refused, never half read', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', ',', '\n', 'a', '1', ' ') }), (text) => {
        const parsed = parseTrace(`arrival_utc,duration_s,label\n${text}`);
        if ('violations' in parsed) expect(parsed.violations.length).toBeGreaterThan(0);
        else expect(parsed.rows).toEqual([]);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a selection', () => {
  test('takes the jobs from one moment until before another, and at most so many', () => {
    const rows = jobs(3, 0, 2, 1, 4);
    const seconds = (selection: Parameters<typeof selectTrace>[1]) =>
      selectTrace(rows, selection).map(({ arrivalAt }) => (arrivalAt - start) / 1_000);
    expect(seconds({})).toEqual([0, 1, 2, 3, 4]);
    expect(seconds({ from: start + 1_000, to: start + 4_000 })).toEqual([1, 2, 3]);
    expect(seconds({ from: start + 1_000, limit: 2 })).toEqual([1, 2]);
    expect(seconds({ limit: 0 })).toEqual([]);
  });
});

describe('a schedule', () => {
  test('counts from its first job', () => {
    expect(schedule(jobs(70, 10), 1).map(({ atMs }) => atMs)).toEqual([0, 60_000]);
    expect(schedule([], 1)).toEqual([]);
  });

  test('at double speed halves gaps and durations alike', () => {
    expect(schedule(jobs(0, 5), 2)).toEqual([
      { atMs: 0, durationSeconds: 15, label: 'ubuntu', group: '' },
      { atMs: 2_500, durationSeconds: 15, label: 'ubuntu', group: '' },
    ]);
  });

  test.each([0, -1, Infinity, Number.NaN])('at speed %d is refused', (speed) => {
    expect(() => schedule(jobs(0), speed)).toThrow(RangeError);
  });
});

describe('a generated workload', () => {
  const options = { seed: 7, jobs: 4_000, spanSeconds: 86_400, labels: ['ubuntu', 'debian'] };

  test('is the same for the same seed and another for another', () => {
    expect(generateWorkload(options)).toEqual(generateWorkload({ ...options, seed: '7' }));
    expect(generateWorkload(options)).not.toEqual(generateWorkload({ ...options, seed: 8 }));
  });

  test('has exactly as many jobs as asked for, in order and within the span, durations within their bounds', () => {
    fc.assert(
      fc.property(fc.nat(80), fc.integer({ min: 1, max: 5_000 }), fc.nat(), (count, spanSeconds, seed) => {
        const durations = { median: 7, minimum: 3, maximum: 15 };
        const rows = generateWorkload({
          seed,
          jobs: count,
          spanSeconds,
          labels: ['ubuntu'],
          durations,
          startAt: start,
        });
        expect(rows).toHaveLength(count);
        expect(rows).toEqual(rows.toSorted((a, b) => a.arrivalAt - b.arrivalAt));
        for (const { arrivalAt, durationSeconds } of rows) {
          expect(arrivalAt).toBeGreaterThanOrEqual(start);
          expect(arrivalAt).toBeLessThan(start + spanSeconds * 1_000);
          expect(durationSeconds).toBeGreaterThanOrEqual(3);
          expect(durationSeconds).toBeLessThanOrEqual(15);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('has the medians, fan-outs and labels that were asked for', () => {
    const rows = generateWorkload({ ...options, durations: { median: 300, minimum: 1, maximum: 604_800 } });
    const sorted = rows.map(({ durationSeconds }) => durationSeconds).toSorted((a, b) => a - b);
    // 4,000 draws of a log-normal with sigma 0.8: the median is within 6 % of the true one in all but one in 10,000 seeds.
    expect(sorted[2_000]).toBeGreaterThan(282);
    expect(sorted[2_000]).toBeLessThan(318);
    const fanOut = rows.length / new Set(rows.map(({ group }) => group)).size;
    expect(fanOut).toBeGreaterThan(2.75);
    expect(fanOut).toBeLessThan(3.25);
    const share = rows.filter(({ label }) => label === 'ubuntu').length / rows.length;
    expect(share).toBeGreaterThan(0.63);
    expect(share).toBeLessThan(0.7);
  });

  test('comes in runs that do not wait for each other: gaps are as uneven as those of a Poisson process', () => {
    const rows = generateWorkload({ ...options, meanFanOut: 1 });
    const gaps = rows.slice(1).map(({ arrivalAt }, index) => arrivalAt - (rows[index]?.arrivalAt ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
    expect(deviation / mean).toBeGreaterThan(0.93);
    expect(deviation / mean).toBeLessThan(1.07);
  });

  test('is refused with every option that is wrong', () => {
    expect(() =>
      generateWorkload({
        seed: 1,
        jobs: 1.5,
        spanSeconds: 0,
        labels: [],
        durations: { median: 1, minimum: 2, maximum: 3 },
      }),
    ).toThrow(
      new RangeError(
        'No workload can be generated: jobs is 1.5, not a whole number from 0; spanSeconds is 0, not a number above 0; ' +
          'labels is empty; durations are 2 to 3 around 1, not 0 < minimum <= median <= maximum.',
      ),
    );
  });
});

describe('the sample', () => {
  const text = readFileSync(join(__dirname, '../../samples/workload.csv'), 'utf8');

  test('is what its command prints', () => {
    expect(text).toBe(formatTrace(generateWorkload(sampleOptions)));
  });

  test('is a minute of short jobs for ubuntu and debian', () => {
    const parsed = parseTrace(text);
    const rows = 'rows' in parsed ? parsed.rows : [];
    expect(rows).toHaveLength(24);
    expect(new Set(rows.map(({ label }) => label))).toEqual(new Set(['ubuntu', 'debian']));
    const last = schedule(rows, 1).at(-1)?.atMs ?? 0;
    expect(last).toBeGreaterThan(45_000);
    expect(last).toBeLessThan(60_000);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { duration, factLines, fit, moment, percentile, printable, table, width } from '../../client/cli/render.ts';

const plain = { colour: false };

describe('durations', () => {
  test.each([
    [0, '0.0s'],
    [950, '0.9s'],
    [9_999, '9.9s'],
    [59_999, '59s'],
    [60_000, '1m00s'],
    [3_725_000, '1h02m'],
    [(3 * 24 + 4) * 3_600_000, '3d04h'],
  ])('%d ms reads %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  test('never takes more than seven characters within a hundred days, and never fails on a clock that ran back', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000, max: 100 * 86_400_000 }), (ms) => {
        expect(duration(ms)).toMatch(/^\d+(\.\d)?s$|^\d+m\d\ds$|^\d+h\d\dm$|^\d+d\d\dh$/);
        expect(duration(ms).length).toBeLessThanOrEqual(7);
      }),
    );
  });
});

describe('tables', () => {
  const columns = [
    { title: 'NAME', value: ({ name }: { name: string; n: number }) => name },
    { title: 'N', value: ({ n }: { name: string; n: number }) => String(n), align: 'right' as const },
  ];

  test('stand in columns two spaces apart', () => {
    const rows = [
      { name: 'a', n: 1 },
      { name: 'longer', n: 100 },
    ];
    expect(table(columns, rows, plain)).toEqual(['NAME      N', 'a         1', 'longer  100']);
  });

  test('keep their titles when there is nothing to list', () => {
    expect(table(columns, [], plain)).toEqual(['NAME  N']);
  });

  test('take the same room with colour as without', () => {
    const rows = [{ name: 'a', n: 1 }];
    const coloured = columns.map((column) => ({ ...column, meaning: () => 'good' as const }));
    expect(table(coloured, rows, { colour: true }).map(width)).toEqual(table(columns, rows, plain).map(width));
  });
});

describe('what comes from other systems', () => {
  test('cannot move the cursor or change colours', () => {
    expect(printable('job\u001b[2J\u001b]0;title\u0007\r\n!')).not.toMatch(/\p{Cc}/u);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  test('cannot make a line longer than the terminal', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 40 }), (text, columns) => {
        expect(width(fit(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

test('facts stand in one column', () => {
  expect(
    factLines([
      ['pool', 'linux'],
      ['standby', '2'],
    ]),
  ).toEqual(['pool:    linux', 'standby: 2']);
});

test('moments are UTC to the second', () => {
  expect(moment(Date.UTC(2026, 10, 2, 8, 0, 0, 123))).toBe('2026-11-02T08:00:00Z');
});

test('percentiles are values that occurred', () => {
  expect(percentile([], 50)).toBeUndefined();
  expect(percentile([5], 95)).toBe(5);
  expect(percentile([4, 1, 3, 2], 50)).toBe(2);
  expect(percentile([4, 1, 3, 2], 95)).toBe(4);
});

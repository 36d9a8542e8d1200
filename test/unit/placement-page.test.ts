import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { refusalRules } from '../../domain/placement/refusals.ts';

test('the table of docs/placement.md has each rule, in order: code, what it closes, and how long', () => {
  const page = readFileSync(join(__dirname, '../../docs/placement.md'), 'utf8');
  const rows = page
    .split('\n')
    .filter((line) => /^\| `[A-Z]/.test(line))
    .map((line) => {
      const [, code = '', , closes = '', time = ''] = line.split('|').map((cell) => cell.trim());
      return `${code.replaceAll('`', '')}: ${closes}, ${time}`;
    });
  const minutes = (ms: number) => (ms > 7_200_000 ? `${ms / 3_600_000} hours` : `${ms / 60_000} minutes`);
  expect(rows).toEqual(
    refusalRules.map(({ code, closes, ttlMs }) => `${code}: ${closes.join(', ')}, ${minutes(ttlMs)}`),
  );
});

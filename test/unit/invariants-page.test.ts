import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { invariants } from '../../domain/invariants/invariants.ts';

const page = readFileSync(join(__dirname, '../../docs/invariants.md'), 'utf8');
const rows = [...page.matchAll(/^\| `(\w+)` +\| (.*?) +\| (yes|no) +\|$/gm)].map(([, name, promise, look]) => ({
  name,
  promise,
  needs: look === 'yes' ? 'look' : 'run',
}));
/** Has no account, only texts; `secretsIn` checks it. */
const ofTexts = 'noSecret';

test('the table of docs/invariants.md is the list of the code, in its order', () => {
  const listed = invariants.map(({ name, promise, needs }) => ({ name, promise, needs }));
  expect(rows.filter(({ name }) => name !== ofTexts)).toEqual(listed);
});

test('docs/invariants.md says of each what it excuses or cannot see', () => {
  const told = [...page.matchAll(/^- \*\*`(\w+)`\*\*/gm)].map(([, name]) => name);
  expect(told).toEqual([...invariants.map(({ name }) => name), ofTexts]);
});

import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { cliReference } from '../../scripts/cli-reference.ts';

test('docs/cli.md says what the commands say; `node scripts/generate-cli-reference.ts` makes it so', () => {
  expect(readFileSync('docs/cli.md', 'utf8')).toBe(cliReference());
});

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

/** Names of operations that the sources of a folder answer to. */
function operationsIn(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const text = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
  return [...text.matchAll(/'([A-Z][A-Za-z]+_[A-Z][A-Za-z]+)'/g)].map(([, name = '']) => name);
}

test('every operation of Azure and Entra ID that the embedded cloud answers to is in its table of behaviour', () => {
  const table = readFileSync('docs/embedded-cloud.md', 'utf8');
  const operations = [...operationsIn('emulator/arm'), ...operationsIn('emulator/entra')];
  expect(operations.length).toBeGreaterThan(30);
  expect(operations.filter((name) => !/^\w+_(LRS|ZRS)$/.test(name) && !table.includes(name))).toEqual([]);
});

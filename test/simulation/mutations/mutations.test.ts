import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mutations } from './mutations.ts';

const root = join(__dirname, '../../..');
const execute = promisify(execFile);

describe('the known bugs that are planted to test the harness', () => {
  test('are at least twenty, each with a name of its own', () => {
    expect(mutations.length).toBeGreaterThanOrEqual(20);
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
  });

  test.each(mutations.map(({ name, changes }) => [name, changes] as const))(
    '%s still fits the product',
    (_, changes) => {
      for (const { file, find, replace } of changes) {
        // When this fails, the product's text has changed: plant the same bug in the new text.
        expect(readFileSync(join(root, file), 'utf8').split(find)).toHaveLength(2);
        expect(replace).not.toBe(find);
      }
    },
  );

  // The others take minutes: `npm run simulate -- --mutations` plants them all.
  test('one of them, a maximum that is exceeded by one, is found within a few seeds', async () => {
    const args = ['test/simulation/main.ts', '--mutation=cap-off-by-one', '--seeds=1..25'];
    const { stdout } = await execute(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(JSON.parse(stdout)).toMatchObject({ mutation: 'cap-off-by-one', caught: true, broke: ['cap'] });
  }, 180_000);
});

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(__filename);
const root = join(__dirname, '../../..');

/** The one file that may lean on what the SDK promises to nobody. */
const sdkFile = 'test/simulation/engine/sdk.ts';

function versionOf(name: string): string {
  return (
    JSON.parse(readFileSync(join(dirname(require.resolve(`${name}/package.json`)), 'package.json'), 'utf8')) as {
      version: string;
    }
  ).version;
}

describe('the insides of the Temporal SDK that the simulation leans on', () => {
  const source = readFileSync(join(root, sdkFile), 'utf8');
  const known = /knownSdkVersion = '([^']+)'/.exec(source)?.[1];

  test.each(['@temporalio/worker', '@temporalio/workflow', '@temporalio/common', '@temporalio/testing'])(
    '%s is the version that they are known of',
    (name) => {
      // When this fails after an upgrade: read what changed in the modules below and in the order in which a worker
      // hands over what happened (`inCoreOrder`), run `npm run simulate -- --seeds 1..200`, then change the version.
      expect(versionOf(name)).toBe(known);
    },
  );

  test.each([
    '@temporalio/worker/lib/worker.js',
    '@temporalio/worker/lib/workflow/reusable-vm.js',
    '@temporalio/worker/lib/workflow/vm-shared.js',
    '@temporalio/workflow/lib/random-helpers.js',
  ])('%s is there', (path) => {
    expect(source).toContain(path);
    expect(existsSync(require.resolve(path))).toBe(true);
  });
});

import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { Version } from './nemesis-plan.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * What the next version changes: everything that a version may change without a patch marker, because replay does not
 * compare it. Summaries of timers and activities are metadata; a new field of the pool's state travels through
 * continue-as-new into runs of the other version and back.
 */
const changes: { file: string; from: RegExp; to: string }[] = [
  ...['pool', 'agent', 'lease', 'organization'].map((workflow) => ({
    file: `workflows/${workflow}.ts`,
    from: /(summary: ['`])/g,
    to: '$1next version: ',
  })),
  { file: 'domain/pool-state.ts', from: /(recentUpdateIds: \[\],)/g, to: '$1\n    sinceNextVersion: 1,' },
];

/** Path of the bundle of each version. */
export type Bundles = Record<Version, string>;

/**
 * Bundles the workflow code as it is, and a copy of it with a compatible change.
 *
 * @param current a bundle of the code as it is, where there is one already
 */
export async function makeBundles(folder: string, current?: string): Promise<Bundles> {
  const copy = join(folder, 'next-version');
  await mkdir(copy, { recursive: true });
  for (const room of ['workflows', 'domain', 'activities']) {
    await cp(join(root, room), join(copy, room), { recursive: true });
  }
  await cp(join(root, 'package.json'), join(copy, 'package.json'));
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const { file, from, to } of changes) {
    const path = join(copy, file);
    const before = await readFile(path, 'utf8');
    const after = before.replace(from, to);
    if (after === before)
      throw new Error(`${file} has nothing that matches ${from}: the next version would be this one`);
    await writeFile(path, after);
  }
  return {
    current: current ?? (await bundle(root, join(folder, 'workflows-current.js'))),
    changed: await bundle(copy, join(folder, 'workflows-changed.js')),
  };
}

async function bundle(from: string, file: string): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(from, 'workflows', 'index.ts'),
    logger: new DefaultLogger('WARN'),
  });
  await writeFile(file, code);
  return file;
}

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, delimiter, join } from 'node:path';
import { cacheFolder, withLock } from '../../client/engine/cache.mjs';
import { runNpm } from './npm.mjs';

/**
 * Installs the dependencies of the lock file when those in `node_modules` are not the same. Two starts at once install
 * once.
 *
 * @param {string} root
 * @param {string} node path of the Node that will run the project
 * @param {(line: string) => void} log
 */
export async function ensureDependencies(root, node, log) {
  if (await installed(root)) return;
  const lockName = createHash('sha256').update(root).digest('hex').slice(0, 16);
  await withLock(join(cacheFolder(), `install-${lockName}.lock`), log, async () => {
    if (await installed(root)) return;
    log('installing the dependencies (npm ci, about half a minute) …');
    const started = Date.now();
    process.env.PATH = `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`;
    // npm itself may run on an older Node: packages that need ours are no error, and their warnings say nothing new.
    await runNpm(
      ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--engine-strict=false'],
      root,
    );
    log(`dependencies installed in ${Math.round((Date.now() - started) / 1000)} s`);
  });
}

/**
 * Whether `node_modules` is what the lock file says. npm's own record of the last install tells: npm writes it as its
 * last step, so an install that was cut short has none, and `npm install` by hand keeps it true.
 *
 * @param {string} root
 * @returns {Promise<boolean>}
 */
export async function installed(root) {
  const wanted = await packagesOf(join(root, 'package-lock.json'));
  if (!wanted) throw new Error(`${join(root, 'package-lock.json')} cannot be read`);
  const present = await packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (!present) return false;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const found = present[path];
    // Optional packages of other platforms are in the lock file and not in the folder.
    if (!found) return optional === true;
    return found.version === version && found.integrity === integrity;
  });
}

/**
 * @param {string} path
 * @returns {Promise<Record<string, { version?: string, integrity?: string, optional?: boolean }> | undefined>}
 */
async function packagesOf(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

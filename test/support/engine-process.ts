import { randomInt } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startDevServer } from '../../client/engine/dev-server.ts';
import { EngineNotFound, resolveEngine } from '../../client/engine/resolve.ts';
import { searchAttributeNames } from '../../domain/names.ts';

const pidFile = 'engine.pid';

/**
 * Starts the run's engine on a database in the run's folder. An engine given by `TEMPORAL_ADDRESS` is never used: tests
 * make and delete namespaces and workflows.
 */
export async function startTestEngine(
  folder: string,
  log: (line: string) => void,
): Promise<{ address: string; namespace: string }> {
  const { TEMPORAL_ADDRESS: _, ...environment } = process.env;
  const engine = await resolveEngine({ environment, log });
  if (engine.kind !== 'executable') throw new EngineNotFound('tests need the temporal command, not an address');
  const namespace = 'default';
  const { pid, address } = await startDevServer({
    executable: engine.path,
    ip: '127.0.0.1',
    port: await freePort(),
    uiPort: 0,
    headless: true,
    databaseFile: join(folder, 'engine.db'),
    namespace,
    searchAttributes: searchAttributeNames,
    logFile: join(folder, 'engine.log'),
    // Ctrl-C ends a run of jest at once, without its tear-down; the engine must hear it too.
    ownProcessGroup: false,
  });
  await writeFile(join(folder, pidFile), String(pid));
  return { address, namespace };
}

/** Ends the engine that was started in this folder, if it still runs, and deletes the folder. */
export async function stopTestEngine(folder: string): Promise<void> {
  const pid = Number.parseInt(await readFile(join(folder, pidFile), 'utf8').catch(() => ''), 10);
  if (!Number.isNaN(pid)) {
    const deadline = Date.now() + 10_000;
    let signal: NodeJS.Signals = 'SIGTERM';
    while (sent(pid, signal)) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (Date.now() > deadline) signal = 'SIGKILL';
    }
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

/** Whether the process was there to take the signal. */
function sent(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Below the range from which Linux takes the ports of outgoing connections, so that none of those can take it first. */
const ports = { from: 15_000, to: 32_000 };

/** A port of the loopback interface that nobody listens on, drawn at random so that two runs hardly ever meet. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(ports.from, ports.to);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

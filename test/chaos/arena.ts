import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from '../../client/cli/up/child.ts';
import { connect, type OpenDevOpsPools } from '../../client/sdk/index.ts';
import { installationLimits, type Installation } from '../../domain/installation.ts';
import { freePort } from '../support/engine-process.ts';
import { startStack, type Stack, type StackPorts } from '../support/stack.ts';
import type { Bundles } from './bundles.ts';
import { openLink, type Link } from './link.ts';
import type { LinkName, Version } from './nemesis-plan.ts';

/**
 * Where a batch takes place: engine, cloud and workers as processes, with a link of ours on every way between a worker
 * and the rest.
 */
export interface Arena {
  readonly stack: Stack;
  /**
   * A client of its own, which lives through every restart of the engine: closing one under a call that is being tried
   * again makes the gRPC library throw where nobody can catch.
   */
  readonly odp: OpenDevOpsPools;
  readonly startedAt: number;
  readonly workers: readonly ArenaWorker[];
  link(name: LinkName): Link;
  readonly links: readonly Link[];
  /** The organisation at its own port, for developers whom no link concerns. */
  readonly organizationUrl: string;
  /** One line of what was done to whom, kept in the folder. */
  note(line: string): void;
  close(options: { keep: boolean }): Promise<void>;
}

/** One worker behind its links. Whoever ends it, it is started again, as a service manager does. */
export interface ArenaWorker {
  readonly name: string;
  readonly running: boolean;
  /** How often it ended though nobody killed it. */
  readonly ownExits: number;
  readonly pid: number | undefined;
  start(version: Version): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
}

/**
 * Limits under which a minute shows what takes an hour in production. Everything else is production's.
 */
export const chaosLimits = {
  agent: {
    connectMs: 40_000,
    provisionMs: 90_000,
    heartbeatMs: 6_000,
    // Longer than the pauses between the attempts of an activity whose workers are killed again and again: when it
    // is over, an agent waits five minutes before it tries anew.
    returnMs: 150_000,
    offlineMs: 15_000,
  },
  pool: { reconcileMs: 20_000, overdueMs: 30_000, signalsPerRun: 200 },
  observer: { activityMs: 60_000, heartbeatMs: 6_000 },
  audit: { everyMs: 30_000, confirmMs: 5_000, newbornMs: 30_000 },
} as const satisfies Installation['limits'];

/** How long the embedded Azure DevOps waits for a dead agent: the real ten minutes would be most of a run. */
export const jobLockMs = 75_000;

/** Between two tries to start a worker again, while the engine may be away. */
const restartMs = 500;

export async function openArena(
  versions: readonly Version[],
  bundles: Bundles,
  { scale }: { scale: number },
): Promise<Arena> {
  const ports: StackPorts = {
    engine: await freePort(),
    arm: await freePort(),
    azureDevOps: await freePort(),
    control: await freePort(),
  };
  const azureDevOps = await openLink(ports.azureDevOps);
  const stack = await startStack({
    scale,
    limits: chaosLimits,
    worker: false,
    ports,
    cloudArguments: [`--azure-devops-url=http://127.0.0.1:${azureDevOps.port}`, `--job-lock-ms=${jobLockMs}`],
  });
  const odp = await connect({
    address: stack.installation.engine.address,
    installation: stack.installation.name,
    limits: installationLimits(stack.installation),
  });
  let startedAt = Date.now();
  const note = (line: string) => {
    const at = ((Date.now() - startedAt) / 1_000).toFixed(1).padStart(7);
    appendFileSync(join(stack.folder, 'chaos.log'), `${at} ${line}\n`);
  };
  const open = { engine: [] as Link[], azure: [] as Link[] };
  const workers: ArenaWorker[] = [];
  for (const index of versions.keys()) {
    const [engine, azure] = [await openLink(ports.engine), await openLink(ports.arm)];
    open.engine.push(engine);
    open.azure.push(azure);
    const worker = workerBehind({ stack, bundles, name: `worker-${index}`, engine, azure, note });
    workers.push(worker);
  }
  await Promise.all(workers.map((worker, index) => worker.start(versions[index] ?? 'current')));
  startedAt = Date.now();
  // Processes of a run that ends in the middle must not outlive it.
  const endAll = () => {
    const pids = [stack.pid('engine'), stack.pid('cloud'), ...workers.flatMap(({ pid }) => pid ?? [])];
    for (const pid of pids) endProcess(pid);
  };
  process.once('exit', endAll);
  const links = [azureDevOps, ...open.engine, ...open.azure];
  const { organizationUrl } = stack.cloud;
  return {
    stack,
    odp,
    startedAt,
    workers,
    links,
    link(name) {
      const found = name.to === 'azureDevOps' ? azureDevOps : open[name.to][name.worker];
      if (!found) throw new Error(`there is no link ${JSON.stringify(name)}`);
      return found;
    },
    organizationUrl: organizationUrl.replace(`:${azureDevOps.port}/`, `:${ports.azureDevOps}/`),
    note,
    async close({ keep }) {
      process.off('exit', endAll);
      await Promise.all(workers.map((worker) => worker.kill()));
      await odp.close();
      await stack.close({ keep });
      await Promise.all(links.map((link) => link.close()));
    },
  };
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

function workerBehind(given: {
  stack: Stack;
  bundles: Bundles;
  name: string;
  engine: Link;
  azure: Link;
  note(line: string): void;
}): ArenaWorker {
  const { stack, bundles, name, engine, azure, note } = given;
  let child: Child | undefined;
  let wanted: Version | undefined;
  let ownExits = 0;

  const document = (installation: Installation): Installation => {
    const behind = `https://localhost:${azure.port}`;
    return {
      ...installation,
      engine: { ...installation.engine, address: `127.0.0.1:${engine.port}` },
      azure: { ...installation.azure, resourceManagerEndpoint: behind, authorityHost: behind },
    };
  };

  const start = async (version: Version): Promise<void> => {
    wanted = version;
    while (wanted === version) {
      try {
        const started = await stack.startWorker({
          name,
          document,
          environment: { ODP_WORKFLOW_BUNDLE: bundles[version] },
        });
        child = started;
        note(`${name} runs the ${version} version as process ${started.pid}`);
        void started.exited.then(async (how) => {
          if (child !== started) return;
          child = undefined;
          ownExits++;
          note(`${name} ${how}, and nobody killed it`);
          if (wanted !== undefined) await start(wanted);
        });
        return;
      } catch (error) {
        note(`${name} did not start: ${error instanceof Error ? error.message : String(error)}`);
        await sleep(restartMs);
      }
    }
  };

  return {
    name,
    get running() {
      return child !== undefined;
    },
    get pid() {
      return child?.pid;
    },
    get ownExits() {
      return ownExits;
    },
    start,
    async kill() {
      wanted = undefined;
      const killed = child;
      child = undefined;
      await killed?.stop(AbortSignal.abort());
    },
    pause: () => void (child && process.kill(child.pid, 'SIGSTOP')),
    resume: () => void (child && process.kill(child.pid, 'SIGCONT')),
  };
}

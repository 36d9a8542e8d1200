import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveEngine } from '../../engine/resolve.ts';
import { OdpError } from '../../sdk/index.ts';
import type { CommandContext } from '../context.ts';
import type { Signals } from '../io.ts';
import { unlessStopped } from '../output.ts';
import { duration } from '../render.ts';
import { withSession, type Session } from '../session.ts';
import { startChild } from './child.ts';
import { countMachines, embeddedInstallationDocument, parseReadyLine, type EmbeddedCloud } from './embedded-cloud.ts';
import { engineService, joinEngine, type EngineDocument } from './engine.ts';
import { createLive, type Live } from './live.ts';
import { createLooker } from './look.ts';
import { checkPorts } from './ports.ts';
import { stopStaleProcesses } from './process-record.ts';
import { applySamplePool, noWorkload, readSamplePool, startSampleWorkload } from './sample.ts';
import { createSupervisor, type Supervisor } from './supervise.ts';
import { summaryLines } from './view.ts';

/** Options of `odp up`. */
export interface UpOptions {
  /** Absolute path of the folder that holds everything. */
  state: string;
  temporalPort: number;
  uiPort: number;
  armPort: number;
  /** Spelt as commander spells `--azure-devops-port`. */
  azureDevopsPort: number;
  controlPort: number;
  temporal?: string;
  scale: number;
  machines: string;
  workload: boolean;
  workers: number;
  exitWhenDone: boolean;
}

/** Loopback only: the embedded stack's credentials are for one person on one machine. */
const host = '127.0.0.1';
const namespace = 'default';

/** Until a child serves. The worker bundles the workflows first, which takes long on a small machine. */
const readyMs = { cloud: 60_000, worker: 180_000 };

/** Runs the embedded stack until Ctrl-C, or with `exitWhenDone` until the sample has run. */
export async function runUp(options: UpOptions, { io, now }: CommandContext): Promise<void> {
  const signals = io.signals();
  const live = createLive(io, { startedAt: now(), now, stop: signals.stop });
  const { state } = options;
  await mkdir(join(state, 'logs'), { recursive: true, mode: 0o700 });
  await stopStaleProcesses(state, live.report);
  await checkPorts(neededPorts(options, Boolean(io.environment['TEMPORAL_ADDRESS']) && !options.temporal), host);
  const supervisor = createSupervisor(state, { report: live.report, stop: signals.stop });
  try {
    const file = await startStack(options, { supervisor, live, signals, environment: io.environment, now });
    await withSession(io, file.path, async (session) => {
      const surroundings = { cloud: file.cloud, live, signals, now, out: io.out };
      await unlessStopped(signals.stop, demonstrate(session, options, surroundings));
    });
  } catch (error) {
    // What people stop on purpose ends well, wherever it was.
    if (!signals.stop.aborted) throw error;
  } finally {
    await supervisor.stop(signals.kill);
    live.report(`stopped; \`odp up --state ${state}\` goes on where this was`);
  }
}

function neededPorts(options: UpOptions, givenEngine: boolean) {
  return [
    ...(givenEngine
      ? []
      : [
          { port: options.temporalPort, neededBy: 'the engine', flag: '--temporal-port' },
          { port: options.uiPort, neededBy: "Temporal's Web UI", flag: '--ui-port' },
        ]),
    { port: options.armPort, neededBy: 'the embedded Azure Resource Manager', flag: '--arm-port' },
    { port: options.azureDevopsPort, neededBy: 'the embedded Azure DevOps', flag: '--azure-devops-port' },
    { port: options.controlPort, neededBy: "the embedded cloud's control interface", flag: '--control-port' },
  ];
}

interface Surroundings {
  supervisor: Supervisor;
  live: Live;
  signals: Signals;
  environment: NodeJS.ProcessEnv;
  now(): number;
}

/** Engine, cloud, workers, each once the one before serves. Answers the installation document's path. */
async function startStack(
  options: UpOptions,
  surroundings: Surroundings,
): Promise<{ path: string; cloud: EmbeddedCloud }> {
  const { supervisor, live, signals, now } = surroundings;
  const { state, workers } = options;
  const timed = async <Result>(what: string, step: () => Promise<Result>): Promise<Result> => {
    const startedAt = now();
    const result = await step();
    live.report(`${what} ready in ${duration(now() - startedAt)}`);
    return result;
  };
  const child = { stop: signals.stop };

  const engine = await startEngine(options, surroundings, timed);

  let cloud: EmbeddedCloud | undefined;
  await timed('embedded cloud', () =>
    supervisor.add({
      name: 'cloud',
      start: async () => {
        const started = await startChild(
          {
            ...child,
            name: 'embedded cloud',
            program: 'emulator/main',
            args: cloudArguments(options),
            logFile: join(state, 'logs', 'cloud.log'),
            readyMs: readyMs.cloud,
          },
          parseReadyLine,
        );
        cloud = started.ready;
        return started;
      },
    }),
  );
  if (!cloud) throw new Error('invariant: a cloud that is ready has said where it is');

  const path = join(state, 'installation.json');
  const document = embeddedInstallationDocument(cloud, engine);
  await writeFile(path, `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });

  await timed(workers === 1 ? 'worker' : `${workers} workers`, () =>
    Promise.all(
      Array.from({ length: workers }, (_, index) => {
        const name = workers === 1 ? 'worker' : `worker-${index + 1}`;
        return supervisor.add({
          name,
          start: () =>
            startChild(
              {
                ...child,
                name,
                program: 'workers/main',
                args: ['--installation', path],
                logFile: join(state, 'logs', `${name}.log`),
                readyMs: readyMs.worker,
              },
              parseReady,
            ),
        });
      }),
    ),
  );
  return { path, cloud };
}

async function startEngine(
  options: UpOptions,
  { supervisor, live, signals, environment }: Surroundings,
  timed: <Result>(what: string, step: () => Promise<Result>) => Promise<Result>,
): Promise<EngineDocument> {
  const resolving = resolveEngine({
    environment,
    log: live.report,
    ...(options.temporal === undefined ? {} : { executable: options.temporal }),
  });
  const found = await unlessStopped(signals.stop, resolving);
  if (found.kind === 'address') return await joinEngine(found, environment);
  const { temporalPort: port, uiPort, state } = options;
  await timed('engine', () =>
    supervisor.add(engineService({ executable: found.path, ip: host, port, uiPort, state, namespace })),
  );
  return { address: `${host}:${port}`, namespace };
}

function cloudArguments({ state, armPort, azureDevopsPort, controlPort, scale, machines }: UpOptions): string[] {
  return [
    `--state=${join(state, 'cloud')}`,
    `--host=${host}`,
    `--arm-port=${armPort}`,
    `--azure-devops-port=${azureDevopsPort}`,
    `--control-port=${controlPort}`,
    `--scale=${scale}`,
    `--machines=${machines}`,
  ];
}

function parseReady(line: unknown): true {
  if (typeof line === 'object' && line !== null && 'ready' in line && line.ready === true) return true;
  throw new Error('its first line does not say that it is ready');
}

interface Demonstration {
  cloud: EmbeddedCloud;
  live: Live;
  signals: Signals;
  now(): number;
  out(line: string): void;
}

/** Says where everything is, makes the sample pool, queues its jobs, and shows what happens. */
async function demonstrate(session: Session, options: UpOptions, demonstration: Demonstration): Promise<void> {
  const { cloud, live, signals, now, out } = demonstration;
  for (const line of addressLines(options, session.installation.engine.address, cloud)) out(line);
  const sample = await readSamplePool(cloud.organizationUrl);
  live.report(`pool ${sample.name}: ${await applySamplePool(session, sample)}`);
  const target = { pool: sample.name, project: cloud.project, pipeline: cloud.pipeline };
  const workload = options.workload
    ? await startSampleWorkload(session, target, { stop: signals.stop, report: live.report })
    : noWorkload;
  live.report(workload.status() || 'no sample jobs are queued');

  const look = createLooker(session, sample.name, now);
  const following = { look, workload: workload.status, workloadDone: workload.done };
  const settled = await live.follow({ ...following, forever: false });
  await workload.finished;
  if (settled) {
    const left = (await countMachines(cloud)) - settled.agents.length;
    for (const line of ['', ...summaryLines(settled, left), '']) out(line);
    if (options.exitWhenDone && left !== 0) {
      throw new OdpError('MachinesLeftOver', `${left} machines belong to no agent.`, {
        hint: `Look at ${cloud.control}/ledger?kind=machine.`,
      });
    }
  }
  if (options.exitWhenDone) return;
  live.report('everything stays up until Ctrl-C; try `odp job queue --image ubuntu --count 5` in another terminal');
  await live.follow({ ...following, forever: true });
}

function addressLines(options: UpOptions, engine: string, cloud: EmbeddedCloud): string[] {
  return [
    '',
    `  Temporal Web UI         http://${host}:${options.uiPort}`,
    `  Temporal (gRPC)         ${engine}`,
    `  Azure Resource Manager  ${cloud.arm}`,
    `  Azure DevOps            ${cloud.organizationUrl}`,
    `  cloud's control         ${cloud.control}`,
    `  installation document   ${join(options.state, 'installation.json')}`,
    '',
  ];
}

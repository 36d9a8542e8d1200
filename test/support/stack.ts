import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openOrganization, type Organization } from '../../client/cli/azure-devops.ts';
import { startChild, type Child } from '../../client/cli/up/child.ts';
import {
  embeddedInstallationDocument,
  parseReadyLine,
  type EmbeddedCloud,
} from '../../client/cli/up/embedded-cloud.ts';
import { startDevServer, type DevServer } from '../../client/engine/dev-server.ts';
import { resolveEngine } from '../../client/engine/resolve.ts';
import { connect, type OpenDevOpsPools } from '../../client/sdk/index.ts';
import { parseInstallation, type Installation } from '../../domain/installation.ts';
import { searchAttributeNames } from '../../domain/names.ts';
import type { Fault, LedgerEntry } from '../../emulator/core/context.ts';
import { freePort } from './engine-process.ts';
import { eventually } from './eventually.ts';

/**
 * The whole system as its processes: an engine on a database file, the embedded cloud, a worker; each can be killed and
 * started again. Nothing of the product is replaced.
 */

/** The processes that a test can kill. */
export const processNames = ['worker', 'engine', 'cloud'] as const;
export type ProcessName = (typeof processNames)[number];

export interface Stack {
  /** Reconnects after the engine was killed; do not keep what it answers. */
  client(): Promise<OpenDevOpsPools>;
  readonly cloud: EmbeddedCloud;
  readonly installation: Installation;
  readonly organization: Organization;
  /** SIGKILL: no farewell, no clean-up. Resolves when the process is gone. */
  kill(name: ProcessName): Promise<void>;
  start(name: ProcessName): Promise<void>;
  /** Process id, for measuring. */
  pid(name: ProcessName): number;
  ledger<K extends LedgerEntry['kind']>(kind: K): Promise<Extract<LedgerEntry, { kind: K }>[]>;
  fault(fault: Omit<Fault, 'id'>): Promise<void>;
  /** Changes a limit of the embedded cloud: `quotas` or `capacity`, as its control interface takes them. */
  limit(what: 'quotas' | 'capacity', limit: Record<string, unknown>): Promise<void>;
  /** Makes another organisation in the embedded Azure DevOps. */
  addOrganization(name: string): Promise<void>;
  state(): Promise<{
    machines: Record<string, number>;
    registrations: Record<string, number>;
    jobs: Record<string, number>;
  }>;
  /** Where the state and the logs of all processes are. */
  readonly folder: string;
  /** Starts a worker beside the first one, from a document of its own. */
  startWorker(options: WorkerOptions): Promise<Child>;
  /** Ends the faults that are in force. */
  clearFaults(): Promise<void>;
  /** Ends every process; the folder goes too, unless it is to be kept for whoever looks into a failure. */
  close(options?: { keep?: boolean }): Promise<void>;
}

/** One more worker. */
export interface WorkerOptions {
  /** Names its document and its log. */
  name: string;
  /** Its installation document, from that of the stack: other addresses, for a worker behind a proxy. */
  document?: (installation: Installation) => Installation;
  environment?: Readonly<Record<string, string>>;
}

/** Ports of the loopback interface. */
export interface StackPorts {
  engine: number;
  arm: number;
  azureDevOps: number;
  control: number;
}

export interface StackOptions {
  /** Latency of the embedded cloud: 1 is as slow as the real one. */
  scale: number;
  /** Overrides of the limits, as the installation document takes them. */
  limits?: Installation['limits'];
  /** Further parts of the installation document. */
  installation?: Pick<Installation, 'proxyCredentials'>;
  /** Organisations of the embedded cloud beside its own, with the token that the worker has for them. */
  organizations?: { name: string; token: string }[];
  /** Source of the worker process, without its ending; by default the product's. */
  workerProgram?: string;
  workerArguments?: string[];
  /** Whether there is a worker from the start; by default there is. */
  worker?: boolean;
  /** By default free ones. */
  ports?: StackPorts;
  /** Further arguments of the embedded cloud. */
  cloudArguments?: string[];
}

const readyMs = 60_000;

/** Starts engine, cloud and worker in a folder of their own. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const folder = await mkdtemp(join(tmpdir(), 'odp-stack-'));
  const ports = options.ports ?? (await freePorts());
  const installationFile = join(folder, 'installation.json');
  const { TEMPORAL_ADDRESS: _, ...environment } = process.env;
  const found = await resolveEngine({ environment, log: () => {} });
  if (found.kind !== 'executable') throw new Error('the stack needs the temporal command');
  const executable = found.path;
  const never = new AbortController().signal;

  let engine: DevServer | undefined;
  let cloud: (Child & { ready: EmbeddedCloud }) | undefined;
  let worker: Child | undefined;
  const others: Child[] = [];
  let client: OpenDevOpsPools | undefined;

  const starters: Record<ProcessName, () => Promise<void>> = {
    engine: async () => {
      engine = await startDevServer({
        executable,
        ip: '127.0.0.1',
        port: ports.engine,
        uiPort: 0,
        headless: true,
        databaseFile: join(folder, 'engine.db'),
        namespace: 'default',
        searchAttributes: searchAttributeNames,
        logFile: join(folder, 'engine.log'),
        ownProcessGroup: false,
      });
    },
    cloud: async () => {
      cloud = await startChild(
        {
          name: 'embedded cloud',
          program: 'emulator/main',
          args: [
            `--state=${join(folder, 'cloud')}`,
            `--scale=${options.scale}`,
            `--arm-port=${ports.arm}`,
            `--azure-devops-port=${ports.azureDevOps}`,
            `--control-port=${ports.control}`,
            ...(options.cloudArguments ?? []),
          ],
          logFile: join(folder, 'cloud.log'),
          readyMs,
          stop: never,
        },
        parseReadyLine,
      );
    },
    worker: async () => {
      worker = await startChild(
        {
          name: 'worker',
          program: options.workerProgram ?? 'workers/main',
          args: ['--installation', installationFile, ...(options.workerArguments ?? [])],
          logFile: join(folder, 'worker.log'),
          readyMs,
          stop: never,
        },
        (line) => line,
      );
    },
  };
  const running = (name: ProcessName): { pid: number; exited: Promise<unknown> } => {
    const process = { worker, engine, cloud }[name];
    if (!process) throw new Error(`the ${name} was never started`);
    return process;
  };

  await Promise.all([starters.engine(), starters.cloud()]);
  const facts = cloud as unknown as { ready: EmbeddedCloud };
  const embedded = embeddedInstallationDocument(facts.ready, {
    address: `127.0.0.1:${ports.engine}`,
    namespace: 'default',
  }) as { azureDevOps: { organizations: object[] } };
  const organizations = await Promise.all(
    (options.organizations ?? []).map(async ({ name, token }) => {
      const file = join(folder, `token-of-${name}`);
      await writeFile(file, token, { mode: 0o600 });
      const url = `${facts.ready.azureDevOps}/${name}`;
      return { url, credential: { kind: 'personalAccessToken', token: { file } } };
    }),
  );
  const document = {
    ...embedded,
    azureDevOps: { organizations: [...embedded.azureDevOps.organizations, ...organizations] },
    ...(options.limits ? { limits: options.limits } : {}),
    ...options.installation,
  };
  await writeFile(installationFile, JSON.stringify(document));
  const parsed = parseInstallation(document);
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  const { installation } = parsed;
  if (options.worker !== false) await starters.worker();

  const control = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await eventually(() =>
      fetch(`${facts.ready.control}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      }),
    );
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    const text = await response.text();
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };

  return {
    cloud: facts.ready,
    installation,
    organization: openOrganization(facts.ready.organizationUrl, installation, process.env),
    async client() {
      const { installationLimits } = await import('../../domain/installation.ts');
      client ??= await connect({
        address: installation.engine.address,
        installation: installation.name,
        limits: installationLimits(installation),
      });
      return client;
    },
    pid: (name) => running(name).pid,
    async kill(name) {
      const { pid, exited } = running(name);
      process.kill(pid, 'SIGKILL');
      await exited;
      if (name !== 'engine') return;
      await client?.close();
      client = undefined;
    },
    start: (name) => starters[name](),
    async ledger<K extends LedgerEntry['kind']>(kind: K) {
      const entries: Extract<LedgerEntry, { kind: K }>[] = [];
      let after: number | undefined = 0;
      while (after !== undefined) {
        const page = (await control('GET', `/ledger?kind=${kind}&after=${after}`)) as {
          entries: Extract<LedgerEntry, { kind: K }>[];
          next?: number;
        };
        entries.push(...page.entries);
        after = page.entries.length > 0 ? page.next : undefined;
      }
      return entries;
    },
    fault: async (fault) => void (await control('POST', '/faults', fault)),
    limit: async (what, limit) => void (await control('PATCH', `/${what}`, limit)),
    addOrganization: async (name) => void (await control('POST', '/organizations', { name, projects: [] })),
    state: async () => (await control('GET', '/state')) as never,
    folder,
    async startWorker({ name, document: change, environment: own }) {
      const file = join(folder, `${name}.json`);
      await writeFile(file, JSON.stringify(change?.(installation) ?? document));
      const started = await startChild(
        {
          name,
          program: 'workers/main',
          args: ['--installation', file],
          logFile: join(folder, `${name}.log`),
          readyMs,
          stop: never,
          ...(own === undefined ? {} : { environment: own }),
        },
        (line) => line,
      );
      others.push(started);
      return started;
    },
    clearFaults: async () => void (await control('DELETE', '/faults')),
    async close({ keep = false } = {}) {
      await client?.close();
      const now = AbortSignal.abort();
      await Promise.all([...(worker ? [worker] : []), ...others].map((process) => process.stop(now)));
      await cloud?.stop(now);
      await engine?.stop();
      if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

async function freePorts(): Promise<StackPorts> {
  return {
    engine: await freePort(),
    arm: await freePort(),
    azureDevOps: await freePort(),
    control: await freePort(),
  };
}

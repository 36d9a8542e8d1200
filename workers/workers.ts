import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import {
  type ActivityInterceptorsFactory,
  bundleWorkflowCode,
  NativeConnection,
  type NativeConnectionOptions,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import type { Installation } from '../domain/installation.ts';
import { taskQueues } from '../domain/names.ts';
import { createActivities } from './activities.ts';
import { keepAuditSchedule } from './audit-schedule.ts';
import { deploymentOf } from './deployment.ts';
import { installLogger } from './logger.ts';
import { readSecret } from './secrets.ts';

/** What the worker's caller can wait for and stop. */
export interface RunningWorkers {
  /** Resolves when every worker has stopped, after SIGTERM, SIGINT or `stop`. */
  finished: Promise<void>;
  stop(): void;
}

/**
 * Concurrent activities per queue. Creating and deleting wait for minutes and cost nothing while they wait, so a burst
 * of five hundred agents must not queue behind slots; each observer keeps a slot for an hour.
 */
const slots = { azure: 2_000, devops: 50, observer: 200 } as const;

/** About 0.35 MB of resident memory each (measured); 2,500 keep a worker at one thousand agents below one gigabyte. */
const maxCachedWorkflows = 2_500;

/**
 * The observer learns of a changed list of pools when its next heartbeat is answered. The SDK would hold heartbeats
 * back for four fifths of their time-out; at this interval a new pool is watched within seconds.
 */
const maxHeartbeatThrottleInterval = '2s';

/** What a measurement or a test adds to the workers. */
export interface WorkersOptions {
  /** Called around each activity; by default nothing is. */
  activityInterceptors?: ActivityInterceptorsFactory[];
  /** Another way to Azure; by default the installation's credential over HTTPS. */
  azure?: Parameters<typeof createActivities>[0]['azure'];
}

/** Starts the workers of one installation in this process. */
export async function startWorkers(installation: Installation, options: WorkersOptions = {}): Promise<RunningWorkers> {
  installLogger('INFO');
  const deployment = deploymentOf(process.env);
  trust(installation.azure.caCertificateFile);
  const connection = await NativeConnection.connect(await connectionOptions(installation.engine));
  const { namespace } = installation.engine;
  const client = new Client({ connection, namespace });
  const activities = createActivities({
    installation,
    client,
    readSecret,
    ...(options.azure ? { azure: options.azure } : {}),
  });

  const shared = {
    connection,
    namespace,
    shutdownGraceTime: '10s',
    shutdownForceTime: '30s',
    interceptors: { activity: options.activityInterceptors ?? [] },
    ...(deployment === undefined ? {} : { workerDeploymentOptions: deployment }),
  } as const;
  const workflows: WorkerOptions = {
    ...shared,
    taskQueue: taskQueues.workflows,
    ...(await workflowCode()),
    activities: activities.local,
    maxCachedWorkflows,
    maxConcurrentWorkflowTaskExecutions: 100,
  };
  const workers = await Promise.all([
    Worker.create(workflows),
    Worker.create({
      ...shared,
      taskQueue: taskQueues.azure,
      activities: activities.azure,
      maxConcurrentActivityTaskExecutions: slots.azure,
    }),
    Worker.create({
      ...shared,
      taskQueue: taskQueues.devops,
      activities: activities.devops,
      maxConcurrentActivityTaskExecutions: slots.devops,
    }),
    Worker.create({
      ...shared,
      taskQueue: taskQueues.observer,
      activities: activities.observer,
      maxConcurrentActivityTaskExecutions: slots.observer,
      maxHeartbeatThrottleInterval,
    }),
  ]);
  const stopping = new AbortController();
  const scheduling = keepAuditSchedule(client, installation, {
    signal: stopping.signal,
    refused: (error) => Runtime.instance().logger.error('audits are not scheduled yet', { error: String(error) }),
  });
  const finished = Promise.all(workers.map((worker) => worker.run())).then(async () => {
    stopping.abort();
    await scheduling;
    await connection.close();
  });
  return { finished, stop: () => workers.forEach((worker) => worker.shutdown()) };
}

/** The bundle that the build made, or one made now from the sources. */
async function workflowCode(): Promise<Pick<WorkerOptions, 'workflowBundle'>> {
  const fromSource = import.meta.url.endsWith('.ts');
  const prebuilt = process.env['ODP_WORKFLOW_BUNDLE'];
  if (prebuilt) return { workflowBundle: { codePath: prebuilt } };
  const workflowsPath = fileURLToPath(new URL(`../workflows/index.${fromSource ? 'ts' : 'js'}`, import.meta.url));
  return { workflowBundle: await bundleWorkflowCode({ workflowsPath }) };
}

/** Trusts one more certificate authority in this process: the embedded cloud's, or a company proxy's. */
function trust(caCertificateFile: string | undefined): void {
  if (!caCertificateFile) return;
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(caCertificateFile, 'utf8')]);
}

async function connectionOptions(engine: Installation['engine']): Promise<NativeConnectionOptions> {
  const { tls } = engine;
  const apiKey = engine.apiKey && readSecret(engine.apiKey);
  const file = async (path: string | undefined) => (path ? await readFile(path) : undefined);
  const certificate = await file(tls?.certificateFile);
  const key = await file(tls?.keyFile);
  const serverRootCACertificate = await file(tls?.caFile);
  return {
    address: engine.address,
    ...(apiKey ? { apiKey } : {}),
    ...(tls || apiKey
      ? {
          tls: {
            ...(tls?.serverName ? { serverNameOverride: tls.serverName } : {}),
            ...(serverRootCACertificate ? { serverRootCACertificate } : {}),
            ...(certificate && key ? { clientCertPair: { crt: certificate, key } } : {}),
          },
        }
      : {}),
  };
}

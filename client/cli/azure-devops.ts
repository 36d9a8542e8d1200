import { DefaultAzureCredential, type AccessToken } from '@azure/identity';
import { getBearerHandler, getPersonalAccessTokenHandler, WebApi } from 'azure-devops-node-api';
import {
  BuildResult,
  BuildStatus,
  type Build,
  type Demand,
  type TimelineRecord,
} from 'azure-devops-node-api/interfaces/BuildInterfaces.js';
import { TaskResult, type TaskAgentJobRequest } from 'azure-devops-node-api/interfaces/TaskAgentInterfaces.js';
import type { Installation } from '../../domain/installation.ts';
import { OdpError } from '../sdk/index.ts';
import { readSecret } from './installation-file.ts';

/** A job request as a list shows it. Times are milliseconds since the epoch. */
export interface JobRequest {
  requestId: number;
  jobName: string;
  /** Value of the demand `ImageOverride`, or empty: the pool's first image. */
  image: string;
  /** `queued`, `assigned`, `running`, or the result of Azure DevOps. */
  state: string;
  agent: string;
  queuedAt: number;
  assignedAt?: number;
  startedAt?: number;
  finishedAt?: number;
}

/** One job to queue: one that takes time, or one that runs a shell script. */
export type BuildRequest = {
  project: string;
  pipelineId: number;
  queueId: number;
  image: string;
} & ({ durationSeconds: number } | { script: string });

/** How far a build is. */
export interface BuildProgress {
  finished: boolean;
  /** As Azure DevOps names it, such as `succeeded`; empty until it has ended. */
  result: string;
  /** Who runs it, or empty. */
  agent: string;
  /** Steps with a log, in order, without those that the agent adds itself. */
  steps: { name: string; log: number }[];
}

/** What the command line needs of one Azure DevOps organisation. Every method throws `OdpError`. */
export interface Organization {
  /** The unfinished job requests of an agent pool and the last `finished` finished ones, newest first, in one call. */
  jobRequests(agentPoolId: number, finished: number): Promise<JobRequest[]>;
  /** The given project, else the only one. */
  project(name: string | undefined): Promise<string>;
  pipelineId(project: string, name: string): Promise<number>;
  queueId(project: string, agentPoolName: string): Promise<number>;
  /** Queues one build whose job demands the image; answers the build's id. */
  queueBuild(request: BuildRequest): Promise<number>;
  buildProgress(project: string, buildId: number): Promise<BuildProgress>;
  /** Every line of a log. */
  logLines(project: string, buildId: number, logId: number): Promise<string[]>;
  cancelBuild(project: string, buildId: number): Promise<void>;
  /** Builds of a pipeline, at most `top`. */
  countBuilds(project: string, pipelineId: number, top: number): Promise<number>;
}

/** Azure DevOps' application in Entra ID. */
const azureDevOpsScope = '499b84ac-1321-427f-aa17-267ca6975798/.default';

/** A token that ends sooner than this is replaced before the next call. */
const renewBeforeMs = 5 * 60_000;

/** Opens an organisation with the credential that the installation document names for it; Entra ID where it names none. */
export function openOrganization(
  url: string,
  installation: Installation,
  environment: NodeJS.ProcessEnv,
): Organization {
  const api = connection(url, installation, environment);
  return {
    jobRequests: guarded(url, async (agentPoolId, finished) => {
      const taskAgent = await (await api()).getTaskAgentApi();
      const requests = await taskAgent.getAgentRequestsForAgents(agentPoolId, undefined, finished);
      return requests.map(toJobRequest).sort((a, b) => b.requestId - a.requestId);
    }),

    project: guarded(url, async (name) => {
      if (name !== undefined) return name;
      const projects = await (await (await api()).getCoreApi()).getProjects();
      const [only, ...others] = projects.map((project) => project.name ?? '');
      if (only === undefined || others.length > 0) {
        throw new OdpError('Usage', `${url} has ${projects.length} projects.`, { hint: 'Choose one with --project.' });
      }
      return only;
    }),

    pipelineId: guarded(url, async (project, name) => {
      const definitions = await (await (await api()).getBuildApi()).getDefinitions(project, name);
      const found = definitions.find((definition) => definition.name === name)?.id;
      if (found === undefined) throw notFound(`The project ${project} has no pipeline named ${name}.`, '--pipeline');
      return found;
    }),

    queueId: guarded(url, async (project, agentPoolName) => {
      const queues = await (await (await api()).getTaskAgentApi()).getAgentQueues(project, agentPoolName);
      const found = queues.find((queue) => queue.name?.toLowerCase() === agentPoolName.toLowerCase())?.id;
      if (found === undefined) {
        throw notFound(`The project ${project} has no queue of the agent pool ${agentPoolName}.`, '--project');
      }
      return found;
    }),

    queueBuild: guarded(url, async ({ project, pipelineId, queueId, image, ...work }) => {
      const parameters = 'script' in work ? { script: work.script } : { durationSeconds: String(work.durationSeconds) };
      const build: Build = {
        definition: { id: pipelineId },
        queue: { id: queueId },
        // The typed client declares an object, the service takes and gives the words of a pipeline's `demands`.
        demands: [`ImageOverride -equals ${image}`] as unknown as Demand[],
        parameters: JSON.stringify(parameters),
      };
      const queued = await (await (await api()).getBuildApi()).queueBuild(build, project);
      return queued.id ?? 0;
    }),

    buildProgress: guarded(url, async (project, buildId) => {
      const buildApi = await (await api()).getBuildApi();
      const build = await buildApi.getBuild(project, buildId);
      const timeline = await buildApi.getBuildTimeline(project, buildId);
      return toBuildProgress(build, timeline?.records ?? []);
    }),

    logLines: guarded(url, async (project, buildId, logId) => {
      return await (await (await api()).getBuildApi()).getBuildLogLines(project, buildId, logId);
    }),

    cancelBuild: guarded(url, async (project, buildId) => {
      const cancelling: Build = { status: BuildStatus.Cancelling };
      await (await (await api()).getBuildApi()).updateBuild(cancelling, project, buildId);
    }),

    countBuilds: guarded(url, async (project, pipelineId, top) => {
      const buildApi = await (await api()).getBuildApi();
      const none = undefined;
      // Twelve filters that do not matter stand before `top` in this client.
      const builds = await buildApi.getBuilds(
        project,
        [pipelineId],
        none,
        none,
        none,
        none,
        none,
        none,
        none,
        none,
        none,
        none,
        top,
      );
      return builds.length;
    }),
  };
}

function connection(url: string, installation: Installation, environment: NodeJS.ProcessEnv): () => Promise<WebApi> {
  const listed = installation.azureDevOps.organizations.find((organization) => sameUrl(organization.url, url));
  const credential = listed?.credential ?? { kind: 'entra' as const };
  let current: { api: WebApi; until: number } | undefined;
  return async () => {
    if (current && current.until > Date.now()) return current.api;
    if (credential.kind === 'personalAccessToken') {
      const token = await readSecret(credential.token, environment);
      current = { api: new WebApi(url, getPersonalAccessTokenHandler(token)), until: Infinity };
    } else {
      const { token, expiresOnTimestamp } = await entraToken();
      current = { api: new WebApi(url, getBearerHandler(token)), until: expiresOnTimestamp - renewBeforeMs };
    }
    return current.api;
  };
}

async function entraToken(): Promise<AccessToken> {
  try {
    return await new DefaultAzureCredential().getToken(azureDevOpsScope);
  } catch (error) {
    throw new OdpError('AuthenticationFailed', 'No credential of Entra ID was found for Azure DevOps.', {
      hint: 'Sign in with `az login`, or list the organisation with a personal access token in the installation document.',
      cause: error,
    });
  }
}

function sameUrl(a: string, b: string): boolean {
  const plain = (url: string) => url.replace(/\/+$/, '').toLowerCase();
  return plain(a) === plain(b);
}

function notFound(message: string, option: string): OdpError {
  return new OdpError('NotFound', message, { hint: `Name another with ${option}.` });
}

function guarded<Args extends unknown[], Result>(url: string, verb: (...args: Args) => Promise<Result>) {
  return async (...args: Args): Promise<Result> => {
    try {
      return await verb(...args);
    } catch (error) {
      throw fromAzureDevOps(url, error);
    }
  };
}

/** The client throws plain errors with a `statusCode`; sockets throw with a `code`. */
function fromAzureDevOps(url: string, error: unknown): OdpError {
  if (error instanceof OdpError) return error;
  const { statusCode, code } = error instanceof Error ? (error as { statusCode?: unknown; code?: unknown }) : {};
  const message = error instanceof Error ? error.message : String(error);
  if (statusCode === 401 || statusCode === 203) {
    return new OdpError('AuthenticationFailed', `${url} did not accept the credential.`, {
      hint: 'Check the credential of this organisation in the installation document.',
      cause: error,
    });
  }
  if (statusCode === 403) return new OdpError('AuthorizationFailed', message, { cause: error });
  if (statusCode === 404) return new OdpError('NotFound', message, { cause: error });
  if (statusCode === 409) return new OdpError('Conflict', message, { cause: error });
  if (typeof code === 'string') {
    return new OdpError('AzureDevOpsUnreachable', `${url} cannot be reached: ${message || code}`, { cause: error });
  }
  return new OdpError('AzureDevOps', message, { cause: error });
}

const demandPattern = /^ImageOverride\s+-equals\s+(.+)$/i;

function toJobRequest(request: TaskAgentJobRequest): JobRequest {
  const at = (date: Date | undefined) => (date === undefined ? undefined : new Date(date).getTime());
  const [assignedAt, startedAt, finishedAt] = [at(request.assignTime), at(request.receiveTime), at(request.finishTime)];
  return {
    requestId: request.requestId ?? 0,
    jobName: request.jobName ?? request.definition?.name ?? '',
    image: imageOf(request.demands ?? []),
    state: stateOf(request),
    agent: request.reservedAgent?.name ?? '',
    queuedAt: at(request.queueTime) ?? 0,
    ...(assignedAt === undefined ? {} : { assignedAt }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
  };
}

/** Steps that the agent adds before and after those of the pipeline. */
const agentsOwnSteps = new Set(['Initialize job', 'Finalize Job']);

function toBuildProgress({ status, result }: Build, records: TimelineRecord[]): BuildProgress {
  const name = result === undefined ? '' : (BuildResult[result] ?? '');
  return {
    finished: status === BuildStatus.Completed,
    result: name.charAt(0).toLowerCase() + name.slice(1),
    agent: records.find(({ workerName }) => workerName)?.workerName ?? '',
    steps: records
      .filter((record) => record.type === 'Task' && !agentsOwnSteps.has(record.name ?? ''))
      .toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0))
      .flatMap((record) => (record.log?.id === undefined ? [] : [{ name: record.name ?? '', log: record.log.id }])),
  };
}

function stateOf({ result, finishTime, receiveTime, reservedAgent, assignTime }: TaskAgentJobRequest): string {
  if (result !== undefined || finishTime !== undefined) {
    const name = result === undefined ? undefined : TaskResult[result];
    return name === undefined ? 'finished' : name.charAt(0).toLowerCase() + name.slice(1);
  }
  if (receiveTime !== undefined) return 'running';
  return reservedAgent !== undefined || assignTime !== undefined ? 'assigned' : 'queued';
}

/** Demands come as the words of a pipeline, or from older servers as objects. */
function imageOf(demands: unknown[]): string {
  for (const demand of demands) {
    if (typeof demand === 'string') {
      const image = demandPattern.exec(demand)?.[1];
      if (image !== undefined) return image.trim();
    } else if (typeof demand === 'object' && demand !== null) {
      const { name, value } = demand as { name?: unknown; value?: unknown };
      if (typeof name === 'string' && name.toLowerCase() === 'imageoverride' && typeof value === 'string') return value;
    }
  }
  return '';
}

import { Hono, type Context } from 'hono';
import { callerOf, recordingCall } from '../core/calls.ts';
import type { CloudContext, Fault, Handler } from '../core/context.ts';
import { agentOperations } from './agents.ts';
import { answerOf, failure } from './answers.ts';
import { buildOperations, definitionOperations } from './builds.ts';
import { directoryOperations } from './directory.ts';
import { Refusal } from './errors.ts';
import { readCall } from './read-call.ts';
import { locationOperations } from './locations.ts';
import type { Operation, Service } from './operation.ts';
import { newOrganization, openOrganization } from './organization.ts';
import { planOperations } from './plans.ts';
import { permissionOperations, poolOperations } from './pools.ts';
import { stateOf, type OrganizationRecord } from './records.ts';
import { addProjects, createService } from './service.ts';
import { refreshOperation, requestOperations, sessionOperations } from './sessions.ts';
import { blockedBody, createThrottle, delayHeaders } from './throttle.ts';
import { defaultLockMs } from './jobs.ts';
import { identify } from './identify.ts';

/** What the embedded Azure DevOps is made with. */
export interface AzureDevOpsOptions {
  /** Name of the first organisation. */
  organization: string;
  /** Projects of that organisation; each has the pipeline `workload`. */
  projects: readonly string[];
  /** The one personal access token of the cloud: `Basic base64(:token)`. */
  personalAccessToken: string;
  /** Whether this `Authorization` header (`Bearer …`) carries a token of the cloud's Entra ID for Azure DevOps. */
  verifyBearer: (authorization: string) => boolean | Promise<boolean>;
  /** Most jobs that one organisation runs at once; default: no limit. */
  parallelism?: number;
  /** Refuses calls above this many in five minutes, per identity; default: no limit. */
  callsPerFiveMinutes?: number;
  /** How long the server waits for a sign of life of a job's agent; default: ten minutes. */
  jobLockMs?: number;
}

/** The embedded Azure DevOps. */
export interface AzureDevOps {
  handler: Handler;
  /** Makes an organisation, or adds projects to the one of that name. */
  addOrganization(name: string, projects: readonly string[]): void;
  /** Counts by state, over all organisations. */
  counts(): { registrations: Record<string, number>; jobs: Record<string, number> };
  /** Takes up what was under way when the cloud stopped: locks, sessions, queued jobs. Call once, after creation. */
  resume(): void;
  /** Cancels every timer and answers every waiting poll. */
  close(): void;
}

const operations: readonly Operation[] = [
  ...locationOperations,
  ...directoryOperations,
  ...poolOperations,
  ...permissionOperations,
  ...agentOperations,
  ...sessionOperations,
  ...requestOperations,
  refreshOperation,
  ...planOperations,
  ...buildOperations,
  ...definitionOperations,
];

/** Makes the embedded Azure DevOps from what `context.store` holds. */
export function createAzureDevOps(context: CloudContext, options: AzureDevOpsOptions): AzureDevOps {
  const { clock, latencies, faults } = context;
  const known = context.store.collection<OrganizationRecord>('azure-devops.organizations');
  const services = new Map<string, Service>();
  const throttle = createThrottle(clock, options.callsPerFiveMinutes ?? Number.POSITIVE_INFINITY);

  function start(record: OrganizationRecord): Service {
    const service = createService(context, openOrganization(context, record), {
      parallelism: options.parallelism ?? Infinity,
      lockMs: options.jobLockMs ?? defaultLockMs,
    });
    services.set(record.name.toLowerCase(), service);
    return service;
  }

  function addOrganization(name: string, projects: readonly string[]): void {
    let service = services.get(name.toLowerCase());
    if (service === undefined) {
      const record = newOrganization(context, name);
      known.put(name.toLowerCase(), record);
      service = start(record);
    }
    addProjects(service, projects);
  }

  /** Performs one call: who calls, may they, and what is the answer. */
  async function perform(
    http: Context,
    operation: Operation | undefined,
    extra: Record<string, string> = {},
  ): Promise<Response> {
    const request = http.req.raw;
    try {
      const organization = http.req.param('organization') ?? '';
      const service = services.get(organization);
      if (service === undefined) {
        throw new Refusal('ServiceHostDoesNotExistException', `The organization ${organization} does not exist.`);
      }
      const identity = await identify(service, options, request, operation);
      if (operation === undefined) {
        throw new Refusal('NotEmulated', `The embedded Azure DevOps does not know ${request.method} ${http.req.path}.`);
      }
      const { refused, headers } = throttle.count(identity.key);
      if (refused) return Response.json(blockedBody(), { status: 429, headers });
      if (callerOf(request) === 'controller') await clock.sleep(latencies.sample('azureDevOpsCall'));
      const stale = operation.name.endsWith('_List') ? strikeStale(request, operation) : undefined;
      const call = await readCall(service, http, identity, stale);
      const answer = await operation.run(call);
      return answerOf(request, { ...answer, headers: { ...headers, ...answer.headers, ...extra } });
    } catch (error) {
      return failure(request, error);
    }
  }

  function strikeStale(request: Request, operation: Operation): number | undefined {
    const { pathname } = new URL(request.url);
    const subject = {
      service: 'azure-devops',
      method: request.method,
      path: pathname,
      operation: operation.name,
    } as const;
    const fault = faults.strike(['staleList'], subject);
    return fault && clock.now() - fault.effect.ageMs;
  }

  /** A rejection with status 200 is a delayed answer: it takes effect, and tells the caller to slow down. */
  function rejected(
    http: Context,
    operation: Operation | undefined,
    effect: Extract<Fault['effect'], { kind: 'reject' }>,
  ): Response | Promise<Response> {
    const seconds = effect.retryAfterSeconds;
    const headers = seconds === undefined ? {} : delayHeaders(seconds, 200, effect.status === 200 ? 1 : 0, clock.now());
    if (effect.status === 200) return perform(http, operation, headers);
    const body =
      effect.status === 429 && effect.message === undefined
        ? blockedBody()
        : { message: effect.message ?? effect.code, typeKey: effect.code };
    return Response.json({ $id: '1', innerException: null, ...body }, { status: effect.status, headers });
  }

  const app = new Hono({
    // Azure DevOps does not tell cases apart in paths, and clients leave empty parts where there is no project.
    getPath: (request) =>
      new URL(request.url).pathname
        .replaceAll(/\/{2,}/g, '/')
        .replace(/(.)\/$/, '$1')
        .toLowerCase(),
  });
  for (const operation of operations) {
    const paths = operation.paths.map((path) => `/:organization${path}`);
    app.on(operation.method, paths, (http) => handle(http, operation));
  }
  app.all('/:organization/*', (http) => handle(http, undefined));
  app.notFound(() => new Response(null, { status: 404 }));
  app.onError((error) => {
    throw error;
  });

  function handle(http: Context, operation: Operation | undefined): Promise<Response> {
    return recordingCall(
      context,
      'azure-devops',
      operation?.name ?? 'NotEmulated',
      http.req.raw,
      () => perform(http, operation),
      (effect) => rejected(http, operation, effect),
    );
  }

  for (const record of known.values()) start(record);
  addOrganization(options.organization, options.projects);

  return {
    handler: (request) => app.fetch(request),
    addOrganization,
    counts: () => countsOf(services.values()),
    resume() {
      for (const service of services.values()) {
        service.presence.resume();
        service.jobs.resume();
      }
    },
    close() {
      for (const service of services.values()) {
        service.jobs.close();
        service.presence.stop();
      }
    },
  };
}

function countsOf(services: Iterable<Service>): ReturnType<AzureDevOps['counts']> {
  const registrations: Record<string, number> = { online: 0, offline: 0 };
  const jobs: Record<string, number> = { queued: 0, assigned: 0, running: 0, finished: 0 };
  for (const { organization } of services) {
    for (const { online } of organization.agents.values()) {
      const state = online ? 'online' : 'offline';
      registrations[state] = (registrations[state] ?? 0) + 1;
    }
    for (const request of organization.requests.values()) {
      const state = stateOf(request);
      jobs[state] = (jobs[state] ?? 0) + 1;
    }
  }
  return { registrations, jobs };
}

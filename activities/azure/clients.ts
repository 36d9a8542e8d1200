import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent } from 'node:https';
import { ComputeManagementClient } from '@azure/arm-compute';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  type HttpMethods,
  type PipelinePolicy,
  type PipelineRequest,
} from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import { OutsideError } from '../errors.ts';
import { captured, capturePolicy, refusal } from './capture.ts';
import { systemClock, type Clock } from './clock.ts';
import { createPace, readBucket, type Pace } from './pacing.ts';

/** One call may take this long before it counts as lost. */
const callTimeoutMs = 60_000;

/** A burst of creates shares this many connections: five hundred TLS handshakes would cost more than they save. */
const connections = 64;

/** How Azure is reached. */
export interface AzureClientsOptions {
  /** Such as `https://management.azure.com`. */
  endpoint: string;
  /** Such as `https://management.azure.com/.default`. */
  scope: string;
  credential: TokenCredential;
  /** Starts the user agent of each call: product/version. */
  userAgent: string;
  /** Another transport, for a cloud in the same process. */
  httpClient?: HttpClient;
  clock?: Clock;
  /** Time between two looks at a long-running operation when Azure names none; milliseconds. */
  pollIntervalMs?: number;
}

/** An answer without SDK types, for the few calls that arm-compute does not have. */
export interface RawAnswer {
  status: number;
  body: unknown;
}

/** Azure, for one identity. */
export interface AzureClients {
  readonly clock: Clock;
  readonly pollIntervalMs: number;
  compute(subscriptionId: string): ComputeManagementClient;
  /** Waits for a turn in Azure Resource Manager's budget of writes or deletes. */
  pace(kind: 'writes' | 'deletes', subscriptionId: string, signal?: AbortSignal): Promise<void>;
  /**
   * One call through the same pipeline.
   *
   * @param name as failures name the call
   * @param path with its query, `api-version` included, or an absolute URL of the same host
   * @param sent the body, sent as JSON
   * @throws OutsideError for a status from 300 on, except 404
   */
  call(
    name: string,
    method: HttpMethods,
    subscriptionId: string,
    path: string,
    signal?: AbortSignal,
    sent?: unknown,
  ): Promise<RawAnswer>;
}

/** Clients with one pipeline per subscription: no retries, evidence kept, no call to a host that was not configured. */
export function createAzureClients(options: AzureClientsOptions): AzureClients {
  const { endpoint, scope, credential, userAgent, clock = systemClock, pollIntervalMs = 5_000 } = options;
  const httpClient = options.httpClient ?? createDefaultHttpClient();
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const budgets = new Map<string, { client: ComputeManagementClient; writes: Pace; deletes: Pace }>();

  const open = (subscriptionId: string) => {
    const known = budgets.get(subscriptionId);
    if (known) return known;
    const writes = createPace(clock);
    const deletes = createPace(clock);
    const client = new ComputeManagementClient(credential, subscriptionId, {
      endpoint,
      credentials: { scopes: [scope] },
      httpClient,
      // The engine retries, durably and with a heartbeat; the SDK would sleep unseen and send PUTs twice.
      retryOptions: { maxRetries: 0 },
      userAgentOptions: { userAgentPrefix: userAgent },
      ...(options.httpClient ? {} : { agent }),
      additionalPolicies: [
        { policy: capturePolicy, position: 'perRetry' },
        { policy: budgetPolicy({ writes, deletes, reads: createPace(clock, readBucket) }), position: 'perRetry' },
        { policy: sameHostPolicy(new URL(endpoint).host), position: 'perRetry' },
      ],
    });
    const opened = { client, writes, deletes };
    budgets.set(subscriptionId, opened);
    return opened;
  };

  return {
    clock,
    pollIntervalMs,
    compute: (subscriptionId) => open(subscriptionId).client,
    pace: (kind, subscriptionId, signal) => open(subscriptionId)[kind].enter(signal),
    call: (name, method, subscriptionId, path, signal, sent) =>
      captured(
        name,
        async () => {
          const request = createPipelineRequest({
            url: new URL(path, endpoint).href,
            method,
            headers: createHttpHeaders({
              accept: 'application/json',
              ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
            }),
            ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
            ...(signal ? { abortSignal: signal } : {}),
          });
          const response = await open(subscriptionId).client.pipeline.sendRequest(httpClient, request);
          const evidence = response.status === 404 ? undefined : refusal(response);
          if (evidence) throw new OutsideError(evidence);
          const body: unknown = response.bodyAsText ? JSON.parse(response.bodyAsText) : undefined;
          return { status: response.status, body };
        },
        signal,
      ),
  };
}

const urgent = new AsyncLocalStorage<true>();

/** Reads within `work` do not queue behind those of agents: a person waits for them. For a handful of calls only. */
export function urgently<T>(work: () => Promise<T>): Promise<T> {
  return urgent.run(true, work);
}

/**
 * Bounds each call, spaces the reads, and holds back the others of its kind when Azure asks for it. Writes and deletes
 * wait before they are begun, so that the time of their departure is known.
 */
function budgetPolicy({ writes, deletes, reads }: { writes: Pace; deletes: Pace; reads: Pace }): PipelinePolicy {
  const paceOf = (method: HttpMethods): Pace =>
    method === 'GET' || method === 'HEAD' ? reads : method === 'DELETE' ? deletes : writes;
  return {
    name: 'odpBudgetPolicy',
    async sendRequest(request, next) {
      request.timeout = callTimeoutMs;
      const pace = paceOf(request.method);
      if (pace === reads && !urgent.getStore()) await reads.enter(abortSignalOf(request));
      const response = await next(request);
      if (response.status === 429) pace.pause(refusal(response)?.retryAfterMs ?? 0);
      return response;
    },
  };
}

/** The SDK's own type of signal is narrower than Node's, and Node's is what everybody gives. */
function abortSignalOf({ abortSignal }: PipelineRequest): AbortSignal | undefined {
  return abortSignal instanceof AbortSignal ? abortSignal : undefined;
}

/**
 * The address of a long-running operation comes from an answer, and the SDK would send our token there, wherever it is.
 */
function sameHostPolicy(host: string): PipelinePolicy {
  return {
    name: 'odpSameHostPolicy',
    sendRequest(request, next) {
      const { host: asked } = new URL(request.url);
      if (asked === host) return next(request);
      const message = `An answer of ${host} pointed to ${asked}; the token was not sent there.`;
      return Promise.reject(new OutsideError({ service: 'Azure', codes: ['ForeignAddress'], message }));
    },
  };
}

import { WebApi } from 'azure-devops-node-api';
import type { IRequestHandler } from 'azure-devops-node-api/interfaces/common/VsoBaseInterfaces.js';
import type { ITaskAgentApi } from 'azure-devops-node-api/TaskAgentApi.js';
import { pauseAfter, type AnswerHeaders } from './rate-limit.ts';

/** The resource of Azure DevOps in Entra ID; the same in every tenant. */
export const azureDevOpsScope = '499b84ac-1321-427f-aa17-267ca6975798/.default';

/** An answer that takes longer than this without a byte is given up; delayed answers take up to 30 seconds. */
const socketTimeoutMs = 45_000;

/** Sockets to one organisation at the same moment: a burst of registrations shares them. */
const maxSockets = 32;

/** What proves who we are: an Entra ID access token (`bearer`) or a personal access token (`basic`). */
export interface DevOpsCredential {
  kind: 'bearer' | 'basic';
  token: string;
}

export interface DevOpsConnectionsOptions {
  /** Asked before every call, so that a renewed token is used at once: it must cache. */
  credentialFor(url: string): Promise<DevOpsCredential>;
  /** Milliseconds since the epoch. */
  now?: () => number;
  userAgent?: string;
}

/** One call by path, for what the typed interfaces lack or hide. */
export interface RawRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the organisation, such as `_apis/distributedtask/pools/1/agents`. */
  path: string;
  /** As the resource is released, such as `7.1` or `7.1-preview.1`. */
  apiVersion: string;
  query?: Record<string, string | number | boolean>;
  body?: unknown;
}

/** One organisation. Every method throws the client's own error; callers name the call and classify it. */
export interface DevOpsConnection {
  /** Without a slash at its end. */
  readonly url: string;
  /** Beware: a 404 resolves to `null`. */
  taskAgent<T>(use: (api: ITaskAgentApi) => Promise<T>): Promise<T>;
  /** `undefined`: not found. An answer that was cut off throws, it is never taken for an empty one. */
  send<T>(request: RawRequest): Promise<T | undefined>;
  /** The server asked not to be called before this instant; milliseconds since the epoch, 0 when it did not. */
  pausedUntil(): number;
}

/** All organisations of one worker process. */
export interface DevOpsConnections {
  to(url: string): DevOpsConnection;
}

/**
 * One cached client per organisation, which saves three round trips per activity. The client retries nothing: retries
 * are the engine's. Redirects are not followed: the token must not leave the organisation's host, and a redirect of an
 * API call only ever leads to a sign-in page.
 */
export function createDevOpsConnections(options: DevOpsConnectionsOptions): DevOpsConnections {
  const cached = new Map<string, DevOpsConnection>();
  return {
    to(url) {
      const key = url.replace(/\/+$/, '');
      let connection = cached.get(key);
      if (!connection) {
        connection = connect(key, options);
        cached.set(key, connection);
      }
      return connection;
    },
  };
}

function connect(
  url: string,
  { credentialFor, now = Date.now, userAgent }: DevOpsConnectionsOptions,
): DevOpsConnection {
  let authorization: string | undefined;
  let pausedUntil = 0;

  // The client's own bearer handler holds one token for ever; this one takes the latest.
  const handler: IRequestHandler = {
    prepareRequest(request) {
      // The headers are this request's own object.
      if (authorization !== undefined) Object.assign((request.headers ??= {}), { authorization });
    },
    canHandleAuthentication: () => false,
    handleAuthentication: () => Promise.reject(new Error('Azure DevOps asked for another way to authenticate')),
  };
  const webApi = new WebApi(
    url,
    handler,
    { allowRedirects: false, allowRetries: false, keepAlive: true, maxSockets, socketTimeout: socketTimeoutMs },
    { productName: userAgent ?? 'open-devops-pools', productVersion: '0.1' },
  );

  const authorize = async () => {
    const { kind, token } = await credentialFor(url);
    authorization = kind === 'bearer' ? `Bearer ${token}` : `Basic ${Buffer.from(`:${token}`).toString('base64')}`;
  };
  const heed = (headers: AnswerHeaders) => {
    const at = now();
    pausedUntil = Math.max(pausedUntil, at + pauseAfter(headers, at));
  };
  const observed = async <T>(use: () => Promise<T>): Promise<T> => {
    await authorize();
    try {
      return await use();
    } catch (error) {
      const headers = (error as { responseHeaders?: AnswerHeaders }).responseHeaders;
      if (headers) heed(headers);
      throw timedOut(error) ? Object.assign(error, { code: 'ETIMEDOUT' }) : error;
    }
  };

  // Each area's client is made once and keeps the server's list of locations. A client that could not be made, or that
  // was given an empty list while the organisation was away, is forgotten, so that the next call tries again.
  const typed = <A>(make: () => Promise<A>) => {
    let made: Promise<A> | undefined;
    return <T>(use: (api: A) => Promise<T>) =>
      observed(async () => {
        const making = (made ??= make());
        let api: A | undefined;
        try {
          api = await making;
          return await use(api);
        } catch (error) {
          // Also a refusal, such as 429, while the client was made: kept, it would answer every later call.
          const forgotten = api === undefined || (error as { statusCode?: number }).statusCode === undefined;
          if (forgotten && made === making) made = undefined;
          throw error;
        }
      });
  };

  return {
    url,
    taskAgent: typed<ITaskAgentApi>(() => webApi.getTaskAgentApi()),
    send: <T>(request: RawRequest) =>
      observed(async () => {
        const { statusCode, result, headers } = await send<T>(webApi, `${url}/${pathAndQuery(request)}`, request);
        heed(headers as AnswerHeaders);
        if (statusCode === 404) return undefined;
        if (statusCode === 203) throw signInPage();
        // The client swallows an answer that was cut off, and answers null as if there were nothing.
        if (result === null && statusCode !== 204 && request.method !== 'DELETE') throw cutAnswer(request);
        return result ?? undefined;
      }),
    pausedUntil: () => pausedUntil,
  };
}

function send<T>(webApi: WebApi, url: string, { method, body }: RawRequest) {
  switch (method) {
    case 'GET':
      return webApi.rest.get<T>(url);
    case 'POST':
      return webApi.rest.create<T>(url, body);
    case 'PUT':
      return webApi.rest.replace<T>(url, body);
    case 'PATCH':
      return webApi.rest.update<T>(url, body);
    case 'DELETE':
      return webApi.rest.del<T>(url);
  }
}

function pathAndQuery({ path, apiVersion, query = {} }: RawRequest): string {
  const parameters = new URLSearchParams({ 'api-version': apiVersion });
  for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
  return `${path}?${parameters.toString()}`;
}

/** The client's own timeout carries no code that the error table could know. */
function timedOut(error: unknown): error is Error {
  return error instanceof Error && error.message.startsWith('Request timeout');
}

/** Azure DevOps answers some unauthenticated calls with 203 and its sign-in page. */
function signInPage(): Error {
  return Object.assign(new Error('Azure DevOps answered with its sign-in page'), { statusCode: 401 });
}

function cutAnswer({ method, path }: RawRequest): Error {
  return Object.assign(new Error(`The answer to ${method} ${path} was cut off`), { code: 'ECONNRESET' });
}

import { createHttpHeaders, RestError, type HttpClient } from '@azure/core-rest-pipeline';
import { HttpClient as DevOpsHttpClient } from 'typed-rest-client/HttpClient.js';
import type { Handler } from '../../../emulator/core/context.ts';
import type { Link } from './link.ts';
import { withTimeout } from './link.ts';

/** Where calls of the clients go: a cloud in this process, over links that may be slow and may be cut. */
export interface CloudLinks {
  arm: Handler;
  azureDevOps: Handler;
  link: Link;
}

/** An answer, read whole. */
interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

async function read(response: Response): Promise<Answer> {
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

/**
 * The transport of the Azure SDKs. Everything above it is the unmodified SDK: the pipeline, the policies and the pollers.
 */
export function armTransport({ arm, link }: CloudLinks): HttpClient {
  return {
    async sendRequest(request) {
      const { method, url, body, abortSignal, timeout } = request;
      const aborted = (message: string) => Object.assign(new Error(message), { name: 'AbortError', code: 'ABORT_ERR' });
      if (abortSignal?.aborted) throw aborted('The operation was aborted.');
      const calling = link
        .call(async () =>
          read(
            await arm(
              new Request(url, {
                method,
                headers: request.headers.toJSON(),
                ...(typeof body === 'string' && body !== '' ? { body } : {}),
              }),
            ),
          ),
        )
        .catch(() => {
          throw new RestError('socket hang up', { code: 'ECONNRESET', request });
        });
      const answered = timeout > 0 ? withTimeout(calling, timeout, () => aborted('The operation timed out.')) : calling;
      const answer = await (abortSignal
        ? Promise.race([
            answered,
            new Promise<never>((_, reject) => {
              abortSignal.addEventListener('abort', () => reject(aborted('The operation was aborted.')));
            }),
          ])
        : answered);
      return {
        request,
        status: answer.status,
        headers: createHttpHeaders(answer.headers),
        bodyAsText: answer.text,
      };
    },
  };
}

/** What `requestRaw` is given: the parts of it that carry the call. */
interface RequestInfo {
  parsedUrl: URL;
  options: { method?: string; headers?: Record<string, unknown> };
}

/** As `activities/devops/connections.ts` sets it for the client's sockets; milliseconds. */
const socketTimeoutMs = 45_000;

let target: CloudLinks | undefined;

/**
 * azure-devops-node-api takes no transport of ours. The narrowest seam is one method of typed-rest-client below it, the
 * one that opens a socket; all that is above it (locations, handlers, retries, redirects, reading of answers) is real.
 */
export function connectDevOpsClients(links: CloudLinks | undefined): void {
  target = links;
}

DevOpsHttpClient.prototype.requestRaw = async function requestRaw(info: unknown, data: unknown): Promise<never> {
  if (!target) throw new Error('No simulated cloud is connected.');
  const { parsedUrl, options } = info as RequestInfo;
  const { azureDevOps, link } = target;
  const headers = new Headers();
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // Node's own request writes these by itself.
    if (!/^(content-length|host|connection)$/i.test(name)) headers.set(name, String(value));
  }
  const { method = 'GET' } = options;
  const answer = await withTimeout(
    link.call(async () =>
      read(
        await azureDevOps(
          new Request(parsedUrl, {
            method,
            headers,
            ...(typeof data === 'string' && data !== '' ? { body: data } : {}),
          }),
        ),
      ),
    ),
    socketTimeoutMs,
    () => new Error(`Request timeout: ${parsedUrl.pathname}`),
  );
  return {
    message: { statusCode: answer.status, headers: answer.headers, statusMessage: '' },
    readBody: () => Promise.resolve(answer.text),
  } as never;
};

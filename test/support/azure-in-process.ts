import { createHttpHeaders, RestError, type HttpClient } from '@azure/core-rest-pipeline';

/** A handler in the shape of the Fetch API. */
type Handler = (request: Request) => Response | Promise<Response>;

/**
 * A transport for the real Azure SDKs that reaches a cloud in the same process. A connection that the cloud cuts looks
 * as it does over a socket.
 */
export function inProcessTransport(handler: Handler): HttpClient {
  return {
    async sendRequest(request) {
      const { method, url, body } = request;
      if (request.abortSignal?.aborted) throw new DOMException('The operation was aborted.', 'AbortError');
      let response: Response;
      try {
        response = await handler(
          new Request(url, {
            method,
            headers: request.headers.toJSON(),
            ...(typeof body === 'string' && body !== '' ? { body } : {}),
          }),
        );
      } catch {
        throw new RestError('socket hang up', { code: 'ECONNRESET', request });
      }
      return {
        request,
        status: response.status,
        headers: createHttpHeaders(Object.fromEntries(response.headers)),
        bodyAsText: await response.text(),
      };
    },
  };
}

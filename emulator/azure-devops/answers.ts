import { errorBody, Refusal } from './errors.ts';
import type { Answer } from './operation.ts';
import { versionIn } from './read-call.ts';

/** The answer in the version that was asked for; 7.1 when none was. */
export function answerOf(request: Request, answer: Answer): Response {
  const headers: Record<string, string> = { 'x-tfs-processid': processId, ...answer.headers };
  const status = answer.status ?? 200;
  if (answer.text !== undefined) {
    return new Response(answer.text, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers } });
  }
  if (answer.json === undefined) return new Response(null, { status, headers: { 'content-length': '0', ...headers } });
  const asked = /[?&]api-version=([^&]+)/i.exec(request.url)?.[1] ?? versionIn(request.headers.get('accept'));
  return new Response(JSON.stringify(answer.json), {
    status,
    headers: { 'content-type': `application/json; charset=utf-8; api-version=${asked ?? '7.1'}`, ...headers },
  });
}

/** Clients show it in their messages; one per process is enough. */
const processId = crypto.randomUUID();

/** The answer to a call that failed: a refusal in its own shape, a defect of the emulator as 500. */
export function failure(request: Request, error: unknown): Response {
  if (error instanceof Refusal) {
    const headers: Record<string, string> =
      error.status === 401 ? { 'www-authenticate': 'Bearer, Basic realm="Azure DevOps"' } : {};
    return answerOf(request, { status: error.status, json: error.body, headers });
  }
  const message = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
  return answerOf(request, { status: 500, json: errorBody('EmulatorDefect', message) });
}

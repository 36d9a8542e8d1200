import { AsyncLocalStorage } from 'node:async_hooks';
import type { HttpHeaders, PipelinePolicy, PipelineResponse } from '@azure/core-rest-pipeline';
import { evidenceOf, parseRetryAfter } from '../errors/evidence.ts';
import { OutsideError, type Evidence } from '../errors.ts';

/** Evidence of the last refusal within one call. */
interface Capture {
  evidence?: Evidence;
}

const captures = new AsyncLocalStorage<Capture>();

/**
 * Keeps what the SDK loses. A failed long-running operation reaches callers as a plain Error with a text, and a refused
 * first call without its details; this policy reads both from the answer itself.
 */
export const capturePolicy: PipelinePolicy = {
  name: 'odpCapturePolicy',
  async sendRequest(request, next) {
    const capture = captures.getStore();
    if (capture) delete capture.evidence;
    const response = await next(request);
    const evidence = refusal(response);
    if (capture && evidence) capture.evidence = evidence;
    return response;
  },
};

/**
 * Runs one call and throws its refusals with their evidence.
 *
 * @param call as failures name it, such as `virtualMachines.get`
 * @param signal tells our cancellation from a time-out: both are an `AbortError` to the SDK
 */
export async function captured<T>(call: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const capture: Capture = {};
  try {
    return await captures.run(capture, work);
  } catch (error) {
    if (signal?.aborted) throw error;
    const timedOut: Evidence | undefined =
      error instanceof Error && error.name === 'AbortError'
        ? { service: 'network', codes: ['ETIMEDOUT'], message: 'The service did not answer in time.' }
        : undefined;
    // The credential's own failure says more than the answer before it.
    const evidence = timedOut ?? (isIdentityError(error) ? evidenceOf(error) : (capture.evidence ?? evidenceOf(error)));
    if (evidence) throw new OutsideError({ ...evidence, call }, { cause: error });
    throw error;
  }
}

function isIdentityError(error: unknown): boolean {
  return evidenceOf(error)?.service === 'Microsoft Entra ID';
}

/** The refusal in an answer, if it is one. A redirect that the SDK did not follow is one too. */
export function refusal({ status, headers, bodyAsText }: PipelineResponse): Evidence | undefined {
  const body = parse(bodyAsText);
  if (status >= 300) {
    const { codes, message } = read(body);
    return { service: 'Azure', status, codes, message: message || `HTTP ${status}`, ...retryAfter(headers) };
  }
  const state = typeof body?.['status'] === 'string' ? body['status'].toLowerCase() : '';
  if (!state.includes('fail') && !state.startsWith('cancel')) return undefined;
  const { codes, message } = read(body);
  return {
    service: 'Azure',
    accepted: true,
    codes: codes.length > 0 ? codes : [state.startsWith('cancel') ? 'OperationPreempted' : 'OperationFailed'],
    message: message || `The operation ended as ${String(body?.['status'])}`,
  };
}

function retryAfter(headers: HttpHeaders): { retryAfterMs?: number } {
  const value = headers.get('retry-after');
  const ms = value === undefined ? undefined : parseRetryAfter(value, Date.now());
  return ms === undefined ? {} : { retryAfterMs: ms };
}

type Json = Record<string, unknown>;

function parse(text: string | null | undefined): Json | undefined {
  if (!text) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Walks `error`, its `details` and its `innererror`: the code that decides is often not the outermost one. */
function read(body: Json | undefined): { codes: string[]; message: string } {
  const codes: string[] = [];
  const messages: string[] = [];
  const walk = (error: unknown, depth: number): void => {
    if (!isObject(error) || depth > 4) return;
    if (typeof error['code'] === 'string') codes.push(error['code']);
    if (typeof error['message'] === 'string' && !messages.includes(error['message'])) messages.push(error['message']);
    if (Array.isArray(error['details'])) for (const detail of error['details']) walk(detail, depth + 1);
    walk(error['innererror'], depth + 1);
  };
  walk(body?.['error'] ?? body, 0);
  return { codes, message: messages.join(' ') };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import type { Context } from 'hono';
import { machineHeader } from './headers.ts';
import { Refusal } from './errors.ts';
import type { Call, Service } from './operation.ts';
import type { Identity } from './tokens.ts';

/** Reads the call that an operation sees. */
export async function readCall(
  service: Service,
  http: Context,
  identity: Identity,
  asOf: number | undefined,
): Promise<Call> {
  const request = http.req.raw;
  const { origin, searchParams } = new URL(request.url);
  const query = new Map([...searchParams].map(([name, value]) => [name.toLowerCase(), value]));
  requireKnownVersion(query.get('api-version') ?? versionIn(request.headers.get('accept')));
  const text = request.body === null ? '' : await request.text();
  return {
    ...service,
    identity,
    parameters: http.req.param(),
    query,
    text,
    get body() {
      return parse(text);
    },
    asOf,
    baseUrl: `${origin}/${service.organization.record.name}`,
    accept: request.headers.get('accept') ?? '',
    machineId: request.headers.get(machineHeader) ?? undefined,
    signal: request.signal,
  };
}

/** The version that the caller speaks, from a header such as `application/json;api-version=7.2-preview.1`. */
export function versionIn(accept: string | null): string | undefined {
  return /api-version=([^;,\s]+)/i.exec(accept ?? '')?.[1];
}

function requireKnownVersion(version: string | undefined): void {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  if (Number(major) < 7 || (Number(major) === 7 && Number(minor) <= 2)) return;
  throw new Refusal(
    'VssVersionOutOfRangeException',
    `The requested version ${version} of the resource is not supported: the latest version is 7.2.`,
  );
}

function parse(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal('VssPropertyValidationException', 'The body of the request is not valid JSON.');
  }
}

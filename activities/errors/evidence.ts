import { OutsideError, type Evidence, type OutsideService } from './outside-error.ts';

/** Names that @azure/identity and MSAL give to a token that could not be had. */
const identityErrors = new Set([
  'AuthenticationError',
  'AggregateAuthenticationError',
  'AuthenticationRequiredError',
  'CredentialUnavailableError',
  'ClientAuthError',
  'ServerError',
]);

/** Codes that messages carry: Entra's AADSTS…, Azure DevOps' TF… and VS…. */
const codesInText = /\b(?:AADSTS\d{4,7}|TF\d{5,6}|VS\d{5,6})\b/g;

/** Names of gRPC statuses, by number: https://grpc.io/docs/guides/status-codes/. Those of a client's own end are left out. */
const grpcStatuses: Readonly<Record<number, string>> = {
  2: 'UNKNOWN',
  3: 'INVALID_ARGUMENT',
  4: 'DEADLINE_EXCEEDED',
  5: 'NOT_FOUND',
  6: 'ALREADY_EXISTS',
  7: 'PERMISSION_DENIED',
  8: 'RESOURCE_EXHAUSTED',
  9: 'FAILED_PRECONDITION',
  10: 'ABORTED',
  11: 'OUT_OF_RANGE',
  12: 'UNIMPLEMENTED',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  15: 'DATA_LOSS',
  16: 'UNAUTHENTICATED',
};

/** Codes of Node's sockets, DNS and TLS; undici's start with `UND_ERR`. */
const networkCode =
  /^(?:E[A-Z_]+|UND_ERR_[A-Z_]+|[A-Z_]*CERT[A-Z_]*|UNABLE_TO_[A-Z_]+|ERR_TLS_[A-Z_]+|REQUEST_SEND_ERROR)$/;

const messageLimit = 1_000;

/** Reads an error of any SDK as evidence; answers undefined for what no outside service said, such as a bug. */
export function evidenceOf(error: unknown): Evidence | undefined {
  if (error instanceof OutsideError) return { ...error.evidence, message: redacted(error.evidence.message) };
  if (typeof error !== 'object' || error === null) return undefined;
  const name = text(error, 'name') ?? '';
  const message = redacted(text(error, 'message') ?? '');
  const refusedByEngine = grpcStatusOf(error, name);
  if (refusedByEngine !== undefined) return { service: 'Temporal', codes: [refusedByEngine], message };
  const status = number(error, 'statusCode') ?? (identityErrors.has(name) ? entraStatus(error) : undefined);
  const ownCode = text(error, 'code');
  const codes = [...(ownCode === undefined ? [] : [ownCode]), ...(message.match(codesInText) ?? [])];
  const service = serviceOf(name, status, codes);
  if (service === undefined) {
    // fetch hides the socket's error in its cause.
    const cause = property(error, 'cause');
    return cause === undefined ? undefined : evidenceOf(cause);
  }
  const retryAfterMs = retryAfter(error);
  return {
    service,
    codes,
    message,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** The status by its number, or by the error that the Temporal client makes of two of them, without the number. */
function grpcStatusOf(error: object, name: string): string | undefined {
  if (name === 'WorkflowNotFoundError' || name === 'NamespaceNotFoundError') return 'NOT_FOUND';
  if (name === 'WorkflowExecutionAlreadyStartedError') return 'ALREADY_EXISTS';
  return text(error, 'details') === undefined ? undefined : grpcStatuses[number(error, 'code') ?? Number.NaN];
}

/** @azure/identity wraps MSAL's error, which alone has the status: without it a busy Entra ID looks like a wrong secret. */
function entraStatus(error: object): number | undefined {
  const cause = property(error, 'cause');
  if (typeof cause !== 'object' || cause === null) return undefined;
  return number(cause, 'status') ?? entraStatus(cause);
}

function serviceOf(name: string, status: number | undefined, codes: string[]): OutsideService | undefined {
  if (identityErrors.has(name) || codes.some((code) => code.startsWith('AADSTS'))) return 'Microsoft Entra ID';
  if (name === 'RestError') return status === undefined ? 'network' : 'Azure';
  // typed-rest-client, beneath azure-devops-node-api, throws a plain Error with the status on it.
  if (status !== undefined || codes.some((code) => /^(?:TF|VS)\d/.test(code))) return 'Azure DevOps';
  return codes.some((code) => networkCode.test(code)) ? 'network' : undefined;
}

function retryAfter(error: object): number | undefined {
  const rateLimit = property(error, 'rateLimit');
  const limited = typeof rateLimit === 'object' && rateLimit !== null ? property(rateLimit, 'retryAfter') : undefined;
  const seconds = Number(limited);
  if (limited !== undefined && limited !== null && Number.isFinite(seconds) && seconds >= 0) return seconds * 1_000;
  const response = property(error, 'response');
  const headers = typeof response === 'object' && response !== null ? property(response, 'headers') : undefined;
  if (typeof headers !== 'object' || headers === null || !('get' in headers)) return undefined;
  const { get } = headers;
  if (typeof get !== 'function') return undefined;
  const value: unknown = get.call(headers, 'retry-after');
  return typeof value === 'string' ? parseRetryAfter(value, Date.now()) : undefined;
}

/**
 * Milliseconds to wait by a `Retry-After` header: whole seconds or an HTTP date (RFC 9110, 10.2.3).
 *
 * @param now milliseconds since the epoch
 */
export function parseRetryAfter(value: string, now: number): number | undefined {
  if (/^\d+(\.\d+)?$/.test(value.trim())) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/**
 * The message without anything that could be a secret: queries of URLs, bearer tokens, JSON web tokens and any
 * unbroken run of forty or more letters and digits (personal access tokens, keys). Shortened to 1,000 characters.
 */
export function redacted(message: string): string {
  const clean = message
    .replaceAll(/(https?:\/\/[^\s?"'<>]*)\?[^\s"'<>]*/g, '$1')
    .replaceAll(/(https?:\/\/)[^\s/@"'<>]+@/g, '$1')
    .replaceAll(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, '$1 (removed)')
    .replaceAll(/\beyJ[\w-]+\.[\w-]+\.?[\w-]*/g, '(removed)')
    .replaceAll(/[A-Za-z0-9+_]{40,}={0,2}/g, '(removed)');
  return clean.length > messageLimit ? `${clean.slice(0, messageLimit)}…` : clean;
}

function property(of: object, key: string): unknown {
  return Object.hasOwn(of, key) || key in of ? (of as Record<string, unknown>)[key] : undefined;
}

function text(of: object, key: string): string | undefined {
  const value = property(of, key);
  return typeof value === 'string' ? value : undefined;
}

function number(of: object, key: string): number | undefined {
  const value = property(of, key);
  return typeof value === 'number' ? value : undefined;
}

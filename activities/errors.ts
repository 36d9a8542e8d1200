import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import { failureWith, isRetried, type SurfacedErrorCode } from '../domain/error-catalogue.ts';
import type { OwnErrorCode } from '../domain/errors/own-errors.ts';
import type { FailureDetails } from '../domain/failure.ts';
import { armError, type ArmError, type Violation } from '../domain/violation.ts';
import { evidenceOf, redacted } from './errors/evidence.ts';
import type { Evidence } from './errors/outside-error.ts';
import type { ErrorRow } from './errors/row.ts';
import { errorTable } from './errors/table.ts';

export { found, OutsideError, type Evidence } from './errors/outside-error.ts';

/** What only the caller knows of a failure. */
export interface FailureContext {
  /** Trying the same call again cannot help, whatever the class says: what it made is broken and must go first. */
  final?: boolean;
}

/**
 * The one door through which failures leave activities. Finds the row of the error table, and says what was wrong,
 * where, what would be right and what happens next. An `ApplicationFailure` passes as it is.
 *
 * @param call the call that failed, such as `virtualMachines.createOrUpdate`
 */
export function toApplicationFailure(
  error: unknown,
  call: string,
  { final = false }: FailureContext = {},
): ApplicationFailure {
  if (error instanceof ApplicationFailure) return error;
  const evidence = evidenceOf(error);
  if (evidence === undefined) return unexpected(error, call, final);
  const row = rowOf(evidence);
  // Every service ends with a row for the rest; the table's own test holds it to that.
  if (row === undefined) return unexpected(error, call, final);
  const name = evidence.call ?? call;
  return failure(row.code, `${name} ${verb(evidence)}: ${sentence(evidence.message)}`, {
    call: name,
    hint: row.hint,
    retried: isRetried(row.code) && !final,
    retryAfterMs: evidence.retryAfterMs,
    azureCode: name === 'virtualMachines.createOrUpdate' ? azureCodeOf(row, evidence) : undefined,
  });
}

/** The code by which the row was found, else the first that Azure gave. */
function azureCodeOf({ codes: known }: ErrorRow, { service, codes }: Evidence): string | undefined {
  if (service !== 'Azure') return undefined;
  return codes.find((given) => known?.some((code) => code.toLowerCase() === given.toLowerCase())) ?? codes[0];
}

/**
 * Runs one activity's work and lets its failures out through the door. A cancellation passes untouched: the SDK tells
 * it from a failure by its type.
 */
export async function classified<T>(call: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CancelledFailure || (error instanceof Error && error.name === 'AbortError')) throw error;
    throw toApplicationFailure(error, call);
  }
}

/**
 * A failure that this system itself finds. Class, retry rule and hint are the catalogue's; what was wrong, and where, is
 * the caller's to say.
 *
 * @param call the call that showed it; empty when none did
 */
export function ownFailure(code: OwnErrorCode, message: string, call = ''): ApplicationFailure {
  return failure(code, message, { call, retried: isRetried(code) });
}

/** A pool that could not be served: ARM's error body with every violation, never tried again by itself. */
export function invalidPool(violations: readonly Violation[], pool: string): ApplicationFailure {
  const body = armError(violations, { target: pool });
  const { message, details: parts } = body.error;
  const details: FailureDetails & ArmError = { ...failureWith('InvalidPool', message), ...body };
  return ApplicationFailure.create({
    type: details.code,
    message: `${message} ${parts.map((part) => `${part.target}: ${part.message}`).join(' ')}`,
    nonRetryable: !isRetried('InvalidPool'),
    details: [details],
  });
}

/** Reads the details of a failure back; undefined for an error that did not pass the door. */
export function failureOf(error: unknown): FailureDetails | undefined {
  if (!(error instanceof ApplicationFailure)) return undefined;
  const details = error.details?.[0] as Partial<FailureDetails> | undefined;
  return typeof details?.code === 'string' && typeof details.class === 'string'
    ? (details as FailureDetails)
    : undefined;
}

/** The row that decides; undefined only for a service without rows. */
export function rowOf(evidence: Evidence): ErrorRow | undefined {
  return errorTable.find((row) => matches(row, evidence));
}

function matches(row: ErrorRow, { service, status, codes, message }: Evidence): boolean {
  if (row.service !== service) return false;
  if (row.status && !row.status.some((one) => within(one, status))) return false;
  if (row.codes && !row.codes.some((code) => codes.some((given) => given.toLowerCase() === code.toLowerCase()))) {
    return false;
  }
  return row.text?.test(message) ?? true;
}

function within(range: number | readonly [number, number], status: number | undefined): boolean {
  if (status === undefined) return false;
  return typeof range === 'number' ? status === range : status >= range[0] && status <= range[1];
}

function verb({ service, status, codes }: Evidence): string {
  if (service === 'network') return `got no answer (${codes[0] ?? 'no code'})`;
  const said = [status, codes[0]].filter((part) => part !== undefined).join(' ');
  return said === '' ? `was refused by ${service}` : `was refused by ${service} (${said})`;
}

function failure(
  code: SurfacedErrorCode,
  message: string,
  given: {
    call: string;
    retried: boolean;
    hint?: string | undefined;
    retryAfterMs?: number | undefined;
    azureCode?: string | undefined;
  },
): ApplicationFailure {
  const known = failureWith(code, message, given.call);
  const { retried, hint = known.hint, retryAfterMs = known.retryAfterMs } = given;
  const next = retried
    ? retryAfterMs > 0
      ? `Tried again in ${duration(retryAfterMs)}.`
      : 'Tried again.'
    : retryAfterMs > 0
      ? `Not tried again within ${duration(retryAfterMs)}.`
      : 'Not tried again by itself.';
  const { azureCode } = given;
  const details: FailureDetails = {
    ...known,
    hint: `${hint} ${next}`,
    retryAfterMs,
    ...(azureCode === undefined ? {} : { azureCode }),
  };
  return ApplicationFailure.create({
    type: code,
    message: `${details.message} ${details.hint}`,
    nonRetryable: !retried,
    details: [details],
    ...(retried && retryAfterMs > 0 ? { nextRetryDelay: retryAfterMs } : {}),
    ...(known.class === 'throttled' ? { category: ApplicationFailureCategory.BENIGN } : {}),
  });
}

/** Not from outside: a bug of ours or of an SDK. Tried again by the profile's back-off, with its type to find it by. */
function unexpected(error: unknown, call: string, final: boolean): ApplicationFailure {
  const name = error instanceof Error ? error.name : 'Error';
  const message = redacted(error instanceof Error ? error.message : String(error));
  return failure('Unexpected', `${call} failed unexpectedly (${name}): ${sentence(message)}`, {
    call,
    retried: isRetried('Unexpected') && !final,
  });
}

function sentence(message: string): string {
  const trimmed = message.trim();
  return /[.!?…]$/.test(trimmed) || trimmed === '' ? trimmed : `${trimmed}.`;
}

function duration(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 120_000) return `${Math.ceil(ms / 1_000)} seconds`;
  if (ms < 2 * 3_600_000) return `${Math.ceil(ms / 60_000)} minutes`;
  return `${Math.ceil(ms / 3_600_000)} hours`;
}

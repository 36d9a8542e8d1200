import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import type { FailureClass, FailureDetails } from '../domain/failure.ts';
import { armError, type Violation } from '../domain/violation.ts';
import { evidenceOf, redacted } from './errors/evidence.ts';
import type { Evidence } from './errors/outside-error.ts';
import { retriedByEngine } from './errors/retry-rules.ts';
import type { ErrorRow, ServiceRow } from './errors/row.ts';
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
  const row = errorTable.find((candidate) => matches(candidate, evidence)) ?? lastResort;
  const name = evidence.call ?? call;
  return failure({
    code: row.code,
    class: row.class,
    message: `${name} ${verb(evidence)}: ${sentence(evidence.message)}`,
    hint: row.hint,
    call: name,
    retried: !final && (row.retried ?? retriedByEngine[row.class]),
    retryAfterMs: evidence.retryAfterMs ?? row.retryAfterMs ?? 0,
  });
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

/** A failure that this system itself finds, in the same form as those of the table. */
export function ownFailure(details: FailureDetails & { retried: boolean }): ApplicationFailure {
  return failure(details);
}

/** A pool that could not be served: ARM's error body with every violation, never tried again by itself. */
export function invalidPool(violations: readonly Violation[], pool: string): ApplicationFailure {
  const body = armError(violations, { target: pool });
  return ApplicationFailure.create({
    type: 'InvalidPool',
    message: `${body.error.message} ${violations.map(({ path, message }) => `${path}: ${message}`).join(' ')}`,
    nonRetryable: true,
    details: [body],
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

const lastResort: ServiceRow = {
  code: 'Unexpected',
  class: 'transient',
  hint: 'Nothing is known of this refusal.',
};

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

function failure(given: {
  code: string;
  class: FailureClass;
  message: string;
  hint: string;
  call: string;
  retried: boolean;
  retryAfterMs: number;
}): ApplicationFailure {
  const { retried, retryAfterMs } = given;
  const next = retried
    ? retryAfterMs > 0
      ? `Tried again in ${duration(retryAfterMs)}.`
      : 'Tried again.'
    : retryAfterMs > 0
      ? `Not tried again within ${duration(retryAfterMs)}.`
      : 'Not tried again by itself.';
  const details: FailureDetails = {
    code: given.code,
    class: given.class,
    message: given.message,
    hint: `${given.hint} ${next}`.trim(),
    call: given.call,
    retryAfterMs,
  };
  return ApplicationFailure.create({
    type: given.code,
    message: `${details.message} ${details.hint}`,
    nonRetryable: !retried,
    details: [details],
    ...(retried && retryAfterMs > 0 ? { nextRetryDelay: retryAfterMs } : {}),
    ...(given.class === 'throttled' ? { category: ApplicationFailureCategory.BENIGN } : {}),
  });
}

/** Not from outside: a bug of ours or of an SDK. Tried again by the profile's back-off, with its type to find it by. */
function unexpected(error: unknown, call: string, final: boolean): ApplicationFailure {
  const name = error instanceof Error ? error.name : 'Error';
  const message = redacted(error instanceof Error ? error.message : String(error));
  const made = failure({
    code: 'Unexpected',
    class: 'transient',
    message: `${call} failed unexpectedly (${name}): ${sentence(message)}`,
    hint: 'This is most likely a fault of this system; the worker’s log has the stack.',
    call,
    retried: !final,
    retryAfterMs: 0,
  });
  return made;
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

import {
  isGrpcServiceError,
  QueryNotRegisteredError,
  WorkflowNotFoundError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { hintOf } from '../../domain/error-catalogue.ts';

/** One part of an error: a violation of a pool document, for instance. As in ARM's error body. */
export interface OdpErrorDetail {
  code: string;
  message: string;
  /** Where: a property's path such as `properties.maximumConcurrency`. */
  target?: string;
}

/** What an `OdpError` is made of. */
export interface OdpErrorOptions {
  target?: string;
  details?: OdpErrorDetail[];
  hint?: string;
  cause?: unknown;
}

/**
 * The one error that this package throws. Its codes are `knownErrorCodes` of the error catalogue: those of the package
 * itself, and those that Azure, Azure DevOps or a workflow gave.
 */
export class OdpError extends Error {
  override readonly name = 'OdpError';
  readonly code: string;
  readonly target?: string;
  readonly details?: OdpErrorDetail[];
  /** What to do about it, one sentence; that of the catalogue where nobody says better. */
  readonly hint?: string;

  constructor(code: string, message: string, { target, details, hint = hintOf(code), cause }: OdpErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    if (target !== undefined) this.target = target;
    if (details !== undefined && details.length > 0) this.details = details;
    if (hint !== undefined && hint !== '') this.hint = hint;
  }
}

/**
 * Numbers of the gRPC statuses that mean something to people; see https://grpc.io/docs/guides/status-codes/. Written
 * out, because importing the gRPC library for five numbers would tie us to the version that the client brings.
 */
const grpcStatus = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const noWorkerHint = 'Start a worker (`odp up` starts one), or look whether its log shows why it stopped.';

/** Turns whatever was thrown into an `OdpError`; the only place of the package where unknown errors are read. */
export function asOdpError(error: unknown): OdpError {
  if (error instanceof OdpError) return error;
  const failure = findCause(error, (cause) => cause instanceof ApplicationFailure);
  if (failure) return fromFailure(failure);
  if (error instanceof WorkflowNotFoundError) return new OdpError('NotFound', error.message, { cause: error });
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || error instanceof QueryNotRegisteredError) {
    return noWorker(error);
  }
  const service = findCause(error, isGrpcServiceError);
  if (service) return fromGrpc(service, service.code, service.details);
  const { message, code } = errorParts(error);
  if (code === 'ECONNREFUSED' || message.includes('Failed to connect')) return unreachable(error, message);
  return new OdpError('Unexpected', message, { cause: error });
}

function fromGrpc(error: unknown, code: number, details: string): OdpError {
  switch (code) {
    case grpcStatus.notFound:
      return new OdpError('NotFound', details, { cause: error });
    case grpcStatus.alreadyExists:
      return new OdpError('Conflict', details, { cause: error });
    case grpcStatus.unauthenticated:
      return new OdpError('AuthenticationFailed', `The engine did not accept the credentials: ${details}`, {
        hint: 'Check engine.apiKey and engine.tls in the installation document.',
        cause: error,
      });
    case grpcStatus.permissionDenied:
      return new OdpError('AuthorizationFailed', `The engine refused: ${details}`, { cause: error });
    case grpcStatus.deadlineExceeded:
    case grpcStatus.cancelled:
      return noWorker(error);
    case grpcStatus.failedPrecondition:
      return fromPrecondition(error, details);
    case grpcStatus.unavailable:
      return unreachable(error, details);
    default:
      return new OdpError('Unexpected', details, { cause: error });
  }
}

/** The server tells these two apart only in words. */
function fromPrecondition(error: unknown, details: string): OdpError {
  if (details.includes('poller')) return noWorker(error);
  if (!details.includes('Workflow Task in failed state')) return new OdpError('Conflict', details, { cause: error });
  return new OdpError('WorkflowTaskFailed', 'The worker fails on this workflow, so it cannot answer.', {
    hint: "The worker's log shows why. A worker whose code does not fit the workflow's history is the usual cause.",
    cause: error,
  });
}

function noWorker(error: unknown): OdpError {
  return new OdpError('NoWorker', 'No worker answered in time.', { hint: noWorkerHint, cause: error });
}

function unreachable(error: unknown, reason: string): OdpError {
  return new OdpError('EngineUnreachable', `The engine cannot be reached: ${reason}`, {
    hint: 'Start it with `odp up`, or correct engine.address in the installation document.',
    cause: error,
  });
}

/** Failures carry either ARM's error body or the details of a failed call as their first detail. */
function fromFailure(failure: ApplicationFailure): OdpError {
  const detail = record(failure.details?.[0]);
  const body = record(detail['error']) ?? {};
  const parts = { ...detail, ...body };
  const options: OdpErrorOptions = { cause: failure };
  if (typeof parts['target'] === 'string') options.target = parts['target'];
  if (typeof parts['hint'] === 'string') options.hint = parts['hint'];
  if (Array.isArray(parts['details'])) options.details = parts['details'].map(toDetail);
  const code = typeof parts['code'] === 'string' ? parts['code'] : (failure.type ?? 'Unexpected');
  const message = typeof parts['message'] === 'string' ? parts['message'] : failure.message;
  return new OdpError(code, message, options);
}

function toDetail(value: unknown): OdpErrorDetail {
  const { code, message, target } = record(value);
  return {
    code: typeof code === 'string' ? code : 'Unexpected',
    message: typeof message === 'string' ? message : String(value),
    ...(typeof target === 'string' ? { target } : {}),
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function errorParts(error: unknown): { message: string; code?: unknown } {
  if (error instanceof Error) return { message: error.message, code: 'code' in error ? error.code : undefined };
  return { message: String(error) };
}

/** Follows `cause` and answers the first that fits. Chains are short; the bound guards against a ring. */
function findCause<T extends Error>(error: unknown, fits: (cause: unknown) => cause is T): T | undefined;
function findCause(error: unknown, fits: (cause: unknown) => boolean): unknown {
  let cause = error;
  for (let depth = 0; depth < 10 && cause !== undefined; depth++) {
    if (fits(cause)) return cause;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return undefined;
}

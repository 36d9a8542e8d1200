import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, TimeoutFailure } from '@temporalio/workflow';
import { failureWith, isRetried, isSurfacedErrorCode } from '../domain/error-catalogue.ts';
import type { OwnErrorCode } from '../domain/errors/own-errors.ts';
import type { FailureDetails } from '../domain/failure.ts';

/**
 * What an activity's failure says. Activities fail with an `ApplicationFailure` whose first detail is a
 * `FailureDetails`; a time-out or a bug has none and is told by a code of the catalogue all the same.
 */
export function failureDetails(error: unknown): FailureDetails {
  const cause = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const details = cause.details?.[0] as Partial<FailureDetails> | undefined;
    if (typeof details?.code === 'string') return details as FailureDetails;
    const { type, message } = cause;
    return isSurfacedErrorCode(type) ? failureWith(type, message) : unexpected(type ?? 'ApplicationFailure', message);
  }
  if (cause instanceof TimeoutFailure) {
    const activity = error instanceof ActivityFailure ? error.activityType : 'It';
    return failureWith('TimedOut', `${activity} did not end in time (${cause.timeoutType}).`);
  }
  if (cause instanceof Error) return unexpected(cause.name, cause.message);
  return unexpected('Unknown', String(cause));
}

/**
 * What a workflow itself refuses or gives up: class, retry rule and hint are the catalogue's.
 *
 * @param more further details, such as ARM's error body
 */
export function ownFailure(code: OwnErrorCode, message: string, more: object = {}): ApplicationFailure {
  const details = failureWith(code, message);
  return ApplicationFailure.create({
    type: code,
    message: `${message} ${details.hint}`,
    nonRetryable: !isRetried(code),
    details: [{ ...details, ...more }],
  });
}

/** A machine was created, and its agent was not online in time. */
export function didNotConnect(agent: string, connectMs: number): FailureDetails {
  const message = `${agent} did not connect to Azure DevOps within ${Math.round(connectMs / 60_000)} minutes.`;
  return failureWith('AgentDidNotConnect', message);
}

function unexpected(name: string, message: string): FailureDetails {
  return failureWith('Unexpected', `${name}: ${message}`);
}

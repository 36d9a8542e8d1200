import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure } from '@temporalio/workflow';
import type { FailureDetails } from '../domain/failure.ts';

/**
 * What an activity's failure says. Activities fail with an `ApplicationFailure` whose first detail is a
 * `FailureDetails`; a time-out or a bug has none and is told as what it is.
 */
export function failureDetails(error: unknown): FailureDetails {
  const cause = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const details = cause.details?.[0] as Partial<FailureDetails> | undefined;
    if (typeof details?.code === 'string') return details as FailureDetails;
    return unclassified(cause.type ?? 'ApplicationFailure', cause.message);
  }
  if (cause instanceof Error) return unclassified(cause.name, cause.message);
  return unclassified('Unknown', String(cause));
}

function unclassified(code: string, message: string): FailureDetails {
  return { code, class: 'transient', message, hint: '', call: '', retryAfterMs: 0 };
}

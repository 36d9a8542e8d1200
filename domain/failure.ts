/**
 * How a failure travels: the first detail of every `ApplicationFailure` that leaves an activity. Plain data, so that
 * workflows, rosters and people read the same record.
 */

/** What kind of trouble it is; each class has one retry rule. */
export type FailureClass =
  'throttled' | 'capacity' | 'quota' | 'configuration' | 'permission' | 'lost' | 'conflict' | 'transient';

/** One classified failure. Holds no secret, no token and no query of a URL. */
export interface FailureDetails {
  /** The surfaced error code, such as `QuotaExceeded`. */
  code: string;
  class: FailureClass;
  /** What was wrong, and where. */
  message: string;
  /** What would be right, and what happens next; empty when nothing useful can be said. */
  hint: string;
  /** The call that failed, such as `virtualMachines.createOrUpdate`; empty when no call was made. */
  call: string;
  /** Azure's own code of a refused create, such as `ZonalAllocationFailed`. */
  azureCode?: string;
  /** Creating again before this many milliseconds have passed would only repeat the failure; 0 when nothing is known. */
  retryAfterMs: number;
}

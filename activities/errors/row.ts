import type { FailureClass } from '../../domain/failure.ts';
import type { OutsideService } from './outside-error.ts';

/** One row: which refusals of a service it means, what they are called here and what follows from them. */
export interface ServiceRow {
  /** HTTP statuses, single or as `[first, last]`; any when absent. */
  status?: readonly (number | readonly [number, number])[];
  /** One of these codes is somewhere in the answer. */
  codes?: readonly string[];
  /** The message says so. */
  text?: RegExp;
  /** The surfaced code, also the type of the `ApplicationFailure`. */
  code: string;
  class: FailureClass;
  /** Creating again earlier would only repeat it; milliseconds. `Retry-After` wins where the answer has one. */
  retryAfterMs?: number;
  /** Where the class's rule does not fit. */
  retried?: boolean;
  /** What would be right. */
  hint: string;
}

/** A row of the whole table. */
export interface ErrorRow extends ServiceRow {
  service: OutsideService;
}

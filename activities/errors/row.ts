import type { OutsideErrorCode } from '../../domain/errors/outside-errors.ts';
import type { CallName } from './calls.ts';
import type { OutsideService } from './outside-error.ts';

/** One row: which refusals of a service it means, and what they are called here. What follows is the code's. */
export interface ServiceRow {
  /** HTTP statuses, single or as `[first, last]`; any when absent. */
  status?: readonly (number | readonly [number, number])[];
  /** One of these codes is somewhere in the answer. */
  codes?: readonly string[];
  /** The message says so. */
  text?: RegExp;
  /** The surfaced code, also the type of the `ApplicationFailure`. */
  code: OutsideErrorCode;
  /** The calls that can meet it; every call of the service when absent. Told in the reference, not matched. */
  calls?: readonly CallName[];
  /** What would be right, where this answer tells more than its code. */
  hint?: string;
}

/** A row of the whole table. */
export interface ErrorRow extends ServiceRow {
  service: OutsideService;
}

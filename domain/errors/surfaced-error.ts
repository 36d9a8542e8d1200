import type { FailureClass } from '../failure.ts';

/** What follows from one surfaced code, whoever met it. */
export interface SurfacedError {
  class: FailureClass;
  /** Creating again earlier would only repeat it; milliseconds. A `Retry-After` of the service wins. */
  retryAfterMs?: number;
  /** Where the class's rule does not fit. */
  retried?: boolean;
  /** What would be right. */
  hint: string;
}

/** An error that this system itself finds. */
export interface OwnError extends SurfacedError {
  /** When it is raised, for the reference. */
  when: string;
  /** The workflow or activity that raises it. */
  where: string;
}

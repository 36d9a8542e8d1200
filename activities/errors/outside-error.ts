/** Who answered, or did not. */
export type OutsideService = 'Azure' | 'Microsoft Entra ID' | 'Azure DevOps' | 'Temporal' | 'network';

/** What an outside service said when it refused: everything that the error table looks at. */
export interface Evidence {
  service: OutsideService;
  /** The call, where the one who made it knows better than the activity's name. */
  call?: string;
  /** HTTP status; absent when there was no answer, or when a long-running operation failed after it was accepted. */
  status?: number;
  /** A long-running operation that was accepted and then failed: what it made may be left behind, broken. */
  accepted?: true;
  /** Every error code in the answer, outermost first: the code, those of its details and of its inner errors. */
  codes: string[];
  message: string;
  /** From `Retry-After`; milliseconds. */
  retryAfterMs?: number;
}

/**
 * A refusal by an outside service, with the evidence that the SDK in between would have lost. Thrown by the code that
 * makes the call, read by the error table.
 */
export class OutsideError extends Error {
  override readonly name = 'OutsideError';
  readonly evidence: Evidence;

  constructor(evidence: Evidence, options?: { cause?: unknown }) {
    super(evidence.message, options);
    this.evidence = evidence;
  }
}

/**
 * azure-devops-node-api answers a 404 with null instead of an error; this makes it one.
 *
 * @param what what was looked for, such as `agent pool 7`
 * @throws OutsideError with status 404
 */
export function found<T>(value: T | null | undefined, what: string): T {
  if (value !== null && value !== undefined) return value;
  throw new OutsideError({
    service: 'Azure DevOps',
    status: 404,
    codes: ['NotFound'],
    message: `There is no ${what}, or this identity may not see it.`,
  });
}

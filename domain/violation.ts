/**
 * What is wrong with a document that somebody gave us: one record per mistake, all of them at once, in a form that
 * programs can match on and people can act on.
 */

/** Stable codes of the rules that a document can break. */
export type Rule =
  | 'Required'
  | 'UnknownProperty'
  | 'WrongType'
  | 'OutOfRange'
  | 'TooLong'
  | 'TooMany'
  | 'TooFew'
  | 'NotAllowedValue'
  | 'PatternMismatch'
  | 'Duplicate'
  | 'ExactlyOneOf'
  | 'BuffersMustTotal100'
  | 'ParallelismMustTotalMaximumConcurrency'
  | 'ReadOnly'
  | 'UnknownImage'
  | 'OrganizationNotReachable'
  | 'CredentialsRefused'
  | 'UnknownProject'
  | 'NameTaken'
  | 'UnknownTimeZone'
  | 'UnknownApiVersion'
  | 'WrongResourceType'
  | 'NotSupported'
  | 'SyntaxError'
  | 'TooLarge';

/** One broken rule. */
export interface Violation {
  /** Where, such as `properties.fabricProfile.images[1].buffer`; empty for the document as a whole. */
  path: string;
  rule: Rule;
  /** What is wrong and what would be right. */
  message: string;
  /** The value that was given, shortened; absent for a missing one, a large one, and never a secret. */
  value?: unknown;
}

/** ARM's error body: `ErrorResponse` of its common types. */
export interface ArmError {
  error: {
    code: string;
    message: string;
    target: string;
    details: { code: string; message: string; target: string }[];
  };
}

/** More details than this help nobody, and an answer must stay far below the size that the engine carries. */
const maximumDetails = 200;

/**
 * The violations as ARM says them: one error with one detail per violation, the first 200 of them.
 *
 * @param options.code the outer code; `InvalidPool` when absent
 * @param options.target what was refused, such as a pool's name
 */
export function armError(violations: readonly Violation[], options: { code?: string; target?: string } = {}): ArmError {
  const { code = 'InvalidPool', target = '' } = options;
  const count = violations.length === 1 ? '1 rule' : `${violations.length} rules`;
  const subject = target === '' ? 'The document' : `'${target}'`;
  return {
    error: {
      code,
      message: `${subject} breaks ${count}; nothing was changed. The details name each one and what would be right.`,
      target,
      details: violations
        .slice(0, maximumDetails)
        .map(({ rule, message, path }) => ({ code: rule, message, target: path })),
    },
  };
}

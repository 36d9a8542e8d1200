/**
 * What is wrong with a document that somebody gave us: one record per mistake, all of them at once, in a form that
 * programs can match on and people can act on.
 */

/** The rules that a document can break, by their stable codes, with what each means. */
export const violationRules = {
  Required: 'A property that must be there is missing.',
  UnknownProperty: 'There is no such property.',
  WrongType: 'The value is of another type than the property.',
  OutOfRange: 'The number is too small or too large.',
  TooLong: 'The text is too long.',
  TooMany: 'The list is too long.',
  TooFew: 'The list is too short.',
  NotAllowedValue: 'The value is not one of those that are allowed here.',
  PatternMismatch: 'The text does not have the form that is wanted.',
  Duplicate: 'What must be there once is there twice.',
  ExactlyOneOf: 'Exactly one of several properties must be given.',
  BuffersMustTotal100: 'The buffers of all images must add up to 100.',
  ParallelismMustTotalMaximumConcurrency:
    'The parallelism of all organisations must add up to the maximum concurrency.',
  ReadOnly: 'The property can be read, not written.',
  PropertyChangeNotAllowed: 'The property cannot change while the pool lives.',
  UnknownImage: 'The image does not exist, or this system’s identity may not read it.',
  OrganizationNotReachable: 'There is no such organisation, or no way to it.',
  CredentialsRefused: 'The organisation refuses this system’s identity.',
  UnknownProject: 'The organisation has no such project, or this system’s identity may not see it.',
  NameTaken: 'The name belongs to somebody else.',
  UnknownTimeZone: 'There is no such time zone.',
  UnknownApiVersion: 'There is no such api-version.',
  WrongResourceType: 'The document is of another kind of resource.',
  NotSupported: 'The resource model has it, and this version cannot do it.',
  SyntaxError: 'The text is neither YAML nor JSON.',
  TooLarge: 'The document, or a part of it, is too large to be read.',
} as const;

/** A stable code of a rule. */
export type Rule = keyof typeof violationRules;

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

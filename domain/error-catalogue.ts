import { clientErrors, type ClientErrorCode } from './errors/client-errors.ts';
import { outsideErrors, type OutsideErrorCode } from './errors/outside-errors.ts';
import { ownErrors, type OwnErrorCode } from './errors/own-errors.ts';
import { retriedByEngine } from './errors/retry-rules.ts';
import type { SurfacedError } from './errors/surfaced-error.ts';
import type { FailureDetails } from './failure.ts';

/**
 * Every error that people and programs can meet, by its code. Whoever raises one takes class, retry rule and hint from
 * here, so that they cannot drift; a code that is not here does not compile. `docs/reference/errors.md` is generated
 * from it.
 */
export const surfacedErrors: Readonly<Record<SurfacedErrorCode, SurfacedError>> = { ...outsideErrors, ...ownErrors };

/** A code of a failed activity, workflow or update. */
export type SurfacedErrorCode = OutsideErrorCode | OwnErrorCode;

/**
 * Codes of every error that is ever shown: by activities, workflows, the SDK and the command line. The rules that a
 * document breaks (`Violation.rule`) are not among them: they stand in the details of `InvalidPool` and
 * `InvalidInstallation` only, and are `violationRules` in `violation.ts`.
 */
export const knownErrorCodes: ReadonlySet<string> = new Set([
  ...Object.keys(surfacedErrors),
  ...Object.keys(clientErrors),
]);

/** Whether a code is one of a failed activity, workflow or update. */
export function isSurfacedErrorCode(code: string | null | undefined): code is SurfacedErrorCode {
  return typeof code === 'string' && Object.hasOwn(surfacedErrors, code);
}

/** Whether the engine tries again by itself what failed with this code. */
export function isRetried(code: SurfacedErrorCode): boolean {
  const { class: kind, retried } = surfacedErrors[code];
  return retried ?? retriedByEngine[kind];
}

/** What to do about a code: of the catalogue's two halves, the first that knows it. */
export function hintOf(code: string): string | undefined {
  if (isSurfacedErrorCode(code)) return surfacedErrors[code].hint;
  return Object.hasOwn(clientErrors, code) ? clientErrors[code as ClientErrorCode].hint : undefined;
}

/**
 * The details of a failure with this code: only what was wrong, and where, is the caller's to say.
 *
 * @param call the call that failed; empty when none was made
 */
export function failureWith(code: SurfacedErrorCode, message: string, call = ''): FailureDetails {
  const { class: kind, hint, retryAfterMs = 0 } = surfacedErrors[code];
  return { code, class: kind, message, hint, call, retryAfterMs };
}

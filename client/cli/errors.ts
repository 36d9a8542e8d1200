import { CommanderError } from 'commander';
import { asOdpError, OdpError } from '../sdk/index.ts';
import type { Io } from './io.ts';
import { paint, printable } from './render.ts';

/** What the process ends with. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  authentication: 4,
  conflict: 5,
  interrupted: 130,
} as const;

type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const codesOfErrors: Record<string, ExitCode> = {
  Usage: exitCodes.usage,
  NotFound: exitCodes.notFound,
  AuthenticationFailed: exitCodes.authentication,
  AuthorizationFailed: exitCodes.authentication,
  Conflict: exitCodes.conflict,
  Interrupted: exitCodes.interrupted,
};

/** An error in what was typed: exit code 2. */
export function usageError(message: string, hint?: string): OdpError {
  return new OdpError('Usage', message, hint === undefined ? {} : { hint });
}

/** Thrown when Ctrl-C ended a command before its work was done; nothing is printed. */
export function interrupted(): OdpError {
  return new OdpError('Interrupted', 'Interrupted.');
}

/** The exit code for whatever a command threw. */
export function exitCode(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version are thrown too, as the way out; help that nobody asked for stands for a missing command.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  return codesOfErrors[asOdpError(error).code] ?? exitCodes.failure;
}

/**
 * Prints an error: what was wrong, one line per violation with its path, what to do. Commander prints its own errors.
 */
export function printError(io: Io, error: unknown): void {
  if (error instanceof CommanderError) return;
  const { code, message, target, details, hint } = asOdpError(error);
  if (code === 'Interrupted') return;
  const subject = target === undefined || message.includes(target) ? '' : ` (${printable(target)})`;
  io.err(`${paint(io, 'bad', 'error:')} ${printable(message)}${subject}`);
  for (const detail of details ?? []) {
    const path = detail.target === undefined ? '' : `${printable(detail.target)}: `;
    io.err(`  ${path}${printable(detail.message)}`);
  }
  if (hint !== undefined) io.err(`${paint(io, 'quiet', 'hint:')} ${printable(hint)}`);
}

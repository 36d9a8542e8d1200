import { exitCode, exitCodes, printError } from './errors.ts';
import type { Io } from './io.ts';
import { createProgram } from './program.ts';

/** Runs one command line and answers the exit code. Every error is printed here and nowhere else. */
export async function run(argv: string[], io: Io): Promise<number> {
  try {
    await createProgram({ io, now: Date.now }).parseAsync(argv, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    printError(io, error);
    return exitCode(error);
  }
}

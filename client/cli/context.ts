import type { Command } from 'commander';
import type { Io } from './io.ts';
import type { OutputFormat } from './output.ts';

/** What every command gets. */
export interface CommandContext {
  io: Io;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Options that stand on the program and hold for every command. */
export interface GlobalOptions {
  installation?: string;
  output: OutputFormat;
}

/** The options of the program above a command. */
export function globalOptions(command: Command): GlobalOptions {
  return command.optsWithGlobals<GlobalOptions>();
}

/** How help shows an example. */
export function example(...lines: string[]): string {
  return ['', 'Examples:', ...lines.map((line) => `  $ ${line}`)].join('\n');
}

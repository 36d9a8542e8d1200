import type { Io } from '../../client/cli/io.ts';

/** An `Io` that keeps what a command prints. */
export interface TestIo extends Io {
  output(): string;
  errors(): string;
}

/** A process made of strings: no terminal, no colour, nothing on standard input, unless told otherwise. */
export function testIo(overrides: Partial<Io> = {}): TestIo {
  const output: string[] = [];
  const errors: string[] = [];
  return {
    out: (line) => void output.push(line),
    err: (line) => void errors.push(line),
    raw: (text) => void output.push(text),
    terminal: false,
    colour: false,
    size: () => ({ columns: 100, rows: 30 }),
    environment: {},
    read: () => Promise.resolve(''),
    signals: () => ({ stop: new AbortController().signal, kill: new AbortController().signal }),
    ...overrides,
    output: () => output.join('\n'),
    errors: () => errors.join('\n'),
  };
}

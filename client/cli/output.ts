import { stringify } from 'yaml';
import { interrupted } from './errors.ts';
import type { Io } from './io.ts';

/** The forms in which data can be printed. */
export const outputFormats = ['table', 'json', 'yaml'] as const;

export type OutputFormat = (typeof outputFormats)[number];

/** Data as text in one of the forms; `lines` draws the table. */
export function format<Data>(data: Data, form: OutputFormat, lines: (data: Data) => string[]): string {
  switch (form) {
    case 'json':
      return JSON.stringify(data, null, 2);
    case 'yaml':
      return stringify(data, { lineWidth: 0 }).trimEnd();
    case 'table':
      return lines(data).join('\n');
  }
}

/** How a list or a thing is read and drawn. */
export interface Shown<Data> {
  read(): Promise<Data>;
  lines(data: Data): string[];
}

/** Milliseconds between two reads of `--watch`. */
const watchMs = 2_000;

/**
 * Prints once, or with `watch` again with every change until Ctrl-C: on a terminal in place, else appended, as one line
 * of JSON, one YAML document or the table's changed lines.
 */
export async function show<Data>(io: Io, form: OutputFormat, watch: boolean, shown: Shown<Data>): Promise<void> {
  if (!watch) {
    io.out(format(await shown.read(), form, shown.lines));
    return;
  }
  const { stop } = io.signals();
  let last = '';
  while (!stop.aborted) {
    const data = await shown.read();
    const text = form === 'json' && !io.terminal ? JSON.stringify(data) : format(data, form, shown.lines);
    if (text !== last) {
      if (io.terminal) io.raw(`\u001b[H\u001b[2J${text}\n`);
      else appendChange(io, form, text, last);
      last = text;
    }
    await pause(watchMs, stop);
  }
  throw interrupted();
}

function appendChange(io: Io, form: OutputFormat, text: string, last: string): void {
  if (form === 'json') io.out(text);
  else if (form === 'yaml') io.out(`---\n${text}`);
  else {
    const known = new Set(last.split('\n'));
    for (const line of text.split('\n')) if (!known.has(line)) io.out(line);
  }
}

/** Waits, or returns early when the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** The promise's own end, or `Interrupted` as soon as the signal fires; what it then still does is nobody's concern. */
export async function unlessStopped<Result>(stop: AbortSignal, promise: Promise<Result>): Promise<Result> {
  let interrupt = () => {};
  const stopped = new Promise<never>((_, reject) => {
    interrupt = () => reject(interrupted());
  });
  // Either may lose the race and must not end the process as an unhandled rejection.
  for (const one of [promise, stopped]) one.catch(() => undefined);
  if (stop.aborted) interrupt();
  stop.addEventListener('abort', interrupt, { once: true });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    stop.removeEventListener('abort', interrupt);
  }
}

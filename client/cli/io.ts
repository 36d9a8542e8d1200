/** What a command may touch of the process that runs it; a test gives it strings. */
export interface Io {
  /** Data, and nothing else, goes here. A newline is added. */
  out(line: string): void;
  /** Errors, hints and progress. A newline is added. */
  err(line: string): void;
  /** Writes as it is, for cursor moves. Only used where `terminal` is true. */
  raw(text: string): void;
  /** Standard output is a terminal. */
  terminal: boolean;
  colour: boolean;
  /** Size of the terminal in characters, read anew each time because people resize it. */
  size(): { columns: number; rows: number };
  environment: NodeJS.ProcessEnv;
  /** The whole of standard input. */
  read(): Promise<string>;
  /**
   * Takes over Ctrl-C and SIGTERM: the first fires `stop`, the second `kill`. A command that does not ask ends at once,
   * because it has nothing to tidy up.
   */
  signals(): Signals;
}

/** What people want who press Ctrl-C once, and twice. */
export interface Signals {
  stop: AbortSignal;
  kill: AbortSignal;
}

/** The real process. */
export function processIo(): Io {
  const { stdout, stderr, stdin, env } = process;
  const signals = takeSignals();
  const terminal = stdout.isTTY;
  // A reader that stops reading (`odp agent list | head -1`) is no failure of ours.
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    raw: (text) => void stdout.write(text),
    terminal,
    // https://no-color.org: any value that is not empty turns colour off.
    colour: terminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    environment: env,
    read: async () => {
      stdin.setEncoding('utf8');
      let text = '';
      for await (const part of stdin) text += String(part);
      return text;
    },
    signals,
  };
}

/** Exit code of a process that Ctrl-C ended. */
const interruptedCode = 130;

function takeSignals(): () => Signals {
  const [stop, kill] = [new AbortController(), new AbortController()];
  let taken = false;
  const received = () => {
    if (!taken) process.exit(interruptedCode);
    if (stop.signal.aborted) kill.abort();
    else stop.abort();
  };
  process.on('SIGINT', received);
  process.on('SIGTERM', received);
  // The terminal was closed: its children must not outlive it.
  process.on('SIGHUP', received);
  return () => {
    taken = true;
    return { stop: stop.signal, kill: kill.signal };
  };
}

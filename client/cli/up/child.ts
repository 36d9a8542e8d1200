import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { OdpError } from '../../sdk/index.ts';
import { projectProgram } from '../project-files.ts';

/** One process of the stack. */
export interface Child {
  pid: number;
  /** How it ended, in words, when it has. */
  exited: Promise<string>;
  /** Asks it to end and waits; `kill` ends it at once. */
  stop(kill: AbortSignal): Promise<void>;
}

/** Which program to run, and how to know that it serves. */
export interface ChildOptions {
  name: string;
  /** Path of its source from the root of the project, without the ending. */
  program: string;
  args: string[];
  /** Everything that it says is appended here, but for its first line. */
  logFile: string;
  readyMs: number;
  stop: AbortSignal;
  /** Laid over the environment of this process. */
  environment?: Readonly<Record<string, string>>;
}

/** Longest time for a child to end by itself; the worker lets running activities finish within it. */
const graceMs = 35_000;

/** How much of a log an error shows. */
const shownLogLines = 8;

/**
 * Runs one of our own programs in a Node process of its own and waits for its first line, one line of JSON with
 * `ready: true`. It gets its own process group, so that Ctrl-C in a terminal reaches only the supervisor, which then
 * stops everything in order.
 *
 * @throws OdpError `NotStarted` with the end of its log
 */
export async function startChild<Ready>(
  { name, program, args, logFile, readyMs, stop, environment }: ChildOptions,
  parse: (line: unknown) => Ready,
): Promise<Child & { ready: Ready }> {
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [...process.execArgv, projectProgram(program), ...args], {
    detached: true,
    windowsHide: true,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', log],
  });
  closeSync(log);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ? `ended by ${signal}` : `ended with code ${code}`));
  });
  const running: Child = {
    pid: child.pid ?? 0,
    exited,
    stop: async (kill) => {
      const end = () => void child.kill('SIGKILL');
      const timer = setTimeout(end, graceMs);
      kill.addEventListener('abort', end, { once: true });
      child.kill(kill.aborted ? 'SIGKILL' : 'SIGTERM');
      await exited;
      clearTimeout(timer);
      kill.removeEventListener('abort', end);
    },
  };
  try {
    const line = await firstLine(child.stdout as NodeJS.ReadableStream, { name, exited, readyMs, stop });
    return { ...running, ready: parse(JSON.parse(line)) };
  } catch (error) {
    await running.stop(AbortSignal.abort());
    if (error instanceof OdpError && error.code === 'Interrupted') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new OdpError('NotStarted', `The ${name} did not start: ${reason}`, {
      details: (await lastLines(logFile)).map((message) => ({ code: 'Log', message })),
      hint: `Its log is ${logFile}.`,
      cause: error,
    });
  }
}

async function firstLine(
  stdout: NodeJS.ReadableStream,
  { name, exited, readyMs, stop }: Pick<ChildOptions, 'name' | 'readyMs' | 'stop'> & { exited: Promise<string> },
): Promise<string> {
  const lines = createInterface({ input: stdout });
  return await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`it was not ready within ${readyMs / 1_000} s`)), readyMs);
    const interrupt = () => reject(new OdpError('Interrupted', 'Interrupted.'));
    if (stop.aborted) interrupt();
    stop.addEventListener('abort', interrupt, { once: true });
    const settle = () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', interrupt);
    };
    // Later lines are read and dropped, or a full pipe would stop the child.
    lines.on('line', (line) => {
      settle();
      resolve(line);
    });
    void exited.then((how) => {
      settle();
      reject(new Error(`the ${name} ${how}`));
    });
  });
}

async function lastLines(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-shownLogLines);
}

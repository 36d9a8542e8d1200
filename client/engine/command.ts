import { spawn } from 'node:child_process';

/** How a command ended. `output` is what it wrote on both streams, at most its last 64 KB. */
export interface CommandResult {
  succeeded: boolean;
  output: string;
  /** One line that says how it failed; empty when it succeeded. */
  failure: string;
}

export interface CommandOptions {
  environment?: NodeJS.ProcessEnv;
  /** After this time the command is killed and counts as failed, in milliseconds. */
  limitMs: number;
  /** Called about every ten seconds while the command runs. */
  progress?: (seconds: number) => void;
  /** Kills the command when aborted. */
  signal?: AbortSignal;
}

const keptOutput = 64 * 1024;

/** Runs a command to its end. Never throws: a command that cannot be started has failed. */
export function runCommand(command: string, args: string[], options: CommandOptions): Promise<CommandResult> {
  const { environment = process.env, limitMs, progress, signal } = options;
  return new Promise((resolve) => {
    const started = Date.now();
    let output = '';
    let reason = '';
    const child = spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-keptOutput);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const kill = (why: string) => {
      reason = why;
      child.kill('SIGKILL');
    };
    const limit = setTimeout(() => kill(`took longer than ${Math.round(limitMs / 1000)} s`), limitMs);
    const ticker = progress && setInterval(() => progress(Math.round((Date.now() - started) / 1000)), 10_000);
    const onAbort = () => kill(String(signal?.reason ?? 'was stopped'));
    signal?.addEventListener('abort', onAbort, { once: true });
    const end = (succeeded: boolean, failure: string) => {
      clearTimeout(limit);
      clearInterval(ticker);
      signal?.removeEventListener('abort', onAbort);
      resolve({ succeeded, output, failure });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signalName) => {
      if (code === 0) end(true, '');
      else end(false, reason || lastLine(output) || `ended with ${code === null ? signalName : `code ${code}`}`);
    });
  });
}

function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1)?.trim() ?? '';
}

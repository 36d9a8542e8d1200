import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RunScript } from '../job.ts';

/** How long a cancelled script may take after each signal (microsoft/azure-pipelines-agent, ProcessInvoker). */
const patience = [
  ['SIGINT', 7_500],
  ['SIGTERM', 2_500],
  ['SIGKILL', 0],
] as const;

/** What `.env` of the agent's folder adds to the environment of jobs. */
export function parseEnvironment(text: string): Record<string, string> {
  const pairs = text
    .split(/\r?\n/)
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)
    .filter(([name]) => name !== '');
  return Object.fromEntries(pairs);
}

/**
 * Runs scripts the way the task `CmdLine@2` does on Linux: a file in `_temp`, bash without its start files, in the folder
 * of the sources. Variables of the job are in the environment, in capitals and with `_` for every other character.
 */
export function createScriptRunner(options: {
  workFolder: string;
  agentName: string;
  environment: NodeJS.ProcessEnv;
  uuid(): string;
}): RunScript {
  const { workFolder, agentName, environment, uuid } = options;
  const temporary = join(workFolder, '_temp');
  const sources = join(workFolder, '1', 's');
  return async (script, { variables, line, signal }) => {
    for (const folder of [temporary, sources]) mkdirSync(folder, { recursive: true });
    const file = join(temporary, `${uuid()}.sh`);
    writeFileSync(file, `${script}\n`, { mode: 0o700 });
    const named = Object.entries(variables).map(([name, value]) => [
      name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_'),
      value,
    ]);
    const child = spawn('bash', ['--noprofile', '--norc', file], {
      cwd: sources,
      detached: true,
      env: {
        ...environment,
        ...Object.fromEntries(named),
        AGENT_NAME: agentName,
        AGENT_OS: 'Linux',
        AGENT_TEMPDIRECTORY: temporary,
        AGENT_WORKFOLDER: workFolder,
        BUILD_SOURCESDIRECTORY: sources,
        TF_BUILD: 'True',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', line);
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 137));
    });
    let timer: NodeJS.Timeout | undefined;
    const end = (step = 0): void => {
      const [kind, ms] = patience[step] ?? patience[2];
      try {
        process.kill(-(child.pid ?? 0), kind);
      } catch {
        // It ended by itself.
      }
      if (step < 2) timer = setTimeout(() => end(step + 1), ms);
    };
    const onAbort = (): void => end();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) end();
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  };
}

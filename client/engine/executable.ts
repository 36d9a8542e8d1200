import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runCommand } from './command.ts';

/** The engine's file name on this platform. */
export const executableName = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/** What a check of an executable found: its version line, or why it cannot serve. */
export type Verdict = { version: string } | { failure: string };

/** Runs the executable once and reads its version. The first start of a fresh 250 MB binary may take seconds. */
export async function verify(path: string): Promise<Verdict> {
  const { succeeded, output, failure } = await runCommand(path, ['--version'], { limitMs: 30_000 });
  if (!succeeded) return { failure };
  const version = output.split('\n').find((line) => line.startsWith('temporal version'));
  return version ? { version } : { failure: 'is not the temporal command: its --version prints something else' };
}

/** Every file of that name on the search path, first found first. */
export async function onSearchPath(name: string, environment: NodeJS.ProcessEnv): Promise<string[]> {
  const folders = (environment.PATH ?? environment.Path ?? '').split(delimiter).filter(Boolean);
  const found = await Promise.all(
    folders.map((folder) => join(folder, name)).map(async (path) => ((await isExecutable(path)) ? path : undefined)),
  );
  return found.filter((path) => path !== undefined);
}

/** Whether a file is there that this user may run. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

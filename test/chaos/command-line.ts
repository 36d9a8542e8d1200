import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { projectProgram } from '../../client/cli/project-files.ts';
import type { Stack } from '../support/stack.ts';

/** What people see of a stack, by the real command. Its exit code does not matter here, only its words. */
export async function runOdp(stack: Stack, args: readonly string[]): Promise<string> {
  const installation = join(stack.folder, 'installation.json');
  return await new Promise((resolve) => {
    execFile(
      process.execPath,
      [...process.execArgv, projectProgram('client/cli/main'), '--installation', installation, ...args],
      { timeout: 60_000, maxBuffer: 64 * 1_024 * 1_024 },
      (_error, stdout, stderr) => resolve(`${stdout}\n${stderr}`),
    );
  });
}

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Which code ran: a seed says nothing without it. */
export interface Commit {
  /** Full hash; `unknown` outside of a repository. */
  commit: string;
  /** Something differs from that commit. */
  dirty: boolean;
}

const run = promisify(execFile);

/** The commit of these sources. */
export async function currentCommit(): Promise<Commit> {
  const cwd = fileURLToPath(new URL('../../..', import.meta.url));
  try {
    const [head, status] = await Promise.all([
      run('git', ['rev-parse', 'HEAD'], { cwd }),
      run('git', ['status', '--porcelain'], { cwd }),
    ]);
    return { commit: head.stdout.trim(), dirty: status.stdout.trim() !== '' };
  } catch {
    return { commit: 'unknown', dirty: false };
  }
}

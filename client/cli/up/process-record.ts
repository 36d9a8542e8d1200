import { execFile } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { OdpError } from '../../sdk/index.ts';

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessIdentity {
  pid: number;
  /** As the operating system tells it; empty where it does not, and then no signal is ever sent. */
  startedAt: string;
}

/** The processes of one run of the stack. */
export interface ProcessRecord {
  supervisor: ProcessIdentity;
  /** In the order in which they were started. */
  children: (ProcessIdentity & { name: string })[];
}

const fileName = 'processes.json';

/** Longest time for a process to end after SIGTERM, before it is killed. */
const stopMs = 10_000;

/** Where field 22 of `/proc/<pid>/stat`, the start time, stands after the process's name; see proc_pid_stat(5). */
const startTimeField = 19;

/** When a process was started, in the words of the operating system; undefined when there is no such process. */
export async function startedAt(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The name may hold blanks and brackets, so fields are counted from its last bracket. Z is dead, but not reaped.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[startTimeField];
    } catch {
      return undefined;
    }
  }
  if (process.platform === 'win32') return '';
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** This process or a child, as the record keeps it. */
export async function identityOf(pid: number): Promise<ProcessIdentity> {
  return { pid, startedAt: (await startedAt(pid)) ?? '' };
}

async function isAlive({ pid, startedAt: recorded }: ProcessIdentity): Promise<boolean> {
  return recorded !== '' && (await startedAt(pid)) === recorded;
}

/** Replaces the record in one step, so that a kill at any instant leaves the old one or the new one. */
export async function writeRecord(state: string, record: ProcessRecord): Promise<void> {
  const path = join(state, fileName);
  await writeFile(`${path}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function readRecord(state: string): Promise<ProcessRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(state, fileName), 'utf8')) as ProcessRecord;
  } catch {
    return undefined;
  }
}

/**
 * Stops what a run whose supervisor died left behind. Only a process whose id and start time are those of the record
 * gets a signal.
 *
 * @throws OdpError `Conflict` while the other run's supervisor lives
 */
export async function stopStaleProcesses(state: string, report: (line: string) => void): Promise<void> {
  const record = await readRecord(state);
  if (!record) return;
  if (record.supervisor.pid !== process.pid && (await isAlive(record.supervisor))) {
    throw new OdpError('Conflict', `Another \`odp up\` (process ${record.supervisor.pid}) uses ${state}.`, {
      hint: 'Stop it first, or choose another folder with --state.',
    });
  }
  for (const child of record.children.toReversed()) {
    if (!(await isAlive(child))) continue;
    report(`the ${child.name} of a run that ended is still there (process ${child.pid}); stopping it`);
    await stopProcess(child);
  }
}

async function stopProcess(identity: ProcessIdentity): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isAlive(identity))) return;
    process.kill(identity.pid, signal);
    for (let waited = 0; waited < stopMs && (await isAlive(identity)); waited += 100) await delay(100);
  }
}

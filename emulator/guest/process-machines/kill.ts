import { readdirSync, readFileSync } from 'node:fs';

/** How often the list of processes is read, for one that is being born escapes the first look. */
const looks = 5;

/**
 * Ends every process of a machine at once, without a farewell, as a power cut would: those that have its id in their
 * environment. A process that a job gave another environment is not found.
 */
export function killMachine(machineId: string): void {
  for (let look = 0; look < looks; look += 1) {
    const pids = processesOf(machineId);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }
}

/** Processes of a machine; those that have ended and are not yet buried have no environment. */
export function processesOf(machineId: string): number[] {
  const mark = `EMULATED_MACHINE_ID=${machineId}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => environmentOf(name).split('\0').includes(mark))
    .map(Number);
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    // It ended, or is another user's.
    return '';
  }
}

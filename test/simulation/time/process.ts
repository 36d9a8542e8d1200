import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * A process of the simulated installation, such as a worker. Whatever code does on its behalf carries it along. A killed
 * process never hears of anything again; a stopped one hears of everything late, after it goes on.
 */
export interface Process {
  readonly name: string;
  alive: boolean;
  /** Set while it is stopped: when it goes on. Milliseconds since the epoch. */
  stoppedUntil: number;
  /** Whether the engine cannot be reached from it. */
  partitioned: boolean;
  /** By how much its clock is ahead, in milliseconds. */
  skewMs: number;
}

const current = new AsyncLocalStorage<Process>();

/** The process that is at work now; undefined for what is outside: the cloud, the engine, people. */
export const currentProcess = (): Process | undefined => current.getStore();

/**
 * Runs `work` outside of every process, with nothing of its caller's context: what reaches the engine or the cloud must
 * not carry a worker's deadline or activity along.
 */
export const outside: <T>(work: () => T) => T = AsyncLocalStorage.snapshot();

/** Runs `work` as that process. */
export const inProcess = <T>(process: Process, work: () => T): T => current.run(process, work);

/**
 * Runs `task` when its process can: at once, later when it is stopped, never when it was killed.
 *
 * @param again puts it off to an instant
 */
export function whenAwake(
  process: Process | undefined,
  now: number,
  again: (at: number) => void,
  task: () => void | Promise<void>,
): void | Promise<void> {
  if (process === undefined) return task();
  if (!process.alive) return;
  if (process.stoppedUntil > now) return again(process.stoppedUntil);
  return task();
}

import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Breach } from '../../../domain/invariants/account.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { ChildMessage, RunMessage, RunOptions, SimulationOutcome } from './protocol.ts';

/**
 * How a run ended. All but the first are failures of their own, whatever the invariants would say; the last says nothing
 * about the schedule.
 */
export type Ending = 'completed' | 'threw' | 'crashed' | 'hung' | 'notLoaded';

/** One schedule, run. */
export interface RunResult {
  schedule: Schedule;
  ending: Ending;
  /** What was broken; one breach named after the ending where the run did not complete. */
  breaches: Breach[];
  /** Absent where the run did not complete. */
  outcome?: SimulationOutcome;
  /** The last lines, as far as they are known. */
  journal: string[];
  /** Real time. */
  seconds: number;
}

/** Runs schedules in child processes. */
export interface Runner {
  readonly workers: number;
  /** Waits for a free child. Never rejects for what the run does. */
  run(schedule: Schedule, run?: { options?: RunOptions; trace?: (line: string) => void }): Promise<RunResult>;
  /** Ends every child at once. Runs that wait or are under way end as `crashed`. */
  close(): Promise<void>;
}

export interface RunnerOptions {
  /** Child processes. */
  workers: number;
  /** The module that exports `simulate`; by default that of this folder's parent. */
  runtime?: string;
  /** A run that shows no progress for this long hangs. */
  silentMs?: number;
  /** A run that takes longer than this hangs, whatever it shows: it repeats itself for ever. */
  longestMs?: number;
}

/** A child whose memory is larger than this is replaced after its run. */
const residentMaxMiB = 1_500;

/** The end of a child's log that a crash shows. */
const shownLog = 4_000;

const defaultRuntime = new URL('../run.ts', import.meta.url);

interface Slot {
  child?: ChildProcess;
  /** The child has loaded the runtime. */
  ready: boolean;
  log: string;
}

interface Task {
  schedule: Schedule;
  options: RunOptions;
  trace?: (line: string) => void;
  resolve: (result: RunResult) => void;
}

/** A runner; its children start when they are needed. */
export function createRunner({ workers, runtime, silentMs = 120_000, longestMs = 900_000 }: RunnerOptions): Runner {
  const address = runtime === undefined ? defaultRuntime.href : pathToFileURL(runtime).href;
  const slots: Slot[] = Array.from({ length: workers }, () => ({ ready: false, log: '' }));
  const free = [...slots];
  const waiting: Task[] = [];
  let closed = false;
  let nextId = 1;

  function start(slot: Slot): ChildProcess {
    const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [address], {
      // Whoever runs us may have flags of its own, such as jest; a simulation runs plainly.
      execArgv: ['--disable-warning=ExperimentalWarning', '--max-old-space-size=3072'],
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    slot.child = child;
    slot.ready = false;
    slot.log = '';
    const keep = (text: Buffer) => {
      slot.log = `${slot.log}${text.toString()}`.slice(-shownLog);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.once('exit', () => {
      if (slot.child === child) delete slot.child;
    });
    return child;
  }

  function serveWaiting(): void {
    while (waiting.length > 0 && free.length > 0) {
      const [task, slot] = [waiting.shift(), free.shift()];
      if (task === undefined || slot === undefined) return;
      void perform(slot, task).then((result) => {
        free.push(slot);
        task.resolve(result);
        serveWaiting();
      });
    }
  }

  function perform(slot: Slot, { schedule, options, trace }: Task): Promise<RunResult> {
    const id = nextId++;
    const began = performance.now();
    return new Promise((resolve) => {
      let last: string[] = [];
      let silent: NodeJS.Timeout | undefined;
      const child = slot.child?.connected ? slot.child : start(slot);

      const end = (result: Pick<RunResult, 'ending' | 'breaches' | 'journal'> & { outcome?: SimulationOutcome }) => {
        clearTimeout(silent);
        clearTimeout(longest);
        child.off('message', hear);
        child.off('exit', exited);
        child.off('error', failed);
        resolve({ schedule, seconds: (performance.now() - began) / 1_000, ...result });
      };
      const broken = (ending: Exclude<Ending, 'completed'>, message: string) =>
        end({ ending, journal: last, breaches: [{ invariant: ending, at: 0, subject: 'simulation', message }] });
      const hang = (why: string) => {
        broken('hung', why);
        drop(slot);
      };
      const alive = () => {
        clearTimeout(silent);
        // How long a process takes to load says something about the machine, not about the run.
        if (slot.ready) silent = setTimeout(() => hang(`It showed no progress for ${silentMs / 1_000} s.`), silentMs);
      };
      const hear = (message: ChildMessage) => {
        if (message.kind === 'ready') slot.ready = true;
        alive();
        if (message.kind === 'ready' || message.id !== id) return;
        switch (message.kind) {
          case 'lines':
            last = message.lines.length > 0 ? message.lines : last;
            if (trace) message.lines.forEach(trace);
            return;
          case 'done': {
            const { outcome, residentMiB } = message;
            end({ ending: 'completed', breaches: outcome.breaches, journal: outcome.journal, outcome });
            if (residentMiB > residentMaxMiB) drop(slot);
            return;
          }
          case 'threw':
            broken('threw', message.message);
            // What it left behind in its process would disturb the next run.
            drop(slot);
        }
      };
      const exited = (code: number | null, signal: string | null) => {
        const how = signal === null ? `with code ${code}` : `by ${signal}`;
        // What it wrote last arrives after its end.
        const ending = slot.ready ? 'crashed' : 'notLoaded';
        setImmediate(() => broken(ending, `The process ended ${how}. Its last words: ${slot.log.trim() || 'none'}`));
      };
      const failed = (error: Error) => broken('crashed', error.message);
      const longest = setTimeout(() => hang(`It was not over after ${longestMs / 1_000} s.`), longestMs);

      child.on('message', hear);
      child.once('exit', exited);
      child.once('error', failed);
      alive();
      const message: RunMessage = { id, schedule, options, trace: trace !== undefined };
      child.send(message, (error) => {
        // Its exit says more; this is only for a channel that closed without one.
        if (error && child.exitCode === null && child.signalCode === null) drop(slot);
      });
    });
  }

  /** Ends the child of a slot; the next run there starts another. */
  function drop(slot: Slot): void {
    const { child } = slot;
    delete slot.child;
    child?.kill('SIGKILL');
  }

  return {
    workers,
    run(schedule, { options = {}, trace } = {}) {
      if (closed) return Promise.reject(new Error('The runner is closed.'));
      return new Promise((resolve) => {
        waiting.push({ schedule, options, resolve, ...(trace === undefined ? {} : { trace }) });
        serveWaiting();
      });
    },
    async close() {
      closed = true;
      for (const { schedule, resolve } of waiting.splice(0)) {
        const breach = { invariant: 'crashed', at: 0, subject: 'simulation', message: 'The runner was closed.' };
        resolve({ schedule, ending: 'crashed', breaches: [breach], journal: [], seconds: 0 });
      }
      await Promise.all(
        slots.map(async ({ child }) => {
          if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
          const gone = new Promise((resolve) => child.once('exit', resolve));
          child.kill('SIGKILL');
          await gone;
        }),
      );
    },
  };
}

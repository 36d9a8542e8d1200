import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import type { Clock } from './context.ts';

/** Node's timers hold at most this many milliseconds; a longer wait is made of several. */
const longestTimer = 2 ** 31 - 1;

/** A clock whose waits end with the cloud. */
export interface ClosableClock extends Clock {
  /** Cancels every task that has not run. */
  close(): void;
}

/** Time that passes only when told: a day of the cloud's life takes as long as its work. */
export interface VirtualClock extends ClosableClock {
  /** Moves time on by `ms`, running what falls due in the order of (instant, insertion). */
  advance(ms: number): Promise<void>;
  /** Runs everything that is due at any time, until nothing is. Stops with an error after `limit` tasks. */
  runUntilIdle(limit?: number): Promise<void>;
  /** Moves time on, one task after another, until `promise` settles. Fails when nothing is left to wait for. */
  runUntil<T>(promise: Promise<T>): Promise<T>;
  /** Tasks that have not run. */
  readonly pending: number;
}

/** A task that fails is a defect of the cloud: it ends the process rather than pass unseen. */
function raise(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** The machine's own time. */
export function createRealClock(): ClosableClock {
  const timers = new Set<() => void>();
  const clock: ClosableClock = {
    now: () => Date.now(),
    at(at, task) {
      let timer: NodeJS.Timeout;
      const cancel = (): void => {
        clearTimeout(timer);
        timers.delete(cancel);
      };
      const arm = (): void => {
        const wait = at - Date.now();
        timer = setTimeout(
          () => {
            if (Date.now() < at) return arm();
            timers.delete(cancel);
            void (async () => task())().catch(raise);
          },
          Math.min(Math.max(wait, 0), longestTimer),
        );
      };
      timers.add(cancel);
      arm();
      return cancel;
    },
    sleep: (ms, signal) => sleepOn(clock, ms, signal),
    close() {
      for (const cancel of timers) cancel();
    },
  };
  return clock;
}

/** `sleep` in terms of `at`. */
function sleepOn(clock: Clock, ms: number, signal?: AbortSignal, settled: () => void = () => {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      settled();
      reject(signal.reason as Error);
      return;
    }
    const abort = (): void => {
      cancel();
      settled();
      reject(signal?.reason as Error);
    };
    const cancel = clock.at(clock.now() + ms, () => {
      signal?.removeEventListener('abort', abort);
      settled();
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}

interface Task {
  at: number;
  order: number;
  run: () => void | Promise<void>;
  cancelled: boolean;
}

/** Whether one piece of work that a task began is asleep: time may then move on without it. */
interface Work {
  asleep: number;
  settled: boolean;
}

/** Turns of the event loop given to work that no task began, such as a client that awaits an answer. */
const turnsPerTask = 4;
/** How long, in real time, a promise may stay pending while nothing is due. */
const patienceMs = 2_000;
/** A task that neither ends nor sleeps within this many turns waits for another task (a held poll, for instance). */
const turnsForBusyTask = 40;

/** Time under the control of a test. Begins at `start`, milliseconds since the epoch. */
export function createVirtualClock(start = Date.UTC(2026, 0, 5, 8)): VirtualClock {
  let now = start;
  let order = 0;
  const queue: Task[] = [];
  let live = 0;
  const current = new AsyncLocalStorage<Work>();
  /** Work that the task of this instant began or woke. */
  const atWork = new Set<Work>();

  const before = (a: Task, b: Task): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  const push = (task: Task): void => {
    let index = queue.push(task) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!before(task, queue[parent]!)) break;
      queue[index] = queue[parent]!;
      index = parent;
    }
    queue[index] = task;
  };
  const pop = (): Task | undefined => {
    const first = queue[0];
    const last = queue.pop();
    if (first === undefined || last === undefined || queue.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && before(queue[child + 1]!, queue[child]!)) child += 1;
      if (!before(queue[child]!, last)) break;
      queue[index] = queue[child]!;
      index = child;
    }
    queue[index] = last;
    return first;
  };
  const next = (): Task | undefined => {
    while (queue[0]?.cancelled) pop();
    return queue[0];
  };

  async function settle(): Promise<void> {
    for (let turn = 1; turn <= turnsForBusyTask; turn += 1) {
      await nextTurn();
      for (const work of atWork) if (work.settled || work.asleep > 0) atWork.delete(work);
      if (atWork.size === 0 && turn >= turnsPerTask) return;
    }
    atWork.clear();
  }

  async function run(task: Task): Promise<void> {
    pop();
    live -= 1;
    now = Math.max(now, task.at);
    task.cancelled = true;
    const work: Work = { asleep: 0, settled: false };
    current.run(work, () => {
      void (async () => task.run())().then(
        () => (work.settled = true),
        (error: unknown) => {
          work.settled = true;
          raise(error);
        },
      );
    });
    atWork.add(work);
    await settle();
  }

  const clock: VirtualClock = {
    now: () => now,
    at(at, task) {
      const entry: Task = { at, order: order++, run: task, cancelled: false };
      push(entry);
      live += 1;
      return () => {
        if (entry.cancelled) return;
        entry.cancelled = true;
        live -= 1;
      };
    },
    sleep(ms, signal) {
      const work = current.getStore();
      if (work) work.asleep += 1;
      return sleepOn(clock, ms, signal, () => {
        if (work === undefined) return;
        work.asleep -= 1;
        atWork.add(work);
      });
    },
    async advance(ms) {
      const until = now + ms;
      await settle();
      for (let task = next(); task !== undefined && task.at <= until; task = next()) await run(task);
      now = Math.max(now, until);
    },
    async runUntilIdle(limit = 1_000_000) {
      await settle();
      for (let done = 0, task = next(); task !== undefined; task = next(), done += 1) {
        if (done >= limit) throw new Error(`The virtual clock is not idle after ${String(limit)} tasks.`);
        await run(task);
      }
    },
    async runUntil(promise) {
      const outcome = { settled: false };
      const mark = (): void => {
        outcome.settled = true;
      };
      promise.then(mark, mark);
      await settle();
      while (!outcome.settled) {
        const task = next();
        if (task !== undefined) {
          await run(task);
          continue;
        }
        // A client may be waiting on a timer of its own, which virtual time does not reach.
        const patience = Date.now() + patienceMs;
        while (!outcome.settled && next() === undefined) {
          if (Date.now() > patience) {
            throw new Error('The virtual clock has nothing left to run, and the promise is still pending.');
          }
          await wait(1);
        }
      }
      return promise;
    },
    get pending() {
      return live;
    },
    close() {
      queue.length = 0;
      live = 0;
    },
  };
  return clock;
}

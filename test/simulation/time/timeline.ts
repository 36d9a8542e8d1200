import { AsyncResource } from 'node:async_hooks';
import type { Chance, Clock } from '../../../emulator/core/context.ts';
import { currentProcess, outside } from './process.ts';

/**
 * The one queue of everything that will happen in a simulation. Time stands still while an event is at work and jumps
 * to the next one. Events of the same instant come in an order that the seed decides, so that every order is met.
 */
export interface Timeline extends Clock {
  /** Runs events until `until`, or until nothing is left. Milliseconds since the epoch. */
  run(until: number): Promise<void>;
  /** Events so far. */
  readonly events: number;
  /** Waits for work that takes turns of the real event loop, before the next event comes. */
  during<T>(work: Promise<T>): Promise<T>;
}

interface Event {
  at: number;
  /** Drawn by chance: the order within an instant. */
  tie: number;
  /** Order of insertion, where even chance ties. */
  order: number;
  task: () => void | Promise<void>;
  cancelled: boolean;
}

/** More turns than this mean that some work waits for what only another event can bring. */
const mostTurns = 100_000;

/** More events than this in one instant mean that something goes round in circles. */
const mostAtOnce = 200_000;

/** Node's own, from before the globals are replaced. */
const nextTurn = globalThis.setImmediate;

/** A timeline that begins at `start`, milliseconds since the epoch. */
export function createTimeline(start: number, chance: Chance): Timeline {
  let now = start;
  let order = 0;
  let events = 0;
  const queue: Event[] = [];

  let busy = 0;

  /** Everything in the simulation waits on promises only, which one turn drains, or says that it needs more turns. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn === 0 || busy > 0; turn += 1) {
      if (turn > mostTurns) throw new Error('Work of an event does not end.');
      await new Promise<void>((resolve) => nextTurn(resolve));
    }
  };
  const fail = (error: unknown): void => {
    failure ??= { error };
  };
  let failure: { error: unknown } | undefined;

  const timeline: Timeline = {
    now: () => now,
    at(at, task) {
      // A process's own context goes with its task, as with a real timer. What is outside has none to carry.
      const event: Event = {
        at: Math.max(at, now),
        tie: chance.uniform(),
        order: order++,
        task: currentProcess() === undefined ? task : AsyncResource.bind(task),
        cancelled: false,
      };
      push(queue, event);
      return () => {
        event.cancelled = true;
      };
    },
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const abort = () => {
          cancel();
          reject(signal?.reason as Error);
        };
        const cancel = timeline.at(now + ms, () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        });
        signal?.addEventListener('abort', abort, { once: true });
      });
    },
    async run(until) {
      let atOnce = 0;
      await settle();
      for (;;) {
        const event = queue[0];
        if (event === undefined || event.at > until) break;
        pop(queue);
        if (event.cancelled) continue;
        atOnce = event.at === now ? atOnce + 1 : 0;
        if (atOnce > mostAtOnce) throw new Error(`Time stands still: ${mostAtOnce} events at ${now}.`);
        now = event.at;
        events += 1;
        // Not awaited: a task may sleep until a later event.
        void outside(async () => event.task()).catch(fail);
        await settle();
        if (failure) throw failure.error;
      }
      now = Math.max(now, until);
    },
    async during(work) {
      busy += 1;
      try {
        return await work;
      } finally {
        busy -= 1;
      }
    },
    get events() {
      return events;
    },
  };
  return timeline;
}

function before(one: Event, other: Event): boolean {
  if (one.at !== other.at) return one.at < other.at;
  if (one.tie !== other.tie) return one.tie < other.tie;
  return one.order < other.order;
}

function push(queue: Event[], event: Event): void {
  let index = queue.push(event) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (!before(event, queue[parent]!)) break;
    queue[index] = queue[parent]!;
    index = parent;
  }
  queue[index] = event;
}

function pop(queue: Event[]): void {
  const last = queue.pop();
  if (last === undefined || queue.length === 0) return;
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
}

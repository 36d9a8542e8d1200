import type { Chance } from '../../../emulator/core/context.ts';
import { currentProcess, outside, whenAwake, type Process } from '../time/process.ts';
import type { Timeline } from '../time/timeline.ts';

/** The way between a worker and something outside. */
export interface Link {
  /**
   * One call: it leaves now, takes effect at the other side some time later, and its answer comes back later still. A
   * call that has left takes effect even when its caller dies; a dead caller never hears of it.
   */
  call<T>(effect: () => T | Promise<T>): Promise<T>;
}

/** @param longestMs how long one way takes at most, in milliseconds; asked for each call */
export function createLink(timeline: Timeline, chance: Chance, longestMs: () => number): Link {
  const oneWay = (): number => 1 + Math.floor(chance.uniform() * longestMs());
  return {
    call<T>(effect: () => T | Promise<T>): Promise<T> {
      const caller = currentProcess();
      return new Promise<T>((resolve, reject) => {
        const hear = (answer: () => void): void => {
          const later = (at: number): void =>
            void timeline.at(at, () => whenAwake(caller, timeline.now(), later, answer));
          later(timeline.now() + oneWay());
        };
        timeline.at(timeline.now() + oneWay(), () => {
          // The other side is nobody's process.
          void outside(async () => effect()).then(
            (value) => hear(() => resolve(value)),
            (error: unknown) => hear(() => reject(error)),
          );
        });
      });
    },
  };
}

/** Rejects after `ms` of the caller's time, unless `promise` settles first. */
export function withTimeout<T>(promise: Promise<T>, ms: number, error: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(error()), ms);
    promise.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (failure: unknown) => {
        clearTimeout(timer);
        reject(failure);
      },
    );
  });
}

/** A worker's process as it begins. */
export function newProcess(name: string): Process {
  return { name, alive: true, stoppedUntil: 0, partitioned: false, skewMs: 0 };
}

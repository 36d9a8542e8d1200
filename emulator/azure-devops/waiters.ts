import type { Clock } from '../core/context.ts';

/** Calls that the server holds open until there is something to say. */
export interface Waiters {
  /** Resolves when `wake` is called for the session, after `ms`, or when the caller hangs up. */
  wait(sessionId: string, ms: number, signal: AbortSignal): Promise<void>;
  wake(sessionId: string): void;
  /** Whether a call of the session is held open. */
  has(sessionId: string): boolean;
  close(): void;
}

/** Makes an empty set of waiters; `left` is told when the last call of a session is over. */
export function createWaiters(clock: Clock, left: (sessionId: string) => void): Waiters {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait(sessionId, ms, signal) {
      return new Promise((resolve) => {
        const calls = waiting.get(sessionId) ?? new Set();
        waiting.set(sessionId, calls);
        const cancelTimer = clock.at(clock.now() + ms, done);
        signal.addEventListener('abort', done, { once: true });
        calls.add(done);
        function done(): void {
          if (!calls.delete(done)) return;
          cancelTimer();
          signal.removeEventListener('abort', done);
          if (calls.size === 0) {
            waiting.delete(sessionId);
            left(sessionId);
          }
          resolve();
        }
        if (signal.aborted) done();
      });
    },
    wake(sessionId) {
      for (const done of waiting.get(sessionId) ?? []) done();
    },
    has: (sessionId) => waiting.has(sessionId),
    close() {
      for (const calls of waiting.values()) for (const done of calls) done();
    },
  };
}

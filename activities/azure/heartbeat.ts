import { Context } from '@temporalio/activity';

/** Well within the twenty seconds after which a silent worker counts as dead. */
const intervalMs = 4_000;

/** The activity's memory: what a later attempt finds of an earlier one. */
export interface Progress<T> {
  readonly value: Partial<T>;
  /** Adds to the memory and sends it at once. */
  note(change: Partial<T>): void;
}

/**
 * Runs an activity that heartbeats by itself, also while it waits for a turn or for Azure, and that resumes from what an
 * earlier attempt noted.
 */
export async function withProgress<T extends object, R>(
  work: (progress: Progress<T>, signal: AbortSignal, attempt: number) => Promise<R>,
): Promise<R> {
  const context = Context.current();
  let value = (context.info.heartbeatDetails ?? {}) as Partial<T>;
  const beat = (): void => context.heartbeat(value);
  const timer = setInterval(beat, intervalMs);
  const progress: Progress<T> = {
    get value() {
      return value;
    },
    note(change) {
      value = { ...value, ...change };
      beat();
    },
  };
  try {
    beat();
    return await work(progress, context.cancellationSignal, context.info.attempt);
  } catch (error) {
    // The SDKs name an aborted call in several ways; the engine knows one. This rejects with it.
    if (context.cancellationSignal.aborted) await context.cancelled;
    throw error;
  } finally {
    clearInterval(timer);
  }
}

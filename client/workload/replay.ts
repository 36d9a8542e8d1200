/**
 * Queues jobs when a schedule says, whatever the cloud does meanwhile: a slow answer delays its own job and no other,
 * as with people who push. How late each job was queued is part of the result, so that nobody mistakes a late load
 * for the planned one.
 */

/** One job of a schedule. */
export interface ScheduledJob {
  /** Milliseconds after the start. */
  atMs: number;
  durationSeconds: number;
  /** Which image it wants, in the words of the trace. */
  label: string;
}

/** What a replay came to. */
export interface ReplayResult {
  planned: number;
  queued: number;
  failed: number;
  /** Longest time between a job's moment and the call that queued it. */
  longestLatenessMs: number;
}

/** How to replay. */
export interface ReplayOptions<Job extends ScheduledJob> {
  queue(job: Job): Promise<unknown>;
  /** Called for each job that could not be queued; the replay goes on. */
  failed(job: Job, error: unknown): void;
  /** Called after each answer, in the order of the answers. */
  progress?(result: ReplayResult): void;
  /** Stops queueing; calls that are under way are still awaited. */
  signal: AbortSignal;
  now(): number;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** Replays a schedule to its end, or until the signal fires. */
export async function replay<Job extends ScheduledJob>(
  jobs: Job[],
  { queue, failed, progress, signal, now, wait }: ReplayOptions<Job>,
): Promise<ReplayResult> {
  const result: ReplayResult = { planned: jobs.length, queued: 0, failed: 0, longestLatenessMs: 0 };
  const startedAt = now();
  const calls: Promise<void>[] = [];
  const call = async (job: Job) => {
    try {
      await queue(job);
      result.queued++;
    } catch (error) {
      result.failed++;
      failed(job, error);
    }
    progress?.({ ...result });
  };
  for (const job of jobs.toSorted((a, b) => a.atMs - b.atMs)) {
    const early = startedAt + job.atMs - now();
    if (early > 0) await wait(early, signal);
    if (signal.aborted) break;
    result.longestLatenessMs = Math.max(result.longestLatenessMs, now() - startedAt - job.atMs);
    calls.push(call(job));
  }
  await Promise.all(calls);
  return result;
}

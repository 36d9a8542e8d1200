import { boundsIn, jobsIn, shareEndedBy, type JobDurations } from './job-durations.ts';

/** When the last of a pool's running jobs ends, as far as anybody can say. */
export interface LastJobForecast {
  /** Milliseconds since the epoch; now, where no job runs. */
  at: number;
  /**
   * `history`: with nine chances in ten all of them have ended by then, as this pool's earlier jobs did. `leaseLimit`:
   * the history has nothing to say about one of them, and by then their leases end by force. `noJob`: none runs.
   */
  basis: 'history' | 'leaseLimit' | 'noJob';
  /** Running jobs that it is about. */
  jobs: number;
  /** Earlier jobs that the history knows. */
  known: number;
}

/** A history of fewer jobs says nothing. */
const knownMin = 10;

/** The chance that all have ended by the moment that is told. */
const confidence = 0.9;

/**
 * Forecasts the end of the last of the running jobs. Each is taken to last as the pool's earlier jobs that lasted at
 * least as long as it has by now, and independently of the others: the more jobs run, the later the last one ends.
 *
 * @param since when each running job got its agent; milliseconds since the epoch
 * @param leaseMs longest life of a lease
 */
export function forecastLastJob(
  durations: JobDurations,
  since: readonly number[],
  now: number,
  leaseMs: number,
): LastJobForecast {
  const about = { jobs: since.length, known: jobsIn(durations) };
  if (since.length === 0) return { at: now, basis: 'noJob', ...about };
  const limit = Math.max(now, ...since.map((at) => at + leaseMs));
  if (about.known < knownMin) return { at: limit, basis: 'leaseLimit', ...about };
  const moments = since
    .flatMap((at) => boundsIn(durations).map((bound) => at + bound))
    .filter((moment) => moment > now && moment < limit)
    .toSorted((a, b) => a - b);
  const at = moments.find((moment) => chanceAllEnded(durations, since, now, moment) >= confidence);
  return at === undefined ? { at: limit, basis: 'leaseLimit', ...about } : { at, basis: 'history', ...about };
}

/** A job that lasts longer than all before it makes the chance zero: nobody knows when it ends. */
function chanceAllEnded(durations: JobDurations, since: readonly number[], now: number, moment: number): number {
  return since.reduce((chance, at) => chance * (shareEndedBy(durations, now - at, moment - at) ?? 0), 1);
}

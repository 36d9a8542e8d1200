import { shrink } from '../schedule/shrink.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { Commit } from './commit.ts';
import { failureText, firstBreaches } from './failure.ts';
import type { RunOptions } from './protocol.ts';
import { saveRegression } from './regression.ts';
import type { Runner, RunResult } from './runner.ts';
import { count, newTally, progressLine, type Tally } from './summary.ts';

/** What a run of many schedules is told. */
export interface ManyOptions {
  runner: Runner;
  commit: Commit;
  /** Handed to every run. */
  options?: RunOptions;
  /** Begin no further schedule after the first failure. */
  keepGoing: boolean;
  /** For people. */
  log: (line: string) => void;
  /** Given every line of the journals. */
  trace?: (line: string) => void;
  /** Real milliseconds between two lines of progress; absent: none. */
  progressMs?: number;
}

/** What came of it. */
export interface ManyResult {
  tally: Tally;
  /** In the order in which they ended. */
  failures: RunResult[];
}

/** Runs schedules, as many at once as the runner has children, and tells of failures as they come. */
export async function simulateMany(
  schedules: { count: number; at: (index: number) => Schedule },
  { runner, commit, options = {}, keepGoing, log, trace, progressMs }: ManyOptions,
): Promise<ManyResult> {
  const tally = newTally();
  const failures: RunResult[] = [];
  const began = performance.now();
  const report = () => log(progressLine(tally, schedules.count, (performance.now() - began) / 1_000));
  const progress = progressMs === undefined ? undefined : setInterval(report, progressMs);
  let next = 0;
  // Where the runtime cannot even be loaded, every further schedule would only say so again.
  const goesOn = () => (keepGoing ? !failures.some(({ ending }) => ending === 'notLoaded') : failures.length === 0);
  const work = async () => {
    while (next < schedules.count && goesOn()) {
      const result = await runner.run(schedules.at(next++), { options, ...(trace === undefined ? {} : { trace }) });
      count(tally, result);
      if (result.breaches.length === 0) continue;
      failures.push(result);
      log(failureText(result, commit));
    }
  };
  try {
    await Promise.all(Array.from({ length: runner.workers }, work));
  } finally {
    clearInterval(progress);
  }
  return { tally, failures };
}

/** Bounds of shrinking: of each schedule, and how many are shrunk in one call. */
export interface ShrinkBounds {
  runs: number;
  ms: number;
  schedules: number;
}

/** A few minutes at most: a shrunk schedule is a help, not the result. */
export const shrinkBounds: ShrinkBounds = { runs: 150, ms: 180_000, schedules: 3 };

/**
 * Shrinks the first failure of each invariant and keeps what is left. What hangs is kept as it is: each try would take
 * minutes.
 */
export async function shrinkAndSave(
  failures: readonly RunResult[],
  { runner, commit, options = {}, log }: Pick<ManyOptions, 'runner' | 'commit' | 'options' | 'log'>,
  { folder, bounds = shrinkBounds }: { folder?: string; bounds?: ShrinkBounds } = {},
): Promise<string[]> {
  const files: string[] = [];
  const seen = new Set<string>();
  for (const { schedule, breaches } of failures) {
    for (const { invariant, message } of firstBreaches(breaches)) {
      if (seen.has(invariant) || seen.size >= bounds.schedules || invariant === 'notLoaded') continue;
      seen.add(invariant);
      const ends = performance.now() + bounds.ms;
      const breaksIt = async (candidate: Schedule) =>
        (await runner.run(candidate, { options })).breaches.some((breach) => breach.invariant === invariant);
      const { schedule: small, runs } =
        invariant === 'hung'
          ? { schedule, runs: 0 }
          : await shrink(schedule, breaksIt, { runs: bounds.runs, spent: () => performance.now() > ends });
      const file = await saveRegression(
        {
          invariant,
          foundAt: `${commit.commit}${commit.dirty ? ' with changes' : ''}`,
          note: `${message.split('\n')[0] ?? ''} Shrunk in ${runs} runs from the schedule of seed ${schedule.seed}.`,
          schedule: small,
        },
        folder,
      );
      files.push(file);
      log(`${invariant}: ${sizeOf(schedule)} shrunk to ${sizeOf(small)} in ${runs} runs, kept as ${file}`);
    }
  }
  return files;
}

function sizeOf({ pools, jobs, verbs, faults, disturbances }: Schedule): string {
  return `${pools.length} pools, ${jobs.length} jobs, ${verbs.length} verbs, ${faults.length} faults, ${disturbances.length} disturbances`;
}

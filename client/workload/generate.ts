import { createHash } from 'node:crypto';
import type { TraceRow } from './trace.ts';

/** What to generate. */
export interface GenerateOptions {
  /** The same seed gives the same jobs, on every machine and in every version of Node. */
  seed: number | string;
  /** How many jobs, exactly; a whole number from 0. */
  jobs: number;
  /** The first and last possible arrival are this far apart; more than 0. */
  spanSeconds: number;
  /** Images that jobs want. The n-th is wanted 1/n as often as the first. */
  labels: readonly string[];
  /** Mean number of jobs in a run of a pipeline; 3 when absent, at least 1. */
  meanFanOut?: number;
  /** Durations in seconds; median 300, from 10 to 7,200 when absent. `sigma` is that of the logarithm; 0.8 when absent. */
  durations?: { median: number; minimum: number; maximum: number; sigma?: number };
  /** Moment of the earliest possible arrival, in milliseconds since the epoch; a Monday at 09:00 UTC when absent. */
  startAt?: number;
}

/** What `samples/workload.csv` was generated from: a minute of a small team, for a pool with ubuntu and debian. */
export const sampleOptions: GenerateOptions = {
  seed: 1,
  jobs: 24,
  spanSeconds: 60,
  labels: ['ubuntu', 'debian'],
  durations: { median: 7, minimum: 3, maximum: 15, sigma: 0.5 },
};

const defaultStartAt = Date.UTC(2026, 0, 5, 9);
const defaultDurations = { median: 300, minimum: 10, maximum: 7_200 };
const defaultMeanFanOut = 3;
const defaultSigma = 0.8;

/**
 * Invents jobs that look like those of a CI system: people start runs independently of each other, a run fans out into
 * several jobs at one moment, most jobs are short and a few are very long.
 *
 * - Runs arrive as a Poisson process. Its arrivals, once their number is given, are independent and uniform over the
 *   span; that is how the number of jobs can be exact.
 * - A run has a geometric number of jobs, and each job wants a label of its own.
 * - Durations are log-normal, drawn again while outside their bounds, in whole seconds.
 *
 * @throws RangeError where an option is outside its range
 */
export function generateWorkload(options: GenerateOptions): TraceRow[] {
  refuseOptions(options);
  const { seed, jobs, spanSeconds, labels, meanFanOut = defaultMeanFanOut, startAt = defaultStartAt } = options;
  const next = uniforms(seed);
  const rows: TraceRow[] = [];
  for (let run = 1; rows.length < jobs; run++) {
    const arrivalAt = startAt + Math.floor(next() * spanSeconds) * 1_000;
    const size = Math.min(jobs - rows.length, geometric(next(), meanFanOut));
    for (let job = 0; job < size; job++) {
      rows.push({
        arrivalAt,
        durationSeconds: duration(next, options.durations ?? defaultDurations),
        label: chosenLabel(next(), labels),
        group: `pipeline-${run}`,
      });
    }
  }
  return rows.toSorted((a, b) => a.arrivalAt - b.arrivalAt);
}

/**
 * Numbers from 0 (included) to 1 (excluded), each from the hash of the seed and its position. A hash is an even stream
 * that no release of Node or of a library changes, and thousands of jobs need no faster one.
 */
function uniforms(seed: number | string): () => number {
  let position = 0;
  return () => createHash('sha256').update(`${seed}/${position++}`).digest().readUIntBE(0, 6) / 2 ** 48;
}

function geometric(uniform: number, mean: number): number {
  return mean === 1 ? 1 : 1 + Math.floor(Math.log(1 - uniform) / Math.log(1 - 1 / mean));
}

/** Cutting off at the bounds would heap jobs up there, so a duration outside is drawn again; not for ever. */
function duration(
  next: () => number,
  { median, minimum, maximum, sigma = defaultSigma }: NonNullable<GenerateOptions['durations']>,
): number {
  let seconds = median;
  for (let attempt = 0; attempt < 20; attempt++) {
    // Box and Muller's transform of two even numbers into one normal one.
    const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    seconds = Math.round(median * Math.exp(sigma * normal));
    if (seconds >= minimum && seconds <= maximum) return seconds;
  }
  return Math.min(maximum, Math.max(minimum, seconds));
}

function chosenLabel(uniform: number, labels: readonly string[]): string {
  const total = labels.reduce((sum, _, index) => sum + 1 / (index + 1), 0);
  let left = uniform * total;
  return labels.find((_, index) => (left -= 1 / (index + 1)) < 0) ?? labels[0] ?? '';
}

function refuseOptions({ jobs, spanSeconds, labels, meanFanOut = 1, durations }: GenerateOptions): void {
  const wrong: string[] = [];
  if (!Number.isSafeInteger(jobs) || jobs < 0) wrong.push(`jobs is ${jobs}, not a whole number from 0`);
  if (!(spanSeconds > 0 && spanSeconds < Infinity)) wrong.push(`spanSeconds is ${spanSeconds}, not a number above 0`);
  if (labels.length === 0) wrong.push('labels is empty');
  if (labels.some((label) => label.trim() === '')) wrong.push('labels has an empty one');
  if (!(meanFanOut >= 1 && meanFanOut < Infinity)) wrong.push(`meanFanOut is ${meanFanOut}, not a number from 1`);
  if (durations) {
    const { median, minimum, maximum, sigma = defaultSigma } = durations;
    if (!(minimum > 0 && minimum <= median && median <= maximum && maximum < Infinity)) {
      wrong.push(`durations are ${minimum} to ${maximum} around ${median}, not 0 < minimum <= median <= maximum`);
    }
    if (!(sigma >= 0 && sigma < Infinity)) wrong.push(`durations.sigma is ${sigma}, not a number from 0`);
  }
  if (wrong.length > 0) throw new RangeError(`No workload can be generated: ${wrong.join('; ')}.`);
}

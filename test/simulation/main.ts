/**
 * `npm run simulate`: runs fault schedules on virtual time. What it is and how to read it: docs/simulation.md.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { readTrace } from '../../client/cli/trace-file.ts';
import { OdpError } from '../../client/sdk/error.ts';
import type { Mutation } from './mutations/mutations.ts';
import { chooseMutations, runMutation } from './mutations/run-mutations.ts';
import { currentCommit } from './report/commit.ts';
import { readSchedule } from './report/regression.ts';
import { createRunner } from './report/runner.ts';
import { parseSeeds } from './report/seeds.ts';
import { shrinkAndSave, simulateMany } from './report/simulate-many.ts';
import { figure, progressLine } from './report/summary.ts';
import { scheduleOf } from './schedule/schedule-of.ts';
import type { Schedule } from './schedule/schedule.ts';

const usage = `usage: npm run simulate -- [--seeds 1..200] [options]
  --seeds LIST      seeds such as 1..200 or 1..200,999; by default 1..200
  --seed N          one seed
  --schedule FILE   one schedule: a file of test/simulation/regressions, or a schedule alone
  --arrivals FILE   jobs from a trace (CSV, also as .gz) in place of invented ones
  --trace           print every line of the journals on standard error; one seed at a time
  --print           print the schedule of one seed as JSON on standard output, and run nothing
  --workers N       child processes; by default 2
  --keep-going      do not stop at the first failure
  --no-shrink       keep no failing schedule: do not shrink it, do not save it
  --json            no progress on standard error
  --mutations       plant each known bug in a copy of the product, and see which seed finds it
  --mutation NAME   plant one; may be given several times
Prints one line of JSON on standard output. Exit code: 0, 1 when anything was broken, 2 when the call was wrong.`;

const options = {
  seeds: { type: 'string' },
  seed: { type: 'string' },
  schedule: { type: 'string' },
  arrivals: { type: 'string' },
  trace: { type: 'boolean' },
  print: { type: 'boolean' },
  workers: { type: 'string' },
  'keep-going': { type: 'boolean' },
  'no-shrink': { type: 'boolean' },
  json: { type: 'boolean' },
  mutations: { type: 'boolean' },
  mutation: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Every planted bug must be found within these. */
const mutationSeeds = '1..500';

/** Between two lines of progress. */
const progressMs = 10_000;

/** The longest list of failed seeds in the summary. */
const failedSeedsMax = 100;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const seeds = parseSeeds(values.seed ?? values.seeds ?? '1..200');
  const workers = wholeNumber('--workers', values.workers ?? '2', 64);
  if (values.mutations || values.mutation) {
    return await plant(chooseMutations(values.mutation), values.seed ?? values.seeds ?? mutationSeeds, workers);
  }
  const schedules = await schedulesOf(values, seeds);
  if (values.print) {
    process.stdout.write(`${JSON.stringify(schedules.at(0), null, 2)}\n`);
    return 0;
  }
  let interrupted = false;
  // The runs that an interruption ends did not fail.
  const log = (line: string) => void (interrupted || process.stderr.write(`${line}\n`));
  const commit = await currentCommit();
  const runner = createRunner({ workers: values.trace ? 1 : Math.min(workers, schedules.count) });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      log(`ended by ${signal}`);
      interrupted = true;
      void runner.close().then(() => process.exit(130));
    });
  }
  try {
    const began = performance.now();
    const many = { runner, commit, log, keepGoing: values['keep-going'] ?? false };
    const { tally, failures } = await simulateMany(schedules, {
      ...many,
      ...(values.trace ? { trace: log } : {}),
      ...(values.json || values.trace ? {} : { progressMs }),
    });
    const seconds = (performance.now() - began) / 1_000;
    if (!values.json) log(progressLine(tally, schedules.count, seconds));
    const kept = values['no-shrink'] || schedules.kept ? [] : await shrinkAndSave(failures, many);
    const summary = {
      command: ['npm run simulate --', ...args].join(' '),
      ...commit,
      seeds: values.schedule ?? values.seed ?? values.seeds ?? '1..200',
      schedules: tally.schedules,
      failed: tally.failed,
      breaches: tally.breaches,
      broken: tally.broken,
      ...tally.figures,
      seconds: Math.round(seconds * 10) / 10,
      activationsPerSecond: Math.round(figure(tally, 'activations') / seconds),
      workers: runner.workers,
      failedSeeds: failures.slice(0, failedSeedsMax).map(({ schedule }) => schedule.seed),
      kept: kept.length,
    };
    process.stdout.write(`${JSON.stringify(summary)}\n`);
    return tally.failed > 0 ? 1 : 0;
  } catch (error) {
    if (interrupted) return 130;
    throw error;
  } finally {
    await runner.close();
  }
}

/** One line of JSON for each planted bug; 1 when one was not found. */
async function plant(chosen: readonly Mutation[], seeds: string, workers: number): Promise<number> {
  let missed = 0;
  for (const mutation of chosen) {
    const result = await runMutation(mutation, seeds, workers);
    if (!result.caught) missed += 1;
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
  return missed > 0 ? 1 : 0;
}

interface Schedules {
  count: number;
  at: (index: number) => Schedule;
  /** They come from a file that is kept already. */
  kept: boolean;
}

async function schedulesOf(
  { schedule: file, arrivals }: { schedule?: string | undefined; arrivals?: string | undefined },
  seeds: readonly number[],
): Promise<Schedules> {
  if (file !== undefined) {
    const { schedule, regression } = readSchedule(await readFile(file, 'utf8'));
    return { count: 1, at: () => schedule, kept: regression !== undefined };
  }
  const rows = arrivals === undefined ? {} : { arrivals: await readTrace(arrivals) };
  return { count: seeds.length, at: (index) => scheduleOf(seeds[index] ?? 0, rows), kept: false };
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new RangeError(`${option} must be a whole number from 1 to ${most}; it is "${text}".`);
}

/** A call that cannot be carried out, as opposed to a defect of ours. */
function isUsage(error: unknown): error is Error {
  if (error instanceof RangeError || error instanceof SyntaxError || error instanceof OdpError) return true;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code.startsWith('ERR_PARSE_ARGS') || code === 'ENOENT';
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (isUsage(error)) {
      process.stderr.write(`error: ${error.message}\n${usage}\n`);
      process.exit(2);
    }
    process.stderr.write(`error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);

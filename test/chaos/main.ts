import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machineFacts } from '../../bench/machine.ts';
import { runBatch, type BatchReport } from './batch.ts';
import { makeBundles } from './bundles.ts';
import { nemesisPlanOf } from './nemesis-plan.ts';
import { chaosScheduleOf } from './schedule.ts';

/**
 * `npm run chaos -- --schedules N`: runs N schedules on the real engine, several at a time as pools of one stack, and
 * prints one line of JSON. Exit code 1 on any breach.
 */
const usage = `usage: npm run chaos -- --schedules N [--seed 1] [--parallel 10] [--window 90] [--keep] [--json]
  --schedules  how many, with the seeds from --seed on
  --parallel   schedules that share a stack; the seed of the first is the seed of what is done to that stack
  --window     seconds of faults in each batch
  --keep       keeps state and logs also when nothing broke
  --json       nothing but the line of JSON`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      schedules: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      parallel: { type: 'string', default: '10' },
      window: { type: 'string', default: '90' },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const [count, firstSeed, parallel, window] = [values.schedules, values.seed, values.parallel, values.window].map(
    Number,
  ) as [number, number, number, number];
  if (![count, firstSeed, parallel, window].every((value) => Number.isSafeInteger(value) && value > 0)) {
    process.stderr.write(`error: the numbers must be whole and above 0\n${usage}\n`);
    return 2;
  }
  const say = (line: string) => void (values.json || process.stderr.write(`${line}\n`));
  const commit = commitNow();
  const began = Date.now();
  const folder = await mkdtemp(join(tmpdir(), 'odp-chaos-'));
  const reports: BatchReport[] = [];
  try {
    say('bundling the two versions of the workflows …');
    const bundles = await makeBundles(folder);
    for (let done = 0; done < count; done += parallel) {
      const seed = firstSeed + done;
      const seeds = Array.from({ length: Math.min(parallel, count - done) }, (_, index) => seed + index);
      const chaosMs = window * 1_000;
      const schedules = seeds.map((one) => chaosScheduleOf(one, chaosMs));
      const report = await runBatch({ schedules, nemesis: nemesisPlanOf(seed, chaosMs) }, bundles, {
        keep: values.keep,
      });
      reports.push(report);
      say(wordsOf(report));
      if (values.keep) say(`state and logs: ${report.folder}`);
      if (report.breaches.length > 0) tell(report, { commit, window });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(
    `${JSON.stringify({ command: 'chaos', commit, ...summaryOf(reports), seconds: Math.round((Date.now() - began) / 1_000), machine: machineFacts() })}\n`,
  );
  return reports.some(({ breaches }) => breaches.length > 0) ? 1 : 0;
}

function wordsOf({ seeds, jobs, machines, strikes, servedMs, goneMs, breaches, seconds }: BatchReport): string {
  const struck = Object.values(strikes).reduce((sum, times) => sum + times, 0);
  return (
    `seeds ${seeds[0]}..${seeds.at(-1)}: ${jobs} jobs, ${machines} machines, ${struck} strikes, served after ` +
    `${Math.round(servedMs / 1_000)} s, gone after ${Math.round(goneMs / 1_000)} s, ${breaches.length} breaches, ${seconds} s`
  );
}

/** Says what broke and how to see it again: the same plan; real time makes the interleaving another each time. */
function tell({ seeds, breaches, folder }: BatchReport, { commit, window }: { commit: string; window: number }): void {
  const [seed = 0] = seeds;
  for (const { invariant, subject, message } of breaches.slice(0, 20)) {
    process.stderr.write(`SEED=${seed} COMMIT=${commit} broke ${invariant}: ${subject}: ${message}\n`);
  }
  if (breaches.length > 20)
    process.stderr.write(`and ${breaches.length - 20} more, in ${join(folder, 'report.json')}\n`);
  process.stderr.write(
    `state and logs: ${folder}\n` +
      `again: npm run chaos -- --schedules ${seeds.length} --seed ${seed} --parallel ${seeds.length} --window ${window}\n`,
  );
}

function summaryOf(reports: readonly BatchReport[]): Record<string, unknown> {
  const sum = (of: (report: BatchReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const most = (of: (report: BatchReport) => number) => Math.max(0, ...reports.map(of));
  const seeds = reports.flatMap((report) => report.seeds);
  return {
    seeds: `${seeds[0]}..${seeds.at(-1)}`,
    schedules: seeds.length,
    batches: reports.length,
    jobs: sum(({ jobs }) => jobs),
    machines: sum(({ machines }) => machines),
    workflows: sum(({ workflows }) => workflows),
    replays: sum(({ replays }) => replays),
    strikes: byKind(reports.map(({ strikes }) => strikes)),
    faults: byKind(reports.map(({ faults }) => faults)),
    connectionsReset: sum(({ resets }) => resets),
    workersThatEndedBySelf: sum(({ ownExits }) => ownExits),
    longestUntilServedSeconds: Math.round(most(({ servedMs }) => servedMs) / 1_000),
    longestUntilGoneSeconds: Math.round(most(({ goneMs }) => goneMs) / 1_000),
    boundSeconds: Math.round(most(({ boundMs }) => boundMs) / 1_000),
    breaches: sum(({ breaches }) => breaches.length),
  };
}

function byKind(counts: readonly Record<string, number>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const one of counts) for (const [kind, times] of Object.entries(one)) total[kind] = (total[kind] ?? 0) + times;
  return Object.fromEntries(Object.entries(total).toSorted(([a], [b]) => a.localeCompare(b, 'en')));
}

/** The commit that runs, marked when files differ from it. */
function commitNow(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '-dirty' : '');
  } catch {
    return 'unknown';
  }
}

// Leaving ends the processes of the batch that runs.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    if (error instanceof Error && error.cause instanceof Error) process.stderr.write(`${error.cause.stack}\n`);
    process.exit(1);
  },
);

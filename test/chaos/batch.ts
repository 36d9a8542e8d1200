import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { knownErrorCodes } from '../../domain/error-catalogue.ts';
import { installationLimits } from '../../domain/installation.ts';
import type { Breach } from '../../domain/invariants/account.ts';
import { checkAccount } from '../../domain/invariants/invariants.ts';
import { accountOf, type Witnesses } from './account.ts';
import { fetchHistories, replayAll, textOf, type RunHistory } from '../support/account/histories.ts';
import { openArena, type Arena } from './arena.ts';
import type { Bundles } from './bundles.ts';
import { runOdp } from './command-line.ts';
import { developersOf } from './developers.ts';
import { injectFaults, type FaultCounts } from './injection.ts';
import type { NemesisPlan } from './nemesis-plan.ts';
import { runNemesis, type Strikes } from './nemesis.ts';
import { operatorsOf } from './operators.ts';
import { deleteAll, notYetGone, notYetServed } from './progress.ts';
import { boundMs } from './quiet.ts';
import type { ChaosSchedule } from './schedule.ts';
import { findSecrets, logsIn, secretsOf } from './secrets.ts';

/** Schedules that share one stack, and what is done to that stack. */
export interface Batch {
  schedules: readonly ChaosSchedule[];
  nemesis: NemesisPlan;
}

/** What a batch came to. */
export interface BatchReport {
  seeds: number[];
  breaches: Breach[];
  /** State and logs; kept only when there are breaches. */
  folder: string;
  strikes: Strikes;
  faults: FaultCounts;
  jobs: number;
  machines: number;
  workflows: number;
  events: number;
  replays: number;
  /** Connections that the links reset. */
  resets: number;
  /** Workers that ended though nobody killed them. */
  ownExits: number;
  /** From the end of the faults until every job had ended and every pool was as declared. */
  servedMs: number;
  /** From the deletion of the pools until nothing was left. */
  goneMs: number;
  /** What the bound was for each of the two. */
  boundMs: number;
  seconds: number;
}

export interface BatchOptions {
  /** Keeps state and logs also when nothing broke. */
  keep?: boolean;
}

/** A latency of the embedded cloud of 1 is as slow as the real one: a machine comes and goes within some seconds. */
const scale = 0.05;

/** Commands whose words must hold no secret. */
const commands: readonly string[][] = [
  ['pool', 'list'],
  ['agent', 'list', '--output', 'json'],
  ['job', 'list', '--output', 'yaml'],
];

/** Runs a batch: faults and strikes, then quiet, then the checks. */
export async function runBatch(batch: Batch, bundles: Bundles, options: BatchOptions = {}): Promise<BatchReport> {
  const began = Date.now();
  const { schedules, nemesis } = batch;
  const stop = new AbortController();
  const arena = await openArena(nemesis.workers, bundles, { scale });
  let keep = true;
  try {
    await writeFile(join(arena.stack.folder, 'chaos.json'), JSON.stringify(batch, undefined, 2));
    const operators = operatorsOf(arena, stop.signal);
    const operating = Promise.all(schedules.map((schedule) => operators.run(schedule)));
    operating.catch(() => {});
    const [strikes, faults, cancelled] = await Promise.all([
      runNemesis(nemesis, arena),
      injectFaults(schedules, arena),
      runJobs(schedules, arena),
      sleep(nemesis.chaosMs),
    ]);
    await arena.stack.clearFaults();
    arena.note('quiet');
    const witnesses = { schedules, operators, cancelled, quietFrom: Date.now() };

    const bound = boundMs(schedules);
    const [first] = schedules;
    const printed: { where: string; text: string }[] = [];
    for (const args of [...commands, ['pool', 'show', first?.pool ?? ''], ['pool', 'explain', first?.pool ?? '']]) {
      printed.push({ where: `odp ${args.join(' ')}`, text: await runOdp(arena.stack, args) });
    }
    const served = await converge(arena, bound, async () => [
      ...operators.pending,
      ...(await notYetServed(arena, schedules)),
    ]);
    const standing = await judged(arena, witnesses, await fetchHistories(arena.odp));
    await deleteAll(arena, operators);
    const gone = await converge(arena, bound, () => notYetGone(arena));

    const fetched = await fetchHistories(arena.odp);
    const failures = await replayAll(fetched, bundles.current);
    const histories = fetched.map((run) => ({ ...run, ...optional('replayFailure', failures.get(run.runId)) }));
    const texts = [
      ...printed,
      ...(await logsIn(arena.stack.folder)),
      ...histories.map((run) => ({ where: `history of ${run.workflowId}`, text: textOf(run) })),
    ];
    const breaches: Breach[] = unique([
      ...operators.breaches,
      ...late('served', served.missing, bound),
      ...late('gone', gone.missing, bound),
      ...standing,
      ...(await judged(arena, witnesses, histories)),
      ...findSecrets(await secretsOf(arena.stack.cloud), texts),
    ]);
    const report: BatchReport = {
      seeds: schedules.map(({ seed }) => seed),
      breaches,
      folder: arena.stack.folder,
      strikes,
      faults,
      jobs: (await arena.stack.ledger('job')).filter(({ event }) => event === 'queued').length,
      machines: (await arena.stack.ledger('machine')).filter(({ event }) => event === 'createAccepted').length,
      workflows: new Set(histories.map(({ workflowId }) => workflowId)).size,
      events: histories.reduce((sum, { history }) => sum + (history.events?.length ?? 0), 0),
      replays: histories.length,
      resets: arena.links.reduce((sum, { reset }) => sum + reset, 0),
      ownExits: arena.workers.reduce((sum, { ownExits }) => sum + ownExits, 0),
      servedMs: served.ms,
      goneMs: gone.ms,
      boundMs: bound,
      seconds: Math.round((Date.now() - began) / 1_000),
    };
    keep = breaches.length > 0 || options.keep === true;
    await writeFile(join(arena.stack.folder, 'report.json'), JSON.stringify(report, undefined, 2));
    return report;
  } catch (error) {
    arena.note(`the run itself failed: ${error instanceof Error ? error.stack : String(error)}`);
    throw new Error(`The run itself failed; state and logs are in ${arena.stack.folder}`, { cause: error });
  } finally {
    stop.abort();
    await arena.close({ keep });
  }
}

/** How much longer than the faults developers go on to push what was not taken. */
const patienceMs = 30_000;

/** Developers push and cancel, each job at its moment. */
async function runJobs(schedules: readonly ChaosSchedule[], arena: Arena): Promise<Witnesses['cancelled']> {
  const cancelled: { at: number; buildId: number }[] = [];
  const developers = await developersOf(arena);
  const { startedAt, note } = arena;
  await Promise.all(
    schedules.flatMap(({ jobs, chaosMs }) =>
      jobs.map(async (job) => {
        const until = startedAt + chaosMs + patienceMs;
        await sleep(Math.max(0, startedAt + job.at - Date.now()));
        const queued = await developers.queue(job, until);
        note(`job for ${job.pool}: ${JSON.stringify(queued)}`);
        if (queued.kind !== 'queued' || job.cancelAfterMs === undefined) return;
        await sleep(job.cancelAfterMs);
        if (Date.now() > until) return;
        const at = Date.now();
        // Also one whose answer was lost may have taken effect.
        cancelled.push({ at, buildId: queued.buildId });
        note(`cancel build ${queued.buildId}: ${await developers.cancel(queued.buildId, until)}`);
      }),
    ),
  );
  return cancelled;
}

const lookMs = 1_000;

/** Waits until nothing is missing. A look that fails is no end: an engine that was killed takes its time. */
async function converge(
  { note }: Arena,
  bound: number,
  look: () => Promise<string[]>,
): Promise<{ ms: number; missing: string[] }> {
  const began = Date.now();
  let missing = ['nothing was seen yet'];
  for (;;) {
    missing = await look().catch((error: unknown) => [`a look failed: ${String(error)}`]);
    const ms = Date.now() - began;
    note(`${missing.length} missing: ${missing.slice(0, 5).join('; ')}`);
    if (missing.length === 0 || ms > bound) return { ms, missing };
    await sleep(lookMs);
  }
}

function late(what: string, missing: readonly string[], bound: number): Breach[] {
  return missing.map((one) => ({
    invariant: 'liveness',
    at: Date.now(),
    subject: what,
    message: `${one}, ${bound / 1_000} s after the last disturbance.`,
  }));
}

/** What two accounts of one run both show is one breach. */
function unique(breaches: readonly Breach[]): Breach[] {
  const keyOf = ({ invariant, subject, message }: Breach) => `${invariant} ${subject} ${message}`;
  return [...new Map(breaches.map((breach) => [keyOf(breach), breach])).values()];
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: V };
}

/** Every promise, held against the run as it stands now. */
async function judged(arena: Arena, witnesses: Witnesses, histories: readonly RunHistory[]): Promise<Breach[]> {
  const account = await accountOf(arena, witnesses, histories);
  return checkAccount(account, { limits: installationLimits(arena.stack.installation), knownErrors: knownErrorCodes });
}

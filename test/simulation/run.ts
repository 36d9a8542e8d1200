import './time/globals.ts';
import type { Breach } from '../../domain/invariants/account.ts';
import type { LedgerEntry } from '../../emulator/core/context.ts';
import { createWorkflowRuntime, type WorkflowRuntime } from './engine/sdk.ts';
import { createJournal } from './journal.ts';
import type { EngineChance, Schedule } from './schedule/schedule.ts';
import { breachesOf, holdsTold, secretsOf, type Trial } from './world/judge.ts';
import { createNemesis, type Nemesis } from './world/nemesis.ts';
import { createPeople, type People } from './world/people.ts';
import { createWorld, simulationStart, type World } from './world/world.ts';

/** What came of one simulated run. */
export interface SimulationOutcome {
  breaches: Breach[];
  /** Over the whole journal: the same schedule on the same code has the same one, on any machine. */
  digest: string;
  figures: SimulationFigures;
  /** The last lines of the journal. */
  journal: string[];
}

export interface SimulationFigures {
  activations: number;
  activities: number;
  replays: number;
  virtualMs: number;
  machines: number;
  jobs: number;
  workflows: number;
  /** How often each kind of fault struck: of the cloud, of the engine, of the nemesis. */
  faults: Record<string, number>;
  [more: string]: number | Record<string, number>;
}

export interface SimulateOptions {
  /** Given every line of the journal as it is written. */
  trace?: (line: string) => void;
}

/** The engine in the quiet window: nothing gets lost any more. */
const quiet = { loseTask: 0, evict: 0, refuseCall: 0, loseResult: 0 } as const;

/** How often the quiet window looks whether everything has come to rest; milliseconds. */
const lookMs = 5 * 60_000;

/** The activities that run within workflow tasks; the SDK wants to know their names. */
const localActivities = new Set(['resolvePool']);

let runtime: Promise<WorkflowRuntime> | undefined;

/**
 * Runs a schedule: the product's workflows on the SDK's runtime and its activities with real clients, against the
 * embedded cloud, under virtual time. One at a time in a process, because time is the whole process's.
 */
export async function simulate(schedule: Schedule, { trace }: SimulateOptions = {}): Promise<SimulationOutcome> {
  runtime ??= createWorkflowRuntime(localActivities);
  const world = createWorld(schedule, await runtime, (timeline) => createJournal(timeline, trace));
  try {
    noteLedger(world);
    const people = createPeople(world);
    const nemesis = createNemesis(world);
    const strikes = countStrikes(world);
    arrange(schedule, world, people, nemesis, strikes);
    await world.timeline.run(simulationStart + schedule.chaosMs);
    calm(world, schedule);
    const trial = { schedule, world, people, nemesis };
    const breaches = await untilConverged({ ...trial, told: await holdsTold(trial) });
    for (const { invariant, subject, message } of breaches)
      world.journal.note('judge', `${invariant} ${subject}: ${message}`);
    return {
      breaches,
      digest: world.journal.digest(),
      figures: figuresOf(world, people, nemesis, strikes),
      journal: world.journal.last(),
    };
  } finally {
    world.close();
  }
}

/**
 * Lets the quiet window pass until everything has converged, or until its end: what is then still wrong is a breach.
 * Never shorter than two audits take, so that what comes late is seen.
 */
async function untilConverged(trial: Trial): Promise<Breach[]> {
  const { schedule, world } = trial;
  const { audit } = schedule.limits;
  const end = simulationStart + schedule.endMs;
  let at = simulationStart + schedule.chaosMs + 2 * audit.everyMs + audit.newbornMs + audit.confirmMs;
  for (; at < end; at += lookMs) {
    await world.timeline.run(at);
    if ((await breachesOf(trial)).length === 0) return secretsOf(trial);
  }
  await world.timeline.run(end);
  return [...(await breachesOf(trial)), ...secretsOf(trial)];
}

/** Puts everything that the schedule says on the timeline. */
function arrange(schedule: Schedule, world: World, people: People, nemesis: Nemesis, strikes: Strikes): void {
  const { timeline, cloud } = world;
  const at = (ms: number, task: () => void | Promise<void>): void =>
    // What people and the nemesis do takes time of its own: nobody waits for it here.
    void timeline.at(simulationStart + ms, () => void task());
  for (const { name, document } of schedule.pools) at(1_000, () => people.apply(name, document));
  for (const verb of schedule.verbs) at(verb.at, () => people.do(verb));
  for (const job of schedule.jobs) at(job.at, () => people.queue(job));
  for (const disturbance of schedule.disturbances) at(disturbance.at, () => nemesis.strike(disturbance));
  for (const { kind, from, until, fault } of schedule.faults) {
    at(from, () => {
      const { id } = cloud.context.faults.add(fault);
      strikes.kinds.set(id, kind ?? fault.effect.kind);
      at(until, () => void cloud.context.faults.remove(id));
    });
  }
  const { everyMs } = schedule.limits.audit;
  for (let ms = everyMs; ms < schedule.endMs; ms += everyMs) {
    at(ms, () => people.audit(`audit/scheduled-${new Date(simulationStart + ms).toISOString()}`));
  }
}

/** The chaos ends: what was broken works again, and workers that were lost have been replaced. */
function calm(world: World, schedule: Schedule): void {
  const { engine, workers, cloud, timeline, journal } = world;
  journal.note('nemesis', 'rests');
  cloud.context.faults.clear();
  const chances: EngineChance = { ...schedule.engine, ...quiet };
  engine.chances = chances;
  engine.downUntil = Math.min(engine.downUntil, timeline.now());
  for (const process of workers.alive) {
    process.partitioned = false;
    process.stoppedUntil = Math.min(process.stoppedUntil, timeline.now());
    process.skewMs = 0;
  }
  if (workers.alive.length === 0) workers.start();
}

/** How often the cloud's faults struck, by their kind. */
interface Strikes {
  /** Kinds by the id of the fault. */
  kinds: Map<string, string>;
  struck: Record<string, number>;
}

function countStrikes({ cloud }: World): Strikes {
  const { faults } = cloud.context;
  const strikes: Strikes = { kinds: new Map(), struck: {} };
  const strike = faults.strike.bind(faults);
  faults.strike = (effects, subject) => {
    const fault = strike(effects, subject);
    const kind = fault && strikes.kinds.get(fault.id);
    if (kind !== undefined) strikes.struck[kind] = (strikes.struck[kind] ?? 0) + 1;
    return fault;
  };
  return strikes;
}

/** Writes the cloud's own account into the journal, all but the calls. */
function noteLedger({ cloud, journal }: World): void {
  const { ledger } = cloud.context;
  const record = ledger.record.bind(ledger);
  ledger.record = (entry) => {
    record(entry);
    const line = lineOf(entry);
    if (line !== undefined) journal.note('cloud', line);
  };
}

function lineOf(entry: LedgerEntry): string | undefined {
  const short = (id: string) => id.split('/').at(-1) ?? id;
  switch (entry.kind) {
    case 'call':
      if (entry.caller === 'agent' || (entry.status < 300 && entry.method === 'GET')) return undefined;
      return `${entry.operation} ${entry.status} ${short(entry.path)}${entry.fault ? ' (fault)' : ''}`;
    case 'machine':
      return `machine ${short(entry.id)} ${entry.event}`;
    case 'resource':
      return `${short(entry.type)} ${short(entry.id)} ${entry.event}`;
    case 'registration':
      return `registration ${entry.name} ${entry.event}`;
    case 'job':
      return `job ${entry.requestId} ${entry.event} ${entry.agentName ?? ''} ${entry.result ?? ''}`;
  }
}

function figuresOf(world: World, people: People, nemesis: Nemesis, strikes: Strikes): SimulationFigures {
  const { engine, cloud, timeline } = world;
  const { ledger } = cloud.context;
  const calls = ledger.entries('call');
  const struck: Record<string, number> = { ...strikes.struck, ...nemesis.strikes };
  const { activations, activities, replays, ...rest } = engine.figures;
  for (const [name, count] of Object.entries(rest)) if (count > 0) struck[name] = count;
  return {
    activations,
    activities,
    replays,
    events: timeline.events,
    virtualMs: timeline.now() - simulationStart,
    machines: ledger.entries('machine').filter(({ event }) => event === 'createAccepted').length,
    jobs: people.queued,
    workflows: engine.allRuns().length,
    calls: calls.length,
    faults: struck,
  };
}

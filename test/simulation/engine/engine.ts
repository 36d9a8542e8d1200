import type { Chance } from '../../../emulator/core/context.ts';
import type { EngineChance } from '../schedule/schedule.ts';
import type { Timeline } from '../time/timeline.ts';
import { ActivityTasks } from './activity-tasks.ts';
import { upsert } from './commands.ts';
import { encode, encodeAll, errorOf } from './payloads.ts';
import type { Run, UpdateRecord, WorkerPool } from './records.ts';
import { timestamp, type Job, type Payload, type WorkflowRuntime } from './sdk.ts';
import { Visibility } from './visibility.ts';
import { WorkflowTasks } from './workflow-tasks.ts';

/** The server refuses more signals than this in one run. */
const mostSignals = 10_000;

/** A breach of what the engine itself can see, such as a workflow task that failed. */
export interface EngineProblem {
  kind: 'workflowTaskFailed';
  at: number;
  workflowId: string;
  message: string;
}

/** How a run begins. */
export interface StartOptions {
  workflowId: string;
  type: string;
  taskQueue: string;
  input: Payload[];
  attributes?: Record<string, string>;
  parent?: Run['parent'];
}

export interface EngineOptions {
  timeline: Timeline;
  chance: Chance;
  runtime: WorkflowRuntime;
  workers: WorkerPool;
  chances: EngineChance;
  note(line: string): void;
}

/** How often what happened; read at the end. */
export interface EngineFigures {
  activations: number;
  activities: number;
  replays: number;
  lostTasks: number;
  unhandledCommands: number;
  timedOutAttempts: number;
  lostResults: number;
  refusedCalls: number;
  engineRestarts: number;
}

/**
 * A Temporal server in memory, under virtual time. It keeps histories as the activations that it handed out; what it
 * has taken from a worker lasts, what was on its way is lost when it is restarted.
 */
export class Engine {
  readonly timeline: Timeline;
  readonly runtime: WorkflowRuntime;
  readonly workers: WorkerPool;
  /** The probabilities in force; all zero in the quiet window. */
  chances: EngineChance;
  readonly activityTasks: ActivityTasks;
  readonly workflowTasks: WorkflowTasks;
  readonly visibility: Visibility;
  /** All runs of each workflow id, the oldest first. */
  readonly runs = new Map<string, Run[]>();
  readonly problems: EngineProblem[] = [];
  readonly figures: EngineFigures = {
    activations: 0,
    activities: 0,
    replays: 0,
    lostTasks: 0,
    unhandledCommands: 0,
    timedOutAttempts: 0,
    lostResults: 0,
    refusedCalls: 0,
    engineRestarts: 0,
  };
  /** Rises with each restart: answers to an earlier life are not taken. */
  epoch = 0;
  /** Set while it is down: when it serves again. */
  downUntil = 0;
  readonly note: (line: string) => void;
  private readonly chance: Chance;

  constructor({ timeline, chance, runtime, workers, chances, note }: EngineOptions) {
    this.timeline = timeline;
    this.chance = chance;
    this.runtime = runtime;
    this.workers = workers;
    this.chances = chances;
    this.note = note;
    this.activityTasks = new ActivityTasks(this);
    this.workflowTasks = new WorkflowTasks(this);
    this.visibility = new Visibility(timeline, chance);
  }

  now(): number {
    return this.timeline.now();
  }

  get down(): boolean {
    return this.downUntil > this.now();
  }

  /** Runs `task` at an instant, or when the engine serves again. */
  at(at: number, task: () => void | Promise<void>): () => void {
    let cancel = this.timeline.at(at, () => {
      if (!this.down) return task();
      cancel = this.at(this.downUntil + this.latency(), task);
    });
    return () => cancel();
  }

  sleep(ms: number): Promise<void> {
    return this.timeline.sleep(ms);
  }

  /** Milliseconds that a message takes. */
  latency(): number {
    return 1 + Math.floor(this.chance.uniform() * this.chances.latencyMs);
  }

  strikes(what: 'loseTask' | 'evict' | 'refuseCall' | 'loseResult'): boolean {
    return this.chance.uniform() < this.chances[what];
  }

  restart(downMs: number): void {
    this.epoch += 1;
    this.figures.engineRestarts += 1;
    this.downUntil = this.now() + downMs;
  }

  problem(kind: EngineProblem['kind'], workflowId: string, message: string): void {
    this.problems.push({ kind, at: this.now(), workflowId, message });
    this.note(`PROBLEM ${kind} ${workflowId}: ${message}`);
  }

  openRun(workflowId: string): Run | undefined {
    const last = this.runs.get(workflowId)?.at(-1);
    return last?.status === 'running' ? last : undefined;
  }

  allRuns(): Run[] {
    return [...this.runs.values()].flat();
  }

  startRun({ workflowId, type, taskQueue, input, attributes = {}, parent }: StartOptions): Run {
    return this.begin({ workflowId, type, taskQueue, input, attributes, ...(parent ? { parent } : {}) }, undefined);
  }

  /** The run that follows when a workflow continues as new. */
  startNext(former: Run, type: string, input: Payload[]): void {
    const { workflowId, taskQueue, attributes, parent } = former;
    const run = this.begin({ workflowId, type, taskQueue, input, attributes, ...(parent ? { parent } : {}) }, former);
    run.states.push(...former.states.splice(0));
    // Updates that the former run had not accepted go on to the next.
    for (const update of former.updates.values()) {
      if (update.accepted) update.settle.reject(new Error('The workflow continued as new before the update ended.'));
      else this.admit(run, update);
    }
    former.updates.clear();
  }

  private begin(options: StartOptions, former: Run | undefined): Run {
    const now = this.now();
    const runId = this.chance.uuid();
    const run: Run = {
      workflowId: options.workflowId,
      runId,
      firstRunId: former?.firstRunId ?? runId,
      type: options.type,
      taskQueue: options.taskQueue,
      startedAt: now,
      randomSeed: Math.floor(this.chance.uniform() * 2 ** 50),
      input: options.input,
      ...(former ? { continuedFrom: former.runId } : {}),
      ...(options.parent ? { parent: options.parent } : {}),
      status: 'running',
      attributes: {},
      states: [],
      events: 1,
      signals: 0,
      pending: [],
      task: 'none',
      taskFailures: 0,
      committed: [],
      flags: [],
      instance: undefined,
      timers: new Map(),
      activities: new Map(),
      updates: new Map(),
      answered: new Map(),
    };
    this.runs.set(run.workflowId, [...(this.runs.get(run.workflowId) ?? []), run]);
    if (former) Object.assign(run.attributes, options.attributes);
    else upsert(this, run, options.attributes ?? {});
    this.note(`${run.workflowId} starts${former ? ' as new' : ''}`);
    this.visibilityChanged(run);
    this.happened(run, {
      initializeWorkflow: {
        workflowType: run.type,
        workflowId: run.workflowId,
        arguments: run.input,
        randomnessSeed: run.randomSeed as never,
        firstExecutionRunId: run.firstRunId,
        attempt: 1,
        startTime: timestamp(now) as never,
        workflowTaskTimeout: { seconds: 10 } as never,
        ...(run.continuedFrom ? { continuedFromExecutionRunId: run.continuedFrom } : {}),
        ...(run.parent
          ? { parentWorkflowInfo: { workflowId: run.parent.workflowId, runId: run.parent.runId, namespace: 'default' } }
          : {}),
      },
    });
    return run;
  }

  /** Adds to what the next task of the run is told. */
  happened(run: Run, job: Job): void {
    if (run.status !== 'running') return;
    run.pending.push(job);
    this.workflowTasks.schedule(run);
  }

  close(run: Run, status: Exclude<Run['status'], 'running'>): void {
    run.status = status;
    run.closedAt = this.now();
    run.events += 1;
    for (const cancel of run.timers.values()) cancel();
    run.timers.clear();
    this.activityTasks.abandonAll(run);
    this.note(`${run.workflowId} ${status}`);
    this.visibilityChanged(run);
    if (status === 'continuedAsNew') return;
    for (const { settle } of run.updates.values()) settle.reject(new Error('The workflow ended before the update.'));
    run.updates.clear();
    this.tellParent(run);
  }

  private tellParent(run: Run): void {
    if (!run.parent) return;
    const { workflowId, runId, seq } = run.parent;
    const parent = this.openRun(workflowId);
    // A parent that continued as new is another run, and is not told.
    if (parent?.runId !== runId) return;
    parent.events += 1;
    const failure = (cause: object) => ({
      message: 'Child Workflow execution failed',
      cause,
      childWorkflowExecutionFailureInfo: {
        workflowExecution: { workflowId: run.workflowId, runId: run.runId },
        workflowType: { name: run.type },
      },
    });
    const result =
      run.status === 'completed'
        ? { completed: { result: encode(run.result) } }
        : run.status === 'cancelled'
          ? { cancelled: { failure: failure({ message: 'Cancelled', canceledFailureInfo: {} }) } }
          : { failed: { failure: failure(run.failure ?? {}) } };
    this.happened(parent, { resolveChildWorkflowExecution: { seq, result } });
  }

  visibilityChanged(run: Run): void {
    this.visibility.changed(run);
  }

  deliverSignal(workflowId: string, signalName: string, input: Payload[]): boolean {
    const run = this.openRun(workflowId);
    if (!run) return false;
    run.signals += 1;
    if (run.signals > mostSignals)
      throw new Error(`${workflowId}: exceeded workflow execution limit for signal events`);
    run.events += 1;
    this.happened(run, { signalWorkflow: { signalName, input, identity: '' } });
    return true;
  }

  signalWithStart(options: StartOptions, signalName: string, args: unknown[]): void {
    if (!this.openRun(options.workflowId)) this.startRun(options);
    this.deliverSignal(options.workflowId, signalName, encodeAll(args));
  }

  requestCancel(workflowId: string): boolean {
    const run = this.openRun(workflowId);
    if (!run) return false;
    run.events += 1;
    this.happened(run, { cancelWorkflow: { reason: '' } });
    return true;
  }

  /** An update; rejects with the handler's failure, or when the workflow ends first. */
  update(workflowId: string, name: string, args: unknown[], id: string): Promise<unknown> {
    const run = this.openRun(workflowId);
    if (!run) return Promise.reject(new Error(`There is no open workflow ${workflowId}.`));
    const answer = run.answered.get(id);
    if (answer) return 'failure' in answer ? Promise.reject(errorOf(answer.failure)) : Promise.resolve(answer.result);
    return new Promise((resolve, reject) => {
      this.admit(run, { id, name, input: encodeAll(args), accepted: false, settle: { resolve, reject } });
    });
  }

  private admit(run: Run, update: UpdateRecord): void {
    run.updates.set(update.id, update);
    this.happened(run, {
      doUpdate: {
        id: update.id,
        protocolInstanceId: update.id,
        name: update.name,
        input: update.input,
        meta: { updateId: update.id, identity: '' },
        runValidator: true,
      },
    });
  }

  async query(workflowId: string, name: string, args: unknown[] = []): Promise<unknown> {
    const run = this.runs.get(workflowId)?.at(-1);
    if (!run) throw new Error(`There is no workflow ${workflowId}.`);
    return await this.workflowTasks.query(run, name, args);
  }
}

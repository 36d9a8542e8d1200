import type { Process } from '../time/process.ts';
import type { ActivationData, Failure, Job, Payload, WorkflowInstance } from './sdk.ts';

/** One run of a workflow, as the engine's database has it, with the instance that a worker keeps of it. */
export interface Run {
  readonly workflowId: string;
  readonly runId: string;
  readonly firstRunId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly startedAt: number;
  readonly randomSeed: number;
  readonly input: Payload[];
  readonly continuedFrom?: string;
  readonly parent?: { workflowId: string; runId: string; seq: number };
  status: 'running' | 'completed' | 'failed' | 'cancelled' | 'continuedAsNew';
  closedAt?: number;
  result?: unknown;
  failure?: Failure;
  attributes: Record<string, string>;
  /** Shown states, from the search attribute `AgentState`. */
  states: { state: string; at: number }[];
  /** Events of its history so far. */
  events: number;
  signals: number;
  /** What happened since the last task began. */
  pending: Job[];
  task: 'none' | 'scheduled' | 'started';
  /** Failures of its task in a row. */
  taskFailures: number;
  /** Everything that was committed: what a rebuilt instance is fed with. */
  committed: CommittedActivation[];
  flags: number[];
  instance: { workflow: WorkflowInstance; worker: Process } | undefined;
  timers: Map<number, () => void>;
  activities: Map<number, ActivityRecord>;
  updates: Map<string, UpdateRecord>;
  /** How updates of this run ended: the server answers the same id with the same again, within one run. */
  answered: Map<string, { result: unknown } | { failure: Failure }>;
  /** Set when its history did not give the same commands again. */
  replayFailure?: string;
}

/** An activation with what it led to. */
export interface CommittedActivation extends ActivationData {
  /** The commands, as text that can be compared. */
  commands: string;
}

/** An update on its way. */
export interface UpdateRecord {
  id: string;
  name: string;
  input: Payload[];
  accepted: boolean;
  settle: { resolve(result: unknown): void; reject(error: Error): void };
}

/** An activity, as the engine's database has it. */
export interface ActivityRecord {
  readonly run: Run;
  readonly seq: number;
  readonly activityId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly input: Payload[];
  readonly scheduledAt: number;
  readonly timeouts: { scheduleToClose?: number; startToClose?: number; heartbeat?: number };
  readonly retry: { initialMs: number; coefficient: number; maximumMs: number; attempts: number };
  readonly cancellation: 'tryCancel' | 'waitCompleted' | 'abandon';
  attempt: number;
  heartbeatDetails: Payload | undefined;
  /** The attempt that counts; what others say is not heard. */
  token: string | undefined;
  cancelRequested: boolean;
  done: boolean;
  lastFailure?: Failure;
  /** Cancels the time-outs of the current attempt. */
  deadlines: (() => void)[];
  /** Cancels the time-out of all attempts together. */
  closeDeadline?: () => void;
}

/** One attempt, as a worker is given it. */
export interface ActivityTask {
  token: string;
  workflowId: string;
  runId: string;
  workflowType: string;
  activityId: string;
  type: string;
  taskQueue: string;
  args: unknown[];
  attempt: number;
  heartbeatDetails: unknown;
  startToCloseMs: number | undefined;
  heartbeatMs: number | undefined;
}

/** The workers, as the engine knows them: who takes a task, and how it is run there. */
export interface WorkerPool {
  /** A worker for a workflow task or an attempt; undefined when none polls. */
  pick(): Process | undefined;
  /** Whether it still polls and can answer. */
  usable(worker: Process): boolean;
  runActivity(worker: Process, task: ActivityTask): void;
  /** Runs a local activity within a workflow task. */
  runLocal(worker: Process, type: string, args: unknown[]): Promise<unknown>;
}

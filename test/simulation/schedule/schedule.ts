import type { Fault } from '../../../emulator/core/context.ts';
import type { Limits } from '../../../domain/limits.ts';

/**
 * One simulated run as data: what the pools are, which jobs come, what is broken and when. Everything else that chance
 * decides (latencies, ties, who takes a task) is drawn from `seed`. Plain JSON, so that a run that failed can be kept,
 * shrunk and run again. Moments are milliseconds after the start.
 */
export interface Schedule {
  /** Rises when a schedule of the same seed would mean something else; regressions carry it. */
  version: 1;
  seed: number;
  /** Faults strike until here. */
  chaosMs: number;
  /** From `chaosMs` on nothing is broken, and by here everything must have converged. */
  endMs: number;
  limits: Limits;
  /** Factor on every latency of the embedded cloud. */
  cloudScale: number;
  pools: { name: string; document: unknown }[];
  jobs: ScheduledJob[];
  verbs: ScheduledVerb[];
  /** Faults of the cloud, each in force from `from` until `until`. `kind` is what they are counted under. */
  faults: { kind?: string; from: number; until: number; fault: Omit<Fault, 'id'> }[];
  disturbances: ScheduledDisturbance[];
  engine: EngineChance;
}

/** A build with one job. */
export interface ScheduledJob {
  at: number;
  pool: string;
  /** Absent: the job demands no image and gets the pool's first. */
  image?: string;
  durationMs: number;
  result?: 'succeeded' | 'failed';
  /** The build is cancelled this long after it was queued. */
  cancelAfterMs?: number;
}

/** What an operator does. */
export type ScheduledVerb =
  /** `refused`: the document breaks a rule, so it must be refused and change nothing. */
  | { at: number; kind: 'apply'; pool: string; document: unknown; refused?: true }
  | { at: number; kind: 'delete'; pool: string }
  /** Purges the n-th open agents (modulo their number), or all. */
  | { at: number; kind: 'purge'; pool: string; nths: number[] | 'all'; force: boolean }
  /** `byMs`: its deadline, so long after it is sent. */
  | { at: number; kind: 'drain'; pool: string; byMs?: number; cancelAtDeadline?: boolean }
  | { at: number; kind: 'resume'; pool: string }
  /** Cancels the workflow of the n-th open agent (modulo their number) through the engine. */
  | { at: number; kind: 'cancelAgent'; pool: string; nth: number }
  /** Starts an audit by hand beside the scheduled ones. */
  | { at: number; kind: 'audit' };

/** What breaks, outside the calls of the cloud. `nth` picks among what exists, modulo their number. */
export type ScheduledDisturbance =
  /** SIGKILL of a worker; another starts `downMs` later. Its activities end without a word, its workflows are rebuilt. */
  | { at: number; kind: 'killWorker'; nth: number; downMs: number }
  /** SIGSTOP, later SIGCONT: its attempts go on after others took over. */
  | { at: number; kind: 'pauseWorker'; nth: number; forMs: number }
  /** A worker reaches the cloud but not the engine: heartbeats and results are lost. */
  | { at: number; kind: 'partitionWorker'; nth: number; forMs: number }
  /** The engine is killed and started again on its database. */
  | { at: number; kind: 'restartEngine'; downMs: number }
  /** Cached workflow instances are dropped and rebuilt by replay. */
  | { at: number; kind: 'evictWorkflows' }
  | { at: number; kind: 'stopMachine'; nth: number }
  | { at: number; kind: 'evictMachine'; nth: number }
  /** Deleted in the portal by somebody else. */
  | { at: number; kind: 'deleteMachine'; nth: number }
  /** Somebody overwrites the machine's tags: `agent` gives the agent's tag another value, `all` removes all of ours. */
  | { at: number; kind: 'alterTags'; nth: number; what: 'agent' | 'all' }
  | { at: number; kind: 'removeRegistration'; nth: number }
  | { at: number; kind: 'disableRegistration'; nth: number }
  /** The clock of a worker runs ahead or behind. */
  | { at: number; kind: 'skewClock'; nth: number; byMs: number; forMs: number }
  /** Things of this installation that nobody owns appear: what a lost attempt would leave behind. */
  | { at: number; kind: 'plantOrphan'; pool: string; what: 'machine' | 'disk' | 'networkInterface' | 'registration' }
  /** Resources that are not ours and must be there at the end. */
  | { at: number; kind: 'plantForeign'; what: 'otherInstallation' | 'untagged' };

/** Probabilities with which the engine and its workers misbehave during the chaos window; 0 to 1. */
export interface EngineChance {
  /** A workflow task's answer is lost and the task is done again from history. */
  loseTask: number;
  /** A workflow is evicted from the cache after a task. */
  evict: number;
  /** A call of a worker on the engine is refused as unavailable, before or after it took effect. */
  refuseCall: number;
  /** An activity's result is lost on its way to the engine, which then times the attempt out. */
  loseResult: number;
  /** Longest latency between engine and worker, in milliseconds: delivery order varies within it. */
  latencyMs: number;
  /** Events after which the engine suggests to continue as new; 4096 in the real one. */
  suggestContinueAsNewEvents: number;
  workers: number;
}

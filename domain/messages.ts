import type { AgentState } from './agent-state.ts';
import type { Limits } from './limits.ts';
import type { Attempt } from './placement/attempts.ts';
import type { Closure } from './placement/closures.ts';
import type { Place, Placement } from './placement/place.ts';
import type { AgentPhase, Command, Hold, Remark } from './planning/types.ts';
import type { PoolSpecification } from './pool-specification.ts';
import type { CarriedAgent } from './stateful-messages.ts';
import type { LegPercentiles, WaitSketch } from './wait-sketch.ts';
import type { DrainState, DrainView } from './verbs/drain.ts';
import type { JobDurations } from './verbs/job-durations.ts';

/**
 * What travels between workflows, the observer and clients. Payload types only: the Temporal definitions are in
 * `workflows/messages.ts`, the names here let activities send without importing workflow code.
 */

/** Names of the signals that activities send. */
export const signalNames = {
  poolObserved: 'poolObserved',
  agentObserved: 'agentObserved',
  jobObserved: 'jobObserved',
  watchPool: 'watchPool',
  unwatchPool: 'unwatchPool',
} as const;

/** Names of the workflow types. */
export const workflowTypes = {
  organization: 'organization',
  pool: 'pool',
  agent: 'agent',
  lease: 'lease',
  audit: 'audit',
} as const;

/** One agent of one life of a pool: enough to name it everywhere. */
export interface AgentIdentity {
  installation: string;
  pool: string;
  agent: string;
  organizationUrl: string;
  /** Id of the agent pool in Azure DevOps. */
  agentPoolId: number;
}

/** The moments of a job that Azure DevOps knows; milliseconds since the epoch. */
export interface JobTimes {
  queuedAt: number;
  assignedAt?: number;
  /** The agent took the job (`receiveTime`). */
  startedAt?: number;
  finishedAt?: number;
}

/** A job request as the observer passes it on. */
export interface ObservedJob extends JobTimes {
  requestId: number;
  /** Azure DevOps' id of the job within its plan. */
  jobId: string;
  jobName: string;
  /** Project id and build id, for cancelling. */
  projectId: string;
  buildId: number;
  /** Lower camel case as on the wire: `succeeded`, `failed`, `canceled`, `abandoned`…; absent while unfinished. */
  result?: string;
  /** The server's lock: while it holds, a silent agent is not lost. Milliseconds since the epoch. */
  lockedUntil?: number;
}

/**
 * What Azure's list shows of the machine of an agent that fell silent. `gone`: the subscription's list does not have it,
 * or it is being deleted.
 */
export interface MachineSight {
  state: 'running' | 'stopped' | 'deallocated' | 'gone';
  /** Whose list it was: for a machine elsewhere it says nothing. */
  subscriptionId: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** What changed for one agent, told to its workflow. A later `sequence` replaces an earlier one. */
export interface AgentObservation {
  sequence: number;
  online: boolean;
  enabled: boolean;
  /** The registration is gone from Azure DevOps. */
  missing?: boolean;
  /** Azure DevOps' id of the registration. */
  registrationId?: number;
  /** Of an agent that fell silent, where Azure was asked. */
  machine?: MachineSight;
  /** The job request that holds this agent, or, once, the one that held it until now with its end. */
  job?: ObservedJob;
}

/** What changed for one job, told to its lease. */
export interface JobObservation {
  sequence: number;
  job: ObservedJob;
  /** Its agent is not connected, with what Azure shows of the machine. Absent: it is, or the job has ended. */
  silent?: { since: number; machine?: MachineSight };
}

/** An agent's standing in a pool's delta: free, held by a job, not connected, or no longer registered. */
export type ObservedStanding = 'free' | 'held' | 'offline' | 'missing';

/** The one signal that a pool gets per tick, and only when something changed. */
export interface PoolObservation {
  sequence: number;
  /** Milliseconds since the epoch at which the observer looked. */
  at: number;
  /** Counts per demand class, complete: an image that is not listed has no queued job. */
  queued: { imageOverride: string | null; count: number; oldestQueuedAt: number }[];
  /** Assigned but not received, received and running: counted apart from the queued ones. */
  assigned: number;
  running: number;
  /** Agents whose standing changed since the last delta, placeholders left out. */
  agents: { name: string; standing: ObservedStanding }[];
}

/** One pool that an organisation's observer watches. */
export interface WatchedPool {
  pool: string;
  agentPoolId: number;
  /** Where its machines are, to look for those whose agents fall silent. */
  machines?: { subscriptionId: string };
}

/** Input of the `organization` workflow. */
export interface OrganizationInput {
  organization: string;
  url: string;
  limits: Limits;
  pools: WatchedPool[];
}

/** Input of the `pool` workflow; `state` is what a former run handed over. */
export interface PoolInput {
  pool: string;
  installation: string;
  limits: Limits;
  state?: PoolState;
}

/** One agent in the pool's roster. Short keys: five hundred of these travel in every continue-as-new. */
export interface RosterEntry {
  /** Name. */
  n: string;
  /** Image name. */
  i: string;
  /** Phase. */
  p: AgentPhase | 'kept';
  /** Since, milliseconds since the epoch. */
  s: number;
  /** Set once it is done: it served its job or was told to return, so it never becomes ready again. */
  d?: 1;
  /** Set once its place refused it: the report of its end tells nothing new. */
  x?: 1;
  /** Of a machine that is kept for inspection: until when, and why it failed. */
  k?: { until: number; why: string };
  /** Only of a stateful agent: when its longest life is over, milliseconds since the epoch. */
  l?: number;
  /** Only of a stateful agent that has served: when its last job ended, milliseconds since the epoch. */
  e?: number;
}

/** Everything that a pool carries from run to run. */
export interface PoolState {
  schemaVersion: 1;
  /** Nine hexadecimal characters: this life of the pool. */
  generation: string;
  /** Agents named so far. */
  counter: number;
  /** The document as last accepted, and what it means here. */
  document?: unknown;
  specification?: PoolSpecification;
  /** Rises by one with each accepted document. */
  specificationVersion: number;
  agentPoolId?: number;
  status: 'Provisioning' | 'Succeeded' | 'Draining' | 'Deleting' | 'Deleted';
  roster: RosterEntry[];
  queued: PoolObservation['queued'];
  /** Per image, when its queued jobs were first seen: runs of instant and number of jobs, the oldest first. */
  seen: Record<string, [at: number, jobs: number][]>;
  assigned: number;
  running: number;
  observedAt: number;
  sequence: number;
  holds: Hold[];
  /** Per image, how long its last agent took from the decision to being online; milliseconds. */
  boots?: Record<string, number>;
  /** Failures in a row per image: a hold doubles with each. */
  failures: Record<string, number>;
  /** Places that are closed for a while, of a pool that has several. */
  closures?: Closure[];
  /** The last attempts to make machines, of a pool that has several places; the newest last. */
  attempts?: Attempt[];
  totals: PoolTotals;
  /** How long its jobs waited, leg by leg; absent before the first one, and in states from before it was kept. */
  waits?: WaitSketch;
  /** How long jobs held their agents so far. */
  durations?: JobDurations;
  /** The drain under way. */
  drain?: DrainState;
  /** Ids of the last updates, so that a repeated one is answered, not done twice, also after continue-as-new. */
  recentUpdateIds: string[];
}

/** Sums over the pool's life. */
export interface PoolTotals {
  requested: number;
  returned: number;
  failed: number;
  jobs: number;
  /** Milliseconds that jobs waited from queued to started, summed; divide by `jobs`. */
  waitedMs: number;
}

/** What `odp pool show` and `odp pool explain` print. */
export interface PoolView {
  pool: string;
  status: PoolState['status'];
  specification?: PoolSpecification;
  specificationVersion: number;
  agentPoolId?: number;
  agents: { name: string; image: string; phase: RosterEntry['p']; since: number; kept?: RosterEntry['k'] }[];
  queued: PoolObservation['queued'];
  assigned: number;
  running: number;
  observedAt: number;
  holds: Hold[];
  /** Only of a pool that has several places. */
  placement?: PlacementView;
  totals: PoolTotals;
  /** How long its jobs waited, leg by leg and in all. */
  waits?: LegPercentiles[];
  /** Present while it drains. */
  drain?: DrainView;
  lastPlan?: { at: number; commands: Command[]; remarks: Remark[]; nextAt?: number };
}

/** Where a pool makes machines: its places, what is closed and why, and what was tried. */
export interface PlacementView {
  /** The preferred first. */
  places: (Place & {
    /** Closed until then, and why; absent: open. */
    closed?: { until: number; code: string; message: string };
  })[];
  attempts: Attempt[];
}

/** Input of the `agent` workflow. */
export interface AgentInput {
  identity: AgentIdentity;
  specification: PoolSpecification;
  /** Name of the image to run. */
  image: string;
  limits: Limits['agent'];
  /** When the observer saw the demand (absent for standby), and when the pool decided; for the wait receipt. */
  seenAt?: number;
  decidedAt: number;
  reason: string;
  /** Where to make the machine, of a pool that has several places; absent: where the specification says. */
  placement?: Placement;
  /** What a former run of a stateful agent handed over. */
  carried?: CarriedAgent;
}

/** Told by an agent to its pool when it ends, and why. */
export interface AgentReport {
  agent: string;
  outcome: 'returned' | 'failed';
  /** The surfaced error, when it failed before it served. */
  failure?: { code: string; class: string; message: string; retryAfterMs: number; azureCode?: string };
  /** Where the machine was to be made, when that failed. */
  placement?: Placement;
  job?: LeaseOutcome;
  /** Jobs of a stateful agent that its pool was told of before. */
  told?: number;
}

/** Told by an agent to its pool when its machine is kept for inspection; its `AgentReport` follows when it is gone. */
export interface AgentKept {
  agent: string;
  /** What was wrong. */
  why: string;
  /** Milliseconds since the epoch. */
  until: number;
  failure?: AgentReport['failure'];
}

/** How an agent's one lease ended, with its wait receipt. */
export interface LeaseOutcome {
  requestId: number;
  /**
   * `evicted`: its machine was taken away, by Azure or by somebody else than this system. `agentLost`: its agent fell
   * silent, and its lock at the server ran out. In both cases Azure DevOps has given the job up.
   */
  outcome: 'finished' | 'cancelled' | 'expired' | 'agentLost' | 'evicted';
  result?: string;
  /** Why a job ended that did not end by itself, in words. */
  reason?: string;
  /** Whether its stage was run again. */
  retried?: boolean;
  /** What was told on the build. */
  notes?: string[];
  receipt: WaitReceipt;
}

/** Where a job's wait went; milliseconds since the epoch, a moment that never came is absent. */
export interface WaitReceipt {
  queuedAt: number;
  /** The observer saw the job; absent when the agent stood ready before the job. */
  seenAt?: number;
  decidedAt?: number;
  createSentAt?: number;
  runningAt?: number;
  onlineAt?: number;
  assignedAt?: number;
  startedAt?: number;
  finishedAt?: number;
}

/** What an agent tells when asked. */
export interface AgentView {
  agent: string;
  pool: string;
  image: string;
  state: AgentState;
  since: number;
  why: string;
  /** When the current wait ends by itself. */
  deadline?: number;
  registrationId?: number;
  resourceId?: string;
  job?: ObservedJob;
  receipt: Partial<WaitReceipt>;
  /** Where the machine is, and why there, of a pool that has several places. */
  placement?: Placement;
}

/** Input of the `lease` workflow. */
export interface LeaseInput {
  identity: AgentIdentity;
  job: ObservedJob;
  limits: Limits['agent'];
  /** What the agent knows of its own start. */
  receipt: Partial<WaitReceipt>;
  /** The job's people are told of warnings and losses, on the build. Absent in leases from before that was done. */
  notes?: {
    /** Where its machine is. */
    subscriptionId: string;
    /** Azure may evict it. */
    spot?: true;
    /** The stage of a lost job is run once more. */
    retryLostJobs?: true;
    /** Its agent had served its one job before. */
    usedAgent?: true;
  };
}

/** What a lease tells when asked. */
export interface LeaseView {
  requestId: number;
  outcome: 'running' | LeaseOutcome['outcome'];
  receipt: WaitReceipt;
  /** While it runs: when the job is cancelled. Milliseconds since the epoch. */
  expiresAt?: number;
  /** While it runs and its agent is silent: since when, until when the server keeps the job for it, and why. */
  silent?: { since: number; lockedUntil?: number; reason: string };
  /** What was told on the build. */
  notes?: string[];
}

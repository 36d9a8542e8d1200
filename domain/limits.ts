/**
 * Every duration and bound that production uses, in one place. Workflows take them as inputs, so that a test can
 * shorten one and a time-skipping test can use them as they are. Milliseconds unless the name says otherwise.
 */

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Limits of one agent's life and of its one lease. */
export interface AgentLimits {
  /** A machine that is not online this long after its create call goes. The product's own limit is 45 minutes. */
  connectMs: number;
  /** Longest life of a lease: the product ends every job after two days. */
  leaseMs: number;
  /** So long before a lease's end its job's people are warned, and warned again. */
  leaseWarningMs: number;
  leaseLastWarningMs: number;
  /** After a lease ended by force, how long its agent may stay assigned before it is treated as lost. */
  leaseEndMs: number;
  /** Longest time one create may take before its machine is given up; quota and capacity waits are not part of it. */
  provisionMs: number;
  /**
   * A worker that is silent this long inside a create or a return counts as dead, and another takes over where the
   * heartbeat says. The activities heartbeat every five seconds.
   */
  heartbeatMs: number;
  /**
   * Longest time that deregistering and deleting may take before an operator is told; it is then tried again. A deletion
   * that Azure has lost is begun anew after five minutes, so less than that would never get there.
   */
  returnMs: number;
  /** An agent that was online and is silent this long, without a job, is replaced. */
  offlineMs: number;
  /** An agent that nobody uses and that the pool forgot ends by itself. The product's longest lifetime is seven days. */
  lifetimeMs: number;
  /** Signals in one run before a stateful agent continues as new, for the reason that a pool does. */
  signalsPerRun: number;
}

/** Limits of a pool's loop. */
export interface PoolLimits {
  /** How often the roster is compared with the open agent workflows. */
  reconcileMs: number;
  /**
   * An agent that takes longer than this to come online is no longer counted as capacity, so that the next job does not
   * wait for it up to its connect limit. Ten minutes: the slow end of what users measure for a cold start.
   */
  overdueMs: number;
  /**
   * Signals in one run before the pool continues as new. The server refuses signals at 10,000 in a run and does not
   * count them in its own suggestion.
   */
  signalsPerRun: number;
  /** Children started in one turn, so that one turn stays far below the 4,096 events at which the server suggests a new run. */
  createsPerTurn: number;
  /**
   * The longest time for which a refused size, zone, priority or region is not asked again. Each refusal has a time of its
   * own (`domain/placement/refusals.ts`); a day is more than any of them.
   */
  placeClosedMs: number;
}

/** Limits of the observer. */
export interface ObserverLimits {
  /** Time between two looks at a pool that is doing something. */
  intervalMs: number;
  /** Time between two looks at a pool where nothing is queued or running. */
  idleIntervalMs: number;
  /** One observer activity lasts this long, so that new code and options take over. */
  activityMs: number;
  /** An observer that is silent this long is started elsewhere. */
  heartbeatMs: number;
  /** Between two lists of a subscription's machines while agents are silent: such lists are what Azure counts most. */
  machineLooksMs: number;
}

/** Limits of the auditor. */
export interface AuditLimits {
  /** How often the schedule starts an audit. */
  everyMs: number;
  /** Between the two looks of one audit: only what both show counts. Lists of Azure and visibility lag by seconds. */
  confirmMs: number;
  /** Nothing younger than this is deleted: what was just made may not show its owner yet. */
  newbornMs: number;
  /** How long an audit that wants to delete more than its cap waits for an operator. */
  approvalMs: number;
  /** No repair begins later than this after the audit's first one; the next audit takes up the rest. */
  repairsMs: number;
  /** An audit deletes what is left of so many agents without asking, however small the installation is. */
  deletionsMin: number;
  /** And of so large a share of the installation's agents, where that is more; 0 to 1. */
  deletionsShare: number;
  /** Findings that one look answers; more are counted only. A history must stay readable. */
  findingsMax: number;
}

/** The production values. */
export const defaultLimits: {
  agent: AgentLimits;
  pool: PoolLimits;
  observer: ObserverLimits;
  audit: AuditLimits;
} = {
  agent: {
    connectMs: 45 * minute,
    leaseMs: 2 * day,
    leaseWarningMs: hour,
    leaseLastWarningMs: 10 * minute,
    leaseEndMs: 10 * minute,
    provisionMs: 45 * minute,
    heartbeatMs: 20 * second,
    returnMs: 30 * minute,
    offlineMs: 10 * minute,
    lifetimeMs: 7 * day,
    signalsPerRun: 5_000,
  },
  pool: {
    reconcileMs: 10 * minute,
    overdueMs: 10 * minute,
    signalsPerRun: 5_000,
    createsPerTurn: 100,
    placeClosedMs: day,
  },
  observer: {
    intervalMs: 2 * second,
    idleIntervalMs: 2 * second,
    activityMs: hour,
    heartbeatMs: 15 * second,
    machineLooksMs: 30 * second,
  },
  audit: {
    everyMs: 5 * minute,
    confirmMs: minute,
    newbornMs: 5 * minute,
    approvalMs: hour,
    repairsMs: 30 * minute,
    deletionsMin: 10,
    deletionsShare: 0.2,
    findingsMax: 500,
  },
};

/** Everything that carries a limit into a workflow. */
export type Limits = typeof defaultLimits;

/**
 * What is known of an installation, over a whole run or at one instant. The invariants are functions over it. The tests
 * build it from the embedded cloud's own ledger and from the engine's histories; the doctor from one look at the live
 * cloud, Azure DevOps and the engine. Every moment is in milliseconds since the epoch.
 */
export interface Account {
  installation: string;
  /** The span that the account covers; a look has `from` equal to `until`. */
  from: number;
  until: number;
  /**
   * From here on nothing disturbed the system any more, so everything must converge. Absent where nothing is known of
   * disturbances, as on a live installation.
   */
  quietFrom?: number;
  resources: ResourceLife[];
  /** Resources without the installation's tag; absent when nobody looked for them. Nobody but us is expected to delete one. */
  foreign?: { id: string; from: number; until?: number }[];
  /** Without placeholders. */
  registrations: RegistrationLife[];
  jobs: JobLife[];
  workflows: WorkflowLife[];
  pools: PoolAccount[];
  /** What others did to our machines and registrations, or what was broken on purpose. */
  disturbances: Disturbance[];
  /** Errors as users saw them: in views, reports, refusals and failed workflows. */
  errors: SurfacedError[];
  /** Calls of the controller by operation; absent when nobody counted. */
  calls?: CallCounts;
}

/** A machine, or a part of one, that carries the installation's tag. */
export interface ResourceLife {
  /** ARM id. */
  id: string;
  kind: 'machine' | 'disk' | 'networkInterface' | 'publicIpAddress';
  /** Value of the tag `odp-agent`: the workflow that owns it. */
  owner: string;
  pool: string;
  from: number;
  /** Absent while it exists. */
  until?: number;
  /** A machine: when it began with a clean image, the first time at its creation. */
  cleanAt?: number[];
  /** A machine: when its deletion was asked for. */
  deleteAskedAt?: number;
  /**
   * A machine: its spans of being deallocated. It runs no more from the moment at which that was asked for; it runs again
   * from `until`, when its start was asked for.
   */
  parked?: { askedAt: number; from?: number; until?: number }[];
  /** A machine: whether nobody of ours asked for its end (evicted, or deleted from outside). */
  takenAway?: boolean;
}

export interface RegistrationLife {
  organization: string;
  agentPoolId: number;
  agentId: number;
  name: string;
  pool: string;
  /** The workflow that owns it, by its name. */
  owner: string;
  from: number;
  until?: number;
}

export interface JobLife {
  organization: string;
  requestId: number;
  pool: string;
  queuedAt: number;
  /** Azure DevOps refused it: no registered agent could ever satisfy it. */
  refusedAt?: number;
  /** Every agent that the server reserved for it. */
  assignments: { agent: string; at: number }[];
  /** Every machine whose agent took it. */
  receipts: { agent: string; machineId: string; at: number }[];
  finishes: { at: number; result: string }[];
}

export interface WorkflowLife {
  id: string;
  type: string;
  runs: {
    runId: string;
    startedAt: number;
    closedAt?: number;
    status: 'running' | 'completed' | 'failed' | 'cancelled' | 'terminated' | 'timedOut' | 'continuedAsNew';
    /** Events of its history so far. */
    events: number;
    /** Set when the history did not replay on the code that runs. */
    replayFailure?: string;
  }[];
  /** An agent's shown states in order, its first one included. */
  states: { state: string; at: number }[];
  /** The result of its last run, when it completed. */
  result?: unknown;
}

/** A pool as declared and as it accounts for itself. */
export interface PoolAccount {
  name: string;
  /** Every accepted document, the oldest first. */
  declared: {
    at: number;
    maximumConcurrency: number;
    stateless: boolean;
    standby: number;
    /** How many failed machines are kept for inspection, and how long; absent: none. */
    retained?: { count: number; timeSpanMs: number };
    /** Longest life of a stateful agent, in milliseconds; absent where nothing is known of it. */
    lifetimeMs?: number;
    /** Agents that nobody needs are parked. */
    park?: boolean;
  }[];
  /** When its deletion was asked for. */
  deletedAt?: number;
  /** Its own totals, from its view; absent when it is gone. */
  totals?: { requested: number; returned: number; failed: number; jobs: number };
  /** Agents in its roster now. */
  roster?: number;
  /** Failures that hold back an image now, as the pool tells its users. */
  holds?: { image?: string; until: number; code: string }[];
  /** Names of the agents whose machines it keeps for inspection now. */
  kept?: readonly string[];
  /** Whether it drains now: it then promises neither standby nor an agent for a job that waits. */
  draining?: boolean;
}

export interface Disturbance {
  at: number;
  /**
   * Such as `machineDeleted`, `machineStopped`, `machineEvicted`, `registrationRemoved`, `tagsAltered`, `buildCancelled`;
   * by operators, through this system: `agentPurged`, `agentPurgedByForce`, `agentDrained`, and `drainDeadline` at a
   * deadline that cancels jobs.
   */
  kind: string;
  /** ARM id, agent name, pool, build id or worker, as the kind has it; `any` where every machine may be meant. */
  subject: string;
}

export interface SurfacedError {
  at: number;
  code: string;
  message: string;
  hint: string;
  /** Where it showed. */
  where: string;
}

export interface CallCounts {
  /** By operation name, such as `VirtualMachines_CreateOrUpdate`. */
  byOperation: Record<string, number>;
  /** Creates that left within one second, the most that were seen. */
  mostCreatesInOneSecond: number;
}

/** One breach of an invariant. */
export interface Breach {
  /** The checker's name, such as `noLeak`. */
  invariant: string;
  at: number;
  /** What it is about: an ARM id, a workflow id, a job request. */
  subject: string;
  /** What was wrong and what would have been right, in one sentence. */
  message: string;
}

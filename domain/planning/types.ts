/** What planning knows and what it answers. Everything is plain data, so that a plan can be replayed, shown and tested. */

/** Where an agent stands, as far as capacity is concerned. */
export type AgentPhase =
  /** Asked for or booting: reserved for the demand that caused it, never retired for being idle. */
  | 'creating'
  /** Online and free: fresh proof from Azure DevOps that no job holds it. */
  | 'ready'
  /** A job request is assigned to it. */
  | 'busy'
  /** Not connected, late, or disabled by somebody: holds a machine and serves nobody, but may come back. */
  | 'offline'
  /** On its way out: still holds a machine, so it counts towards the maximum, but serves nobody. */
  | 'returning'
  /** Its machine is being deallocated: it still runs, so it counts towards the maximum, but serves nobody. */
  | 'parking'
  /** Its machine is deallocated and its disks are kept: it does not count towards the maximum. */
  | 'parked'
  /** Its machine is being started again: like one in creation. */
  | 'waking';

/** One agent of the pool's roster. */
export interface PlanningAgent {
  name: string;
  /** Name of the image that it runs. */
  image: string;
  phase: AgentPhase;
  /** Milliseconds since the epoch at which it entered the phase. */
  since: number;
  /** Of a stateful agent that has served: when its last job ended, in milliseconds since the epoch. */
  servedAt?: number;
  /** Of a stateful agent: when its longest life is over, in milliseconds since the epoch. */
  endsAt?: number;
  /** Azure DevOps knows it no longer. */
  lost?: boolean;
}

/** One image of the pool, in the order of the pool document: the first serves jobs that name none. */
export interface PlanningImage {
  name: string;
  /** Share of the standby agents: a percentage from 0 to 100, or `*` for an equal split. */
  buffer: number | '*';
}

/** Jobs that wait for an agent of one image. */
export interface ImageDemand {
  image: string;
  /** Job requests without an agent. */
  queued: number;
}

/** A reason not to create for a while, after a failure that creating again at once would only repeat. */
export interface Hold {
  /** The image that it concerns; all images where absent. */
  image?: string;
  /** Milliseconds since the epoch. */
  until: number;
  /** The surfaced error code, such as `QuotaExceeded`. */
  code: string;
  message: string;
}

/** Everything that a plan is made from. Two equal inputs give two equal plans. */
export interface PlanningInput {
  /** Milliseconds since the epoch. */
  now: number;
  /** 1 to 10,000; every agent that is not returned counts. */
  maximumConcurrency: number;
  images: PlanningImage[];
  /**
   * Agents kept ready before a job asks. `total` counts busy agents too, as Managed DevOps Pools documents it; `idle`
   * counts free ones only.
   */
  standby: { count: number; counts: 'total' | 'idle' };
  demand: ImageDemand[];
  agents: PlanningAgent[];
  holds: Hold[];
  /**
   * Agents may serve many jobs: each waits `graceMs` for another one, and with `park` one that nobody needs is parked
   * instead of retired. Absent: every job gets a fresh agent.
   */
  stateful?: { graceMs: number; park: boolean };
  /** A draining or closing pool creates nothing and retires whatever is free. */
  closing: boolean;
  /** Of a closing pool: it drains, so that its jobs wait until it is resumed. */
  draining?: boolean;
  /**
   * How long an agent must have been ready before it may be retired as surplus, in milliseconds; 30,000 when absent. A
   * job that is queued in this moment then finds it still there.
   */
  idleGraceMs?: number;
}

/** Why a command was given: one code for programs, one sentence for people. */
export interface Reason {
  code: 'Demand' | 'Standby' | 'Surplus' | 'ImageRemoved' | 'Lifetime' | 'Used' | 'Lost' | 'Closing' | 'Draining';
  message: string;
}

/** One step for the pool workflow to take. */
export type Command =
  | { kind: 'create'; image: string; count: number; reason: Reason }
  | { kind: 'retire'; agent: string; reason: Reason }
  /** Deallocate the machine of an agent that nobody needs, and keep its disks. */
  | { kind: 'park'; agent: string; reason: Reason }
  /** Start the machine of a parked agent again. */
  | { kind: 'wake'; agent: string; reason: Reason };

/** What limits one image right now, in words: shown by `odp pool explain`. */
export interface Remark {
  image?: string;
  code: 'Satisfied' | 'InFlight' | 'AtMaximum' | 'Held' | 'UnknownImage' | 'Closing' | 'Draining';
  message: string;
}

/** The answer: what to do, and for each thing not done, why. */
export interface Plan {
  commands: Command[];
  remarks: Remark[];
  /** Milliseconds since the epoch at which planning again would give another answer without any event; absent when never. */
  nextAt?: number;
}

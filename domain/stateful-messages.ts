import type { AgentFacets } from './agent-state.ts';
import type { FailureDetails } from './failure.ts';
import type { AgentObservation, LeaseOutcome, ObservedJob, WaitReceipt } from './messages.ts';

/** What travels only about agents that serve many jobs: from run to run, and between them and their pool. */

/** All that a stateful agent carries from run to run. Its shown state is derived, so it is not among it. */
export interface CarriedAgent {
  schemaVersion: 1;
  createdAt: number;
  facets: AgentFacets;
  since: number;
  why: string;
  receipt: Partial<WaitReceipt>;
  registrationId?: number;
  resourceId?: string;
  /** Azure may evict it. */
  spot?: true;
  observation?: AgentObservation;
  offlineSince?: number;
  retireReason?: string;
  parkReason?: string;
  /** Jobs that were seen on it and not served yet, and the last one. */
  jobs: ObservedJob[];
  /** Request ids of the last jobs that it served. */
  served: number[];
  /** Jobs that it has told its pool of. */
  told: number;
  failure?: FailureDetails;
}

/** Asks a parked agent to wake. `seenAt`: when the observer saw the job that it is for; absent for standby. */
export interface WakeRequest {
  reason: string;
  decidedAt: number;
  seenAt?: number;
}

/** Told by a stateful agent to its pool between its beginning and its end. */
export type AgentProgress =
  | { agent: string; kind: 'served'; job: LeaseOutcome }
  | { agent: string; kind: 'parked' }
  /** A job was faster: it goes on serving. */
  | { agent: string; kind: 'notParked' };

/**
 * An agent has three facets that change independently; the state that people see is derived from them and stored
 * nowhere else. The names of the states are those of Managed DevOps Pools; `Parked` is ours.
 */

/** What the machine is doing. */
export type Compute = 'absent' | 'creating' | 'running' | 'deallocating' | 'parked' | 'starting' | 'deleting';

/**
 * What Azure DevOps knows of the agent. `registered`: it has not connected since its machine started; `offline`: it was
 * connected and is not any more.
 */
export type Registration = 'none' | 'registered' | 'online' | 'offline' | 'disabled' | 'removed';

/** Whether a job request holds the agent. */
export type Holding = 'none' | 'held';

/** The three facets of one agent. */
export interface AgentFacets {
  compute: Compute;
  registration: Registration;
  lease: Holding;
}

/** The states that a pool shows, as the product names them. */
export type AgentState =
  'Provisioning' | 'Starting' | 'Ready' | 'NotReady' | 'Allocated' | 'Parked' | 'PendingReturn' | 'Returned';

/** The one state to show for the three facets. */
export function agentState({ compute, registration, lease }: AgentFacets): AgentState {
  if (compute === 'absent' && registration === 'removed') return 'Returned';
  if (compute === 'deleting' || registration === 'removed') return 'PendingReturn';
  if (lease === 'held') return 'Allocated';
  if (compute === 'parked') return 'Parked';
  // Its machine is on its way to being parked, and takes no job.
  if (compute === 'deallocating') return 'NotReady';
  if (compute === 'starting') return 'Starting';
  // It has served, perhaps before Azure reported its machine as created.
  if (registration === 'disabled') return 'PendingReturn';
  if (compute === 'absent' || compute === 'creating') return 'Provisioning';
  if (registration === 'offline') return 'NotReady';
  return registration === 'online' ? 'Ready' : 'Starting';
}

/**
 * Which shown state may follow which. An agent whose return the server refuses, because a job holds it, goes back to
 * what it was; `Returned` is the end. Only a stateful agent goes from `Allocated` to another job, and only such a one is
 * ever `NotReady` or `Parked`.
 */
export const legalTransitions: Readonly<Record<AgentState, readonly AgentState[]>> = {
  Provisioning: ['Starting', 'Ready', 'NotReady', 'Allocated', 'PendingReturn'],
  // It may be parked before it has heard that it is online.
  Starting: ['Ready', 'NotReady', 'Allocated', 'PendingReturn'],
  Ready: ['NotReady', 'Allocated', 'PendingReturn'],
  NotReady: ['Ready', 'Allocated', 'Parked', 'PendingReturn'],
  Allocated: ['Ready', 'NotReady', 'PendingReturn'],
  Parked: ['Starting', 'PendingReturn'],
  PendingReturn: ['Starting', 'Ready', 'NotReady', 'Allocated', 'Returned'],
  Returned: [],
};

/** Whether only a stateful agent may go from one state to the other. */
export function needsStatefulAgent(before: string, state: string): boolean {
  return state === 'NotReady' || state === 'Parked' || (before === 'Allocated' && state === 'Ready');
}

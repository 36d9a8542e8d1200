/**
 * An agent has three facets that change independently; the state that people see is derived from them and stored
 * nowhere else. The names of the states are those of Managed DevOps Pools.
 */

/** What the machine is doing. */
export type Compute = 'absent' | 'creating' | 'running' | 'deleting';

/** What Azure DevOps knows of the agent. */
export type Registration = 'none' | 'registered' | 'online' | 'disabled' | 'removed';

/** Whether a job request holds the agent. */
export type Holding = 'none' | 'held';

/** The three facets of one agent. */
export interface AgentFacets {
  compute: Compute;
  registration: Registration;
  lease: Holding;
}

/** The states that a pool shows, as the product names them. */
export type AgentState = 'Provisioning' | 'Starting' | 'Ready' | 'Allocated' | 'PendingReturn' | 'Returned';

/** The one state to show for the three facets. */
export function agentState({ compute, registration, lease }: AgentFacets): AgentState {
  if (compute === 'absent' && registration === 'removed') return 'Returned';
  if (compute === 'deleting' || registration === 'removed') return 'PendingReturn';
  if (lease === 'held') return 'Allocated';
  // It has served, perhaps before Azure reported its machine as created.
  if (registration === 'disabled') return 'PendingReturn';
  if (compute === 'absent' || compute === 'creating') return 'Provisioning';
  return registration === 'online' ? 'Ready' : 'Starting';
}

/**
 * Which shown state may follow which. An agent whose return the server refuses, because a job holds it, goes back to
 * what it was; `Returned` is the end.
 */
export const legalTransitions: Readonly<Record<AgentState, readonly AgentState[]>> = {
  Provisioning: ['Starting', 'Ready', 'Allocated', 'PendingReturn'],
  Starting: ['Ready', 'Allocated', 'PendingReturn'],
  Ready: ['Allocated', 'PendingReturn'],
  Allocated: ['PendingReturn'],
  PendingReturn: ['Starting', 'Ready', 'Allocated', 'Returned'],
  Returned: [],
};

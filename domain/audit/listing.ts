import type { AgentState } from '../agent-state.ts';

/**
 * What one look of the auditor listed, in this order: the cloud, Azure DevOps, the open workflows. Something that was
 * made in between shows with its workflow, never without. Moments are milliseconds since the epoch.
 */
export interface Listing {
  installation: string;
  /** Before the first list was asked for, by the engine's clock. */
  at: number;
  /** Everything that carries the tag of this installation. */
  resources: ListedResource[];
  /** The agent pools that carry this installation's mark, each listed completely. */
  agentPools: ListedAgentPool[];
  /** Open workflows. */
  agents: OpenAgent[];
  leases: OpenLease[];
  /** What the cloud answered about single machines that a list should have shown, by the id of their workflow. */
  asked: Record<string, AskedMachine>;
  /** Whether the lists of open workflows have no gap. */
  workflowsComplete: boolean;
  /** Whether no list at all has a gap: anything less proves nothing unowned. */
  complete: boolean;
}

/** A resource as the list by tag shows it. */
export interface ListedResource {
  /** ARM id. */
  id: string;
  /** Such as `Microsoft.Compute/disks`. */
  type: string;
  name: string;
  tags: Record<string, string>;
  createdAt?: number;
}

/** An agent pool in Azure DevOps. */
export interface AgentPoolReference {
  organizationUrl: string;
  agentPoolId: number;
}

/** An agent pool of ours with what is in it. */
export interface ListedAgentPool extends AgentPoolReference {
  /** The organisation's name, as in ids of workflows. */
  organization: string;
  /** The pool that its mark names. */
  pool: string;
  registrations: { id: number; name: string; createdAt?: number }[];
  /** Unfinished job requests, with the agent that each is reserved for, and when it took the job. */
  unfinished: { requestId: number; queuedAt: number; agent?: string; startedAt?: number }[];
}

/** An open agent workflow. */
export interface OpenAgent {
  workflowId: string;
  pool: string;
  agent: string;
  state: AgentState | undefined;
  startedAt: number;
  /** Events of its history. */
  events: number;
}

/** An open lease workflow. */
export interface OpenLease {
  workflowId: string;
  organization: string;
  requestId: number;
  pool: string;
  startedAt: number;
  events: number;
}

/** `altered`: it exists under the id that its workflow knows, and does not carry all of our tags. */
export interface AskedMachine {
  resourceId: string;
  found: 'gone' | 'altered' | 'there';
}

/**
 * What the embedded Azure DevOps keeps. Times are milliseconds since the epoch. A job request carries its build and its
 * messages, so that one write to the store moves all of them: a killed process never leaves them at odds.
 */

export interface OrganizationRecord {
  id: string;
  name: string;
  /** Key with which the tokens of this organisation's agents are signed. */
  tokenKey: string;
}

export interface ProjectRecord {
  id: string;
  name: string;
  createdAt: number;
}

export interface DefinitionRecord {
  id: number;
  projectId: string;
  name: string;
  createdAt: number;
}

export interface PoolRecord {
  id: number;
  name: string;
  poolType: 'automation' | 'deployment';
  autoProvision: boolean;
  autoUpdate: boolean;
  autoSize: boolean;
  targetSize?: number;
  createdAt: number;
  properties: Record<string, unknown>;
}

export interface QueueRecord {
  id: number;
  projectId: string;
  poolId: number;
  name: string;
  /** Open to every pipeline of the project, and since when. */
  openSince?: number;
  /** Pipelines that may use it, with the time of the permission. */
  pipelines: Record<string, number>;
}

export interface AgentRecord {
  id: number;
  poolId: number;
  name: string;
  version: string;
  osDescription: string;
  enabled: boolean;
  online: boolean;
  createdAt: number;
  statusChangedAt: number;
  maxParallelism: number;
  systemCapabilities: Record<string, string>;
  userCapabilities: Record<string, string>;
  properties: Record<string, unknown>;
  /** Absent for a registration without a key: nothing can ever connect as it. */
  clientId?: string;
  publicKey?: { exponent: string; modulus: string };
  lastRequestId?: number;
}

export interface SessionRecord {
  id: string;
  agentId: number;
  poolId: number;
  ownerName: string;
  /** ARM id of the emulated machine that the session comes from. */
  machineId?: string;
}

/** Results of a job, as on the wire; the index is the number that clients may send instead. */
export const taskResults = ['succeeded', 'succeededWithIssues', 'failed', 'canceled', 'skipped', 'abandoned'] as const;
export type TaskResult = (typeof taskResults)[number];

/** A message of the server to the agent that a request is assigned to. */
export interface MessageRecord {
  id: number;
  type: 'PipelineAgentJobRequest' | 'JobCancellation';
  acknowledged: boolean;
}

export interface BuildRecord {
  id: number;
  number: string;
  projectId: string;
  definitionId: number;
  priority: number;
  reason: string;
  sourceBranch: string;
  parameters?: string;
  demands: string[];
  requestedBy: string;
  cancelRequestedAt?: number;
  /** In the order in which they were added. */
  tags?: string[];
  /** Earlier runs of its stage, the oldest first. */
  previousAttempts?: { attempt: number; timelineId: string; jobId: string }[];
}

export interface RequestRecord {
  id: number;
  poolId: number;
  queueId: number;
  demands: string[];
  queuedAt: number;
  assignedAt?: number;
  receivedAt?: number;
  finishedAt?: number;
  result?: TaskResult;
  lockedUntil?: number;
  lockToken?: string;
  /** The agent that holds it or held it; the name outlives the registration. */
  agent?: { id: number; name: string };
  jobId: string;
  planId: string;
  timelineId: string;
  /** What the job does on its agent. */
  work: {
    durationMs: number;
    result: TaskResult;
    /** A shell script, which decides the result instead. */
    script?: string;
  };
  messages: MessageRecord[];
  build: BuildRecord;
}

/** What the agent reports while it runs a job. */
export interface PlanRecord {
  id: string;
  requestId: number;
  changeId: number;
  changedAt: number;
  records: Record<string, unknown>[];
  logs: { id: number; path: string; createdAt: number; changedAt: number; lines: string[] }[];
}

/** The state of a request; one who reads only `assignTime` cannot tell the last three apart. */
export function stateOf(request: RequestRecord): 'queued' | 'assigned' | 'running' | 'finished' {
  if (request.finishedAt !== undefined) return 'finished';
  if (request.receivedAt !== undefined) return 'running';
  return request.assignedAt === undefined ? 'queued' : 'assigned';
}

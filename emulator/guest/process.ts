import type { JobMessage } from './job-message.ts';

/**
 * The agent's process as the machine holds it. Kept in the store, because a machine outlives a restart of the cloud's
 * own process: the agent then goes on in the middle of its session and of its job.
 */
export interface ProcessRecord {
  machineId: string;
  /** When the agent comes up; milliseconds since the epoch. */
  startAt: number;
  /** Set by a fault: when the agent dies, in milliseconds after its first session. */
  diesAfterMs?: number;
  startedAt?: number;
  sessionId?: string | undefined;
  lastMessageId: number;
  job?: JobRecord | undefined;
  /** The agent has exited, or never came up. */
  exited?: boolean;
}

/** A job on its agent. */
export interface JobRecord {
  message: JobMessage;
  /** Ids of the records of its steps on the timeline. */
  initializeId: string;
  workloadId: string;
  /** When the server took the first sign of life. */
  receivedAt?: number;
  /** Its start has been reported. */
  reported?: boolean;
  cancelled?: boolean;
  /** Log of its script. */
  scriptLog?: number;
  /** What it comes to, once it has ended and until that is reported. */
  result?: string;
}

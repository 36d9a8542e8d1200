/**
 * Azure DevOps' records as they travel: only the fields that we read. The client's own types say numbers where the
 * wire has words and dates where it has text, because its typed calls convert; the calls by path do not.
 */

/** A collection. */
export interface WireList<T> {
  count?: number;
  value: T[];
}

/** `TaskAgent`. */
export interface WireAgent {
  id: number;
  name: string;
  status: 'online' | 'offline';
  enabled?: boolean;
  /** ISO 8601. */
  createdOn?: string;
  userCapabilities?: Record<string, string>;
  authorization?: { clientId?: string; authorizationUrl?: string };
  assignedRequest?: WireJobRequest | null;
  lastCompletedRequest?: WireJobRequest | null;
}

/** `TaskAgentJobRequest`. Times are ISO 8601. */
export interface WireJobRequest {
  requestId: number;
  queueTime: string;
  assignTime?: string | null;
  receiveTime?: string | null;
  finishTime?: string | null;
  lockedUntil?: string | null;
  result?: string | null;
  /** Id of the project. */
  scopeId?: string;
  jobId?: string;
  jobName?: string;
  /** Text such as `ImageOverride -equals ubuntu`, although typed as an object. */
  demands?: string[] | null;
  reservedAgent?: { id: number; name?: string } | null;
  /** The build. */
  owner?: { id?: number; name?: string } | null;
}

/** `TaskAgentPool`. */
export interface WirePool {
  id: number;
  name: string;
  autoProvision?: boolean;
  autoUpdate?: boolean;
  properties?: Record<string, unknown>;
}

/** The demand that names an image; its name as the product has it. */
export const imageOverride = 'ImageOverride';

/**
 * The image that a job request asks for, or `null` when it leaves the choice to the pool.
 *
 * @param demands such as `ImageOverride -equals ubuntu`; names are compared without case, as the server does
 */
export function demandedImage(demands: readonly string[] | null | undefined): string | null {
  for (const demand of demands ?? []) {
    const [, name, value] = /^\s*(\S+)\s+-equals\s+(.*?)\s*$/i.exec(demand) ?? [];
    if (name?.toLowerCase() === imageOverride.toLowerCase() && value) return value;
  }
  return null;
}

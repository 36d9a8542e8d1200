import type { DevOpsConnection } from './connections.ts';
import { jobRequestsVersion } from './job-requests.ts';
import { isFinished } from './observation.ts';
import type { WireAgent, WireJobRequest, WireList } from './wire.ts';

/**
 * Whether a job holds an agent: either proof counts, its own record or an unfinished job request that is reserved for it.
 * To be asked after the agent was disabled, so that no job comes between the answer and its use.
 */
export async function isHeld(connection: DevOpsConnection, poolId: number, agentId: number): Promise<boolean> {
  const agent = await connection.send<WireAgent>({
    method: 'GET',
    path: `_apis/distributedtask/pools/${poolId}/agents/${agentId}`,
    apiVersion: '7.1',
    query: { includeAssignedRequest: true },
  });
  if (agent?.assignedRequest && !isFinished(agent.assignedRequest)) return true;
  const list = await connection.send<WireList<WireJobRequest>>({
    method: 'GET',
    path: `_apis/distributedtask/pools/${poolId}/jobrequests`,
    apiVersion: jobRequestsVersion,
    query: { completedRequestCount: 0 },
  });
  return (list?.value ?? []).some((request) => request.reservedAgent?.id === agentId && !isFinished(request));
}

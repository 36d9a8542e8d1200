import type { DevOpsConnection } from './connections.ts';
import { forEach } from './each.ts';
import { isFinished } from './observation.ts';
import { found } from '../errors.ts';
import type { WireAgent, WireJobRequest, WireList } from './wire.ts';

/** `jobrequests` was never released beyond a preview. */
export const jobRequestsVersion = '7.1-preview.1';

/** More than this many jobs that ended in one tick are asked for in one call. */
const oneByOneMax = 3;

/** The most finished requests asked for in one call: an unbounded list times out at about 10,000. */
const completedMax = 200;

/** Jobs asked for one by one in a tick; the others wait for the next. */
const oneByOnePerTick = 50;

const concurrency = 5;

/** All agents of a pool, with the job requests that hold them and the ones they finished last. */
export async function fetchAgents(connection: DevOpsConnection, agentPoolId: number): Promise<WireAgent[]> {
  const list = await connection.send<WireList<WireAgent>>({
    method: 'GET',
    path: `_apis/distributedtask/pools/${agentPoolId}/agents`,
    apiVersion: '7.1',
    // The last completed request comes with the list, which saves one call per finished job, and shows jobs that came
    // and went between two looks.
    query: { includeCapabilities: false, includeAssignedRequest: true, includeLastCompletedRequest: true },
  });
  return found(list, `agent pool ${agentPoolId}`).value;
}

/** The unfinished job requests of a pool. */
export async function fetchUnfinished(connection: DevOpsConnection, agentPoolId: number): Promise<WireJobRequest[]> {
  return await fetchJobRequests(connection, agentPoolId, 0);
}

/**
 * Asks how job requests ended: one by one, or many in one call. Answers those that the server shows as finished; one
 * that it no longer knows counts as abandoned.
 *
 * @param at milliseconds since the epoch, taken for the end of a job request that the server forgot
 */
export async function fetchEnded(
  connection: DevOpsConnection,
  agentPoolId: number,
  requestIds: readonly number[],
  at: number,
): Promise<WireJobRequest[]> {
  const ended = new Map<number, WireJobRequest>();
  if (requestIds.length > oneByOneMax) {
    const wanted = new Set(requestIds);
    for (const request of await fetchJobRequests(connection, agentPoolId, Math.min(wanted.size * 2, completedMax))) {
      if (wanted.has(request.requestId) && isFinished(request)) ended.set(request.requestId, request);
    }
  }
  const left = requestIds.filter((requestId) => !ended.has(requestId)).slice(0, oneByOnePerTick);
  await forEach(left, concurrency, async (requestId) => {
    const request =
      (await connection.send<WireJobRequest>({
        method: 'GET',
        path: `_apis/distributedtask/pools/${agentPoolId}/jobrequests/${requestId}`,
        apiVersion: jobRequestsVersion,
      })) ?? forgotten(requestId, at);
    if (isFinished(request)) ended.set(requestId, request);
  });
  return [...ended.values()];
}

/** To confirm on a live tenant: 0 gives the unfinished requests only. The parameter is not documented. */
async function fetchJobRequests(
  connection: DevOpsConnection,
  agentPoolId: number,
  completedRequestCount: number,
): Promise<WireJobRequest[]> {
  const list = await connection.send<WireList<WireJobRequest>>({
    method: 'GET',
    path: `_apis/distributedtask/pools/${agentPoolId}/jobrequests`,
    apiVersion: jobRequestsVersion,
    query: { completedRequestCount },
  });
  return found(list, `agent pool ${agentPoolId}`).value;
}

function forgotten(requestId: number, at: number): WireJobRequest {
  const time = new Date(at).toISOString();
  return { requestId, queueTime: time, finishTime: time, result: 'abandoned' };
}

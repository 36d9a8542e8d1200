import type { AgentPoolReference, ListedAgentPool } from '../../domain/audit/listing.ts';
import { organizationName, poolPropertyNames } from '../../domain/names.ts';
import type { DevOpsConnection } from '../devops/connections.ts';
import { fetchAgents, fetchUnfinished, jobRequestsVersion } from '../devops/job-requests.ts';
import { propertyText } from '../devops/organization.ts';
import { isNotFound, unless } from '../devops/refusals.ts';
import type { WireJobRequest, WireList, WirePool } from '../devops/wire.ts';
import { found } from '../errors.ts';

/** An agent pool that carries this installation's mark, with the pool that the mark names. */
export interface OwnAgentPool extends AgentPoolReference {
  pool: string;
}

/** The agent pools of an organisation that carry this installation's mark. */
export async function listOwnAgentPools(connection: DevOpsConnection, installation: string): Promise<OwnAgentPool[]> {
  const list = await connection.send<WireList<WirePool>>({
    method: 'GET',
    path: '_apis/distributedtask/pools',
    apiVersion: '7.1',
    query: { properties: Object.values(poolPropertyNames).join(',') },
  });
  return found(list, `organisation at ${connection.url}`).value.flatMap((agentPool) => {
    const pool = propertyText(agentPool, poolPropertyNames.pool);
    const isOwn = propertyText(agentPool, poolPropertyNames.installation) === installation;
    return isOwn && pool !== undefined ? [{ organizationUrl: connection.url, agentPoolId: agentPool.id, pool }] : [];
  });
}

/**
 * What an agent pool has: its registrations, then its unfinished job requests. In this order a job that is assigned in
 * between shows as held. Undefined when the agent pool is gone since it was listed.
 */
export async function listAgentPool(
  connection: DevOpsConnection,
  { organizationUrl, agentPoolId, pool }: OwnAgentPool,
): Promise<ListedAgentPool | undefined> {
  return await unless(
    isNotFound,
    async () => {
      const agents = await fetchAgents(connection, agentPoolId);
      const requests = await fetchUnfinished(connection, agentPoolId);
      return {
        organizationUrl,
        organization: organizationName(organizationUrl),
        agentPoolId,
        pool,
        registrations: agents.map(({ id, name, createdOn }) => {
          const createdAt = createdOn ? Date.parse(createdOn) : Number.NaN;
          return { id, name, ...(Number.isNaN(createdAt) ? {} : { createdAt }) };
        }),
        unfinished: requests.map(({ requestId, queueTime, receiveTime, reservedAgent }) => ({
          requestId,
          queuedAt: Date.parse(queueTime),
          ...(reservedAgent?.name === undefined ? {} : { agent: reservedAgent.name }),
          ...(receiveTime ? { startedAt: Date.parse(receiveTime) } : {}),
        })),
      };
    },
    undefined,
  );
}

/** One job request; undefined when the server does not know it. */
export async function readJobRequest(
  connection: DevOpsConnection,
  agentPoolId: number,
  requestId: number,
): Promise<WireJobRequest | undefined> {
  return await connection.send<WireJobRequest>({
    method: 'GET',
    path: `_apis/distributedtask/pools/${agentPoolId}/jobrequests/${requestId}`,
    apiVersion: jobRequestsVersion,
  });
}

import { found } from '../errors.ts';
import type { DevOpsConnection } from './connections.ts';
import { isAgentNameTaken, isJobRunning, unless } from './refusals.ts';
import type { WireAgent, WireList } from './wire.ts';

/** The version in which `agents` is released. */
const apiVersion = '7.1';

/** `TaskAgent` as it is sent to add or to replace one. */
export interface AgentBody {
  name: string;
  /** What the server compares with the demand `Agent.Version`, which many tasks bring. */
  version: string;
  osDescription?: string;
  enabled: boolean;
  maxParallelism: 1;
  provisioningState: 'Provisioned';
  authorization: { publicKey: { exponent: string; modulus: string } };
  systemCapabilities?: Record<string, string>;
  userCapabilities: Record<string, string>;
}

/** Turns of adding and replacing: each needs another program to add and remove this very name in between. */
const putTurns = 3;

/** Adds an agent, or replaces the one that has its name; answers the server's record. */
export async function putAgent(connection: DevOpsConnection, poolId: number, body: AgentBody): Promise<WireAgent> {
  const path = `_apis/distributedtask/pools/${poolId}/agents`;
  const add = () => connection.send<WireAgent>({ method: 'POST', path, apiVersion, body });
  for (let turn = 1; turn < putTurns; turn++) {
    const added = await unless(isAgentNameTaken, add, 'taken' as const);
    if (added !== 'taken') return found(added, `agent pool ${poolId}`);
    const former = await findAgent(connection, poolId, body.name);
    // Gone again between the two calls: adding will then succeed.
    if (!former) continue;
    const replaced = await connection.send<WireAgent>({
      method: 'PUT',
      path: `${path}/${former.id}`,
      apiVersion,
      body: { ...body, id: former.id },
    });
    if (replaced) return replaced;
  }
  // A conflict of another kind never ends by asking again at once: the engine asks later.
  return found(await add(), `agent pool ${poolId}`);
}

/** The agent of exactly this name; names are compared without case, as the server does. */
export async function findAgent(
  connection: DevOpsConnection,
  poolId: number,
  name: string,
): Promise<WireAgent | undefined> {
  const list = await listAgents(connection, poolId, { agentName: name });
  return list.find((agent) => agent.name.toLowerCase() === name.toLowerCase());
}

/** Lists agents; a pool that is gone has none. */
export async function listAgents(
  connection: DevOpsConnection,
  poolId: number,
  query: { agentName?: string; includeCapabilities?: boolean } = {},
): Promise<WireAgent[]> {
  const list = await connection.send<WireList<WireAgent>>({
    method: 'GET',
    path: `_apis/distributedtask/pools/${poolId}/agents`,
    apiVersion,
    query,
  });
  return list?.value ?? [];
}

/** The agent of this id; undefined when there is none. */
export async function readAgent(
  connection: DevOpsConnection,
  poolId: number,
  agentId: number,
): Promise<WireAgent | undefined> {
  const path = `_apis/distributedtask/pools/${poolId}/agents/${agentId}`;
  return await connection.send<WireAgent>({ method: 'GET', path, apiVersion });
}

/** Enables or disables an agent; `false`: there is no such agent. */
export async function setEnabled(
  connection: DevOpsConnection,
  poolId: number,
  agentId: number,
  enabled: boolean,
): Promise<boolean> {
  const path = `_apis/distributedtask/pools/${poolId}/agents/${agentId}`;
  const body = { id: agentId, enabled };
  return (await connection.send<WireAgent>({ method: 'PATCH', path, apiVersion, body })) !== undefined;
}

/** Deletes an agent; `busy`: the server refused because a job runs on it. An absent one counts as removed. */
export async function deleteAgent(
  connection: DevOpsConnection,
  poolId: number,
  agentId: number,
): Promise<'removed' | 'busy'> {
  const path = `_apis/distributedtask/pools/${poolId}/agents/${agentId}`;
  return await unless(
    isJobRunning,
    async () => {
      await connection.send({ method: 'DELETE', path, apiVersion });
      return 'removed' as const;
    },
    'busy' as const,
  );
}

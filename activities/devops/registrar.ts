import type { AgentIdentity } from '../../domain/messages.ts';
import { classified, ownFailure } from '../errors.ts';
import type { AgentRegistrar } from '../interfaces.ts';
import { deleteAgent, findAgent, putAgent, readAgent, setEnabled } from './agents.ts';
import type { DevOpsConnection, DevOpsConnections } from './connections.ts';
import { isHeld } from './held.ts';

/**
 * The version that a registration claims until the agent itself connects and tells its own. New enough for the demand
 * `Agent.Version -gtVersion …` of every task of today.
 */
export const claimedAgentVersion = '4.260.0';

/** Registers and deregisters agents; every failure that leaves it is classified. */
export function createAgentRegistrar(connections: DevOpsConnections): AgentRegistrar {
  const poolNames = new Map<string, string>();

  async function poolName(connection: DevOpsConnection, agentPoolId: number): Promise<string> {
    const key = `${connection.url}#${agentPoolId}`;
    const known = poolNames.get(key);
    if (known !== undefined) return known;
    const pool = await connection.taskAgent((api) => api.getAgentPool(agentPoolId));
    // `null` is the client's way to say 404, whatever its types say.
    const name = (pool as typeof pool | null)?.name ?? '';
    if (name !== '') poolNames.set(key, name);
    return name;
  }

  return {
    register: (identity, publicKey, userCapabilities) =>
      classified('Agents_Add', async () => {
        const connection = connections.to(identity.organizationUrl);
        const agent = await putAgent(connection, identity.agentPoolId, {
          name: identity.agent,
          version: claimedAgentVersion,
          enabled: true,
          maxParallelism: 1,
          provisioningState: 'Provisioned',
          authorization: { publicKey },
          userCapabilities,
        });
        const { clientId, authorizationUrl } = agent.authorization ?? {};
        if (clientId === undefined || authorizationUrl === undefined) {
          const message = `Azure DevOps registered ${identity.agent} without an authorization to connect with.`;
          throw ownFailure('RegistrationIncomplete', message, 'Agents_Add');
        }
        return {
          registrationId: agent.id,
          agentPoolName: await poolName(connection, identity.agentPoolId),
          serverUrl: connection.url,
          clientId,
          authorizationUrl,
        };
      }),

    find: (identity) =>
      classified('Agents_List', async () => {
        const agent = await find(connections, identity);
        return agent && { registrationId: agent.id };
      }),

    deregister: (identity, registrationId) =>
      classified('Agents_Delete', async () => {
        const connection = connections.to(identity.organizationUrl);
        const agent = await current(connections, identity, registrationId);
        if (!agent) return 'removed';
        // Disabled first, so that no job is assigned while the deletion is on its way.
        if (!(await setEnabled(connection, identity.agentPoolId, agent.id, false))) return 'removed';
        const outcome = await deleteAgent(connection, identity.agentPoolId, agent.id);
        if (outcome === 'busy' && agent.enabled !== false) {
          await setEnabled(connection, identity.agentPoolId, agent.id, true);
        }
        return outcome;
      }),

    withdraw: (identity, registrationId) =>
      classified('Agents_Update', async () => {
        const connection = connections.to(identity.organizationUrl);
        const agent = await current(connections, identity, registrationId);
        if (!agent) return 'gone';
        if (!(await setEnabled(connection, identity.agentPoolId, agent.id, false))) return 'gone';
        if (!(await isHeld(connection, identity.agentPoolId, agent.id))) return 'withdrawn';
        if (agent.enabled !== false) await setEnabled(connection, identity.agentPoolId, agent.id, true);
        return 'busy';
      }),

    admit: (identity, registrationId) =>
      classified('Agents_Update', async () => {
        const connection = connections.to(identity.organizationUrl);
        const agent = await current(connections, identity, registrationId);
        const enabled = agent && (await setEnabled(connection, identity.agentPoolId, agent.id, true));
        return enabled ? 'admitted' : 'gone';
      }),
  };
}

/** The agent's registration: by its id where that is known, since a list may lag, else by its name. */
async function current(connections: DevOpsConnections, identity: AgentIdentity, registrationId: number | undefined) {
  const connection = connections.to(identity.organizationUrl);
  const known =
    registrationId === undefined ? undefined : await readAgent(connection, identity.agentPoolId, registrationId);
  return known ?? (await find(connections, identity));
}

function find(connections: DevOpsConnections, { organizationUrl, agentPoolId, agent }: AgentIdentity) {
  return findAgent(connections.to(organizationUrl), agentPoolId, agent);
}

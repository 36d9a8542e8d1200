import { classified, invalidPool, ownFailure } from '../errors.ts';
import type { DevOpsActivities } from '../interfaces.ts';
import { preparePool, removePool } from './agent-pool.ts';
import { setEnabled } from './agents.ts';
import { retryStage, tagBuild } from './builds.ts';
import type { DevOpsConnections } from './connections.ts';
import { nameTaken, organizationViolations } from './organization.ts';
import { isStatusRefused } from './refusals.ts';
import { createAgentRegistrar } from './registrar.ts';

/** The quick activities on Azure DevOps. Each may run twice, also at the same time, with the effect of once. */
export function createDevOpsActivities({ connections }: { connections: DevOpsConnections }): DevOpsActivities {
  const to = (url: string) => connections.to(url);
  const registrar = createAgentRegistrar(connections);
  return {
    async checkOrganization(input) {
      const { name, organization } = input.specification;
      const violations = await classified('Organization_Check', () =>
        organizationViolations(to(organization.url), input),
      );
      if (violations.length > 0) throw invalidPool(violations, name);
    },

    async prepareAgentPool(input) {
      const { name, organization } = input.specification;
      const prepared = await classified('Pools_Prepare', () => preparePool(to(organization.url), input));
      if ('taken' in prepared) throw invalidPool([nameTaken(input, prepared.taken)], name);
      return prepared;
    },

    async removeAgentPool(input) {
      const { organization } = input.specification;
      const outcome = await classified('Pools_Remove', () => removePool(to(organization.url), input));
      if (outcome === 'busy') {
        const message = `A job still runs on an agent of the agent pool ${organization.agentPoolName}, so the agent pool stays.`;
        throw ownFailure('AgentPoolBusy', message, 'Pools_Remove');
      }
    },

    async disableAgent({ identity: { organizationUrl, agentPoolId }, registrationId }) {
      await classified('Agents_Update', () => setEnabled(to(organizationUrl), agentPoolId, registrationId, false));
    },

    async tagBuild({ organizationUrl, tag, ...build }) {
      await classified('Builds_Tag', () => tagBuild(to(organizationUrl), build, tag));
    },

    async retryStage({ organizationUrl, jobId, ...build }) {
      return { outcome: await classified('Stages_Retry', () => retryStage(to(organizationUrl), build, jobId)) };
    },

    async deregisterAgent({ identity, registrationId }) {
      const outcome = await registrar.deregister(identity, registrationId);
      return { outcome: outcome === 'busy' ? 'busy' : 'deregistered' };
    },

    async cancelBuild({ organizationUrl, projectId, buildId }) {
      await classified('Builds_Cancel', async () => {
        const connection = to(organizationUrl);
        const build = { path: `${projectId}/_apis/build/builds/${buildId}`, apiVersion: '7.1' };
        try {
          await connection.send({ ...build, method: 'PATCH', body: { status: 'cancelling' } });
        } catch (error) {
          if (!isStatusRefused(error)) throw error;
          // Refused because it has ended, or for another reason: its status tells.
          const found = await connection.send<{ status?: string }>({ ...build, method: 'GET' });
          if (found && found.status !== 'completed') throw error;
        }
      });
    },
  };
}

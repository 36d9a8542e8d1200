import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { createAuditActivities } from '../../activities/audit/activities.ts';
import { createDevOpsActivities } from '../../activities/devops/activities.ts';
import { createAgentRegistrar } from '../../activities/devops/registrar.ts';
import { createObservationSink } from '../../activities/temporal/activities.ts';
import type { AzureClients } from '../../activities/azure/clients.ts';
import type { ProvisionInput } from '../../activities/interfaces.ts';
import { testInstallation } from '../support/installation.ts';
import { azure, cloud, newInput } from './activities-azure-support.ts';
import { poolSpecification, type TestAzureDevOps } from './activities-devops-support.ts';

/** A workflow as the stand-in engine has it. */
export interface StandIn {
  status?: 'RUNNING' | 'COMPLETED' | 'TERMINATED';
  attributes?: Record<string, string>;
  view?: unknown;
}

/**
 * Stands in for the engine with the few calls that the auditor makes, so that a test can say what it shows. The auditor
 * on a real engine is in audit.test.ts.
 */
export function standInEngine(workflows: Record<string, StandIn>) {
  const signals: { workflowId: string; name: string; payload: unknown }[] = [];
  const known = (workflowId: string): StandIn => {
    const workflow = workflows[workflowId];
    if (!workflow) throw new WorkflowNotFoundError('no such workflow', workflowId, undefined);
    return workflow;
  };
  const client = {
    withDeadline: <T>(_: number, work: () => Promise<T>) => work(),
    workflow: {
      async *list({ query }: { query: string }) {
        const [, type] = /WorkflowType = '(\w+)'/.exec(query) ?? [];
        for (const [workflowId, { status = 'RUNNING', attributes = {} }] of Object.entries(workflows)) {
          if (!workflowId.startsWith(`${type}/`) || status !== 'RUNNING') continue;
          const typedSearchAttributes = { get: ({ name }: { name: string }) => attributes[name] };
          yield { workflowId, startTime: new Date(1_000), typedSearchAttributes };
        }
      },
      getHandle: (workflowId: string) => ({
        describe: async () => ({ status: { name: known(workflowId).status ?? 'RUNNING' } }),
        query: async () => known(workflowId).view,
        signal: async (name: string, payload: unknown) => {
          if ((known(workflowId).status ?? 'RUNNING') !== 'RUNNING') {
            throw new WorkflowNotFoundError('closed', workflowId, undefined);
          }
          signals.push({ workflowId, name, payload });
        },
      }),
    },
  };
  return { client: client as unknown as Client, signals };
}

/** The auditor's activities over both clouds, and an agent pool of the pool `web` in Azure DevOps. */
export async function auditor(
  devops: TestAzureDevOps,
  workflows: Record<string, StandIn>,
  through: AzureClients = azure,
) {
  const { client, signals } = standInEngine(workflows);
  const installation = testInstallation({
    name: 'home',
    azure: {
      subscriptionId: cloud.facts.subscriptionId,
      resourceGroup: cloud.facts.resourceGroup,
      credential: { kind: 'default' },
    },
    azureDevOps: { organizations: [{ url: devops.url, credential: { kind: 'entra' } }] },
  });
  const { connections } = devops;
  const { prepareAgentPool } = createDevOpsActivities({ connections });
  const specification = poolSpecification(devops.url);
  const { agentPoolId } = await prepareAgentPool({ installation: installation.name, specification });
  const registrar = createAgentRegistrar(connections);
  const sink = createObservationSink(client);
  return {
    ...createAuditActivities({ azure: through, connections, client, installation, registrar, sink }),
    registrar,
    signals,
    agentPoolId,
    agentPools: [{ organizationUrl: devops.url, agentPoolId }],
    /** An agent of the pool `web`. */
    agent: (): ProvisionInput => {
      const { identity, ...input } = newInput();
      const own = { ...identity, pool: 'web', organizationUrl: devops.url, agentPoolId };
      return { ...input, identity: own, workflowId: `agent/web/${identity.agent}` };
    },
  };
}

/** All three tags of an agent. */
export const tagsOf = ({ identity, workflowId }: ProvisionInput): Record<string, string> => ({
  'odp-installation': 'home',
  'odp-pool': identity.pool,
  'odp-agent': workflowId,
});

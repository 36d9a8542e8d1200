import type { HttpClient } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import type { Client } from '@temporalio/client';
import { createAgentActivities } from '../activities/agent.ts';
import { createAuditActivities } from '../activities/audit/activities.ts';
import { createAzureActivities } from '../activities/azure/activities.ts';
import { createAzureClients } from '../activities/azure/clients.ts';
import { createMachineSights } from '../activities/azure/machine-sights.ts';
import { createAzureCredential } from '../activities/azure/credential.ts';
import { createDevOpsActivities } from '../activities/devops/activities.ts';
import { createDevOpsConnections } from '../activities/devops/connections.ts';
import { createObserverActivities } from '../activities/devops/observer.ts';
import { createAgentRegistrar } from '../activities/devops/registrar.ts';
import { createInstallationActivities } from '../activities/installation.ts';
import type {
  AgentActivities,
  AuditActivities,
  AzureActivities,
  DevOpsActivities,
  EngineActivities,
  InstallationActivities,
  ObserverActivities,
} from '../activities/interfaces.ts';
import { createEngineActivities, createObservationSink } from '../activities/temporal/activities.ts';
import { installationLimits, type Installation, type SecretReference } from '../domain/installation.ts';
import { createDevOpsCredentials } from './devops-credentials.ts';
import { createProxyCredentials } from './proxy-credentials.ts';

/** The activities of each task queue, with real clients inside. */
export interface WorkerActivities {
  local: InstallationActivities;
  azure: AgentActivities & AzureActivities & AuditActivities;
  devops: DevOpsActivities & EngineActivities;
  observer: ObserverActivities;
}

const defaultResourceManagerEndpoint = 'https://management.azure.com';

/** Gives every activity its client for one installation. */
export function createActivities(options: {
  installation: Installation;
  client: Client;
  readSecret(reference: SecretReference): string;
  /** Another way to reach Azure, for a cloud in the same process. */
  azure?: { credential: TokenCredential; httpClient: HttpClient };
}): WorkerActivities {
  const { installation, client, readSecret } = options;
  const credential = options.azure?.credential ?? createAzureCredential(installation.azure, readSecret);
  const azure = createAzureClients({
    endpoint: installation.azure.resourceManagerEndpoint ?? defaultResourceManagerEndpoint,
    scope: installation.azure.scope ?? `${defaultResourceManagerEndpoint}/.default`,
    credential,
    userAgent: 'open-devops-pools',
    ...(options.azure ? { httpClient: options.azure.httpClient } : {}),
    ...(installation.azure.operationPollMs === undefined ? {} : { pollIntervalMs: installation.azure.operationPollMs }),
  });
  const connections = createDevOpsConnections({
    credentialFor: createDevOpsCredentials(installation, credential, readSecret),
    userAgent: 'open-devops-pools',
  });
  const registrar = createAgentRegistrar(connections);
  const sink = createObservationSink(client);
  return {
    local: createInstallationActivities(installation),
    azure: {
      ...createAgentActivities({
        azure,
        registrar,
        ...(installation.agentPackage?.linux && { agentPackage: installation.agentPackage.linux }),
        proxyCredential: createProxyCredentials(installation, readSecret),
      }),
      ...createAzureActivities({ azure }),
      ...createAuditActivities({ azure, connections, client, installation, registrar, sink }),
    },
    devops: { ...createDevOpsActivities({ connections }), ...createEngineActivities({ client }) },
    observer: createObserverActivities({
      connections,
      sink,
      machines: createMachineSights(azure, installationLimits(installation).observer.machineLooksMs),
    }),
  };
}

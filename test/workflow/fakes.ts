import type {
  AgentActivities,
  AzureActivities,
  DevOpsActivities,
  EngineActivities,
  ObserverActivities,
} from '../../activities/interfaces.ts';
import type { AgentIdentity, AgentInput, ObservedJob, PoolInput } from '../../domain/messages.ts';
import { defaultLimits } from '../../domain/limits.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';

/**
 * Typed stand-ins for the activities, for tests of a workflow's own rules over days of virtual time. Everything that
 * concerns Azure or Azure DevOps itself is tested against the embedded cloud instead.
 */

/** What the stand-ins were asked to do, in order. */
export type Calls = string[];

export const specification: PoolSpecification = {
  name: 'linux',
  organization: {
    url: 'https://dev.azure.com/contoso',
    name: 'contoso',
    projects: ['samples'],
    openAccess: false,
    agentPoolName: 'linux',
  },
  maximumConcurrency: 10,
  standby: { count: 0, counts: 'total' },
  images: [
    {
      name: 'ubuntu',
      aliases: ['ubuntu'],
      reference: { kind: 'marketplace', publisher: 'Canonical', offer: 'ubuntu', sku: 'server', version: 'latest' },
      operatingSystem: 'Linux',
      buffer: '*',
    },
  ],
  machine: {
    subscriptionId: '00000000-0000-0000-0000-000000000001',
    resourceGroup: 'agents',
    location: 'westeurope',
    vmSize: 'Standard_D2ads_v5',
    osDiskStorageAccountType: 'Standard_LRS',
    subnetId: '/subscriptions/0/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/v/subnets/s',
    tags: {},
    workFolder: '_work',
  },
};

export const identity: AgentIdentity = {
  installation: 'test',
  pool: 'linux',
  agent: '012345678000001',
  organizationUrl: 'https://dev.azure.com/contoso',
  agentPoolId: 1,
};

export function agentInput(overrides: Partial<AgentInput> = {}): AgentInput {
  return {
    identity,
    specification,
    image: 'ubuntu',
    limits: defaultLimits.agent,
    decidedAt: 1,
    reason: 'one job waits',
    ...overrides,
  };
}

export function poolInput(overrides: Partial<PoolInput> = {}): PoolInput {
  return { pool: 'linux', installation: 'test', limits: defaultLimits, ...overrides };
}

export function observedJob(overrides: Partial<ObservedJob> = {}): ObservedJob {
  return {
    requestId: 7,
    jobId: 'job-7',
    jobName: 'build',
    projectId: 'project',
    buildId: 70,
    queuedAt: 1_000,
    assignedAt: 2_000,
    startedAt: 3_000,
    ...overrides,
  };
}

export type Fakes = AgentActivities & AzureActivities & DevOpsActivities & EngineActivities & ObserverActivities;

/** Activities that succeed at once and write down what they were asked. */
export function fakeActivities(calls: Calls, overrides: Partial<Fakes> = {}): Fakes {
  const note = (call: string) => void calls.push(call);
  return {
    async provisionAgent({ identity: { agent } }) {
      note(`provision ${agent}`);
      return { registrationId: 5, resourceId: `/vm/${agent}`, createSentAt: 10, runningAt: 20 };
    },
    async returnAgent({ identity: { agent } }) {
      note(`return ${agent}`);
      return { outcome: 'returned' };
    },
    async parkAgent({ identity: { agent } }) {
      note(`park ${agent}`);
      return { outcome: 'parked' };
    },
    async wakeAgent({ identity: { agent } }) {
      note(`wake ${agent}`);
      return { outcome: 'woken', startSentAt: 30, runningAt: 40 };
    },
    async checkMachine() {},
    async checkOrganization() {},
    async prepareAgentPool() {
      return { agentPoolId: 1 };
    },
    async removeAgentPool() {
      note('remove agent pool');
    },
    async disableAgent({ registrationId }) {
      note(`disable ${registrationId}`);
    },
    async deregisterAgent({ identity: { agent } }) {
      note(`deregister ${agent}`);
      return { outcome: 'deregistered' };
    },
    async cancelBuild({ buildId }) {
      note(`cancel ${buildId}`);
    },
    async tagBuild({ tag }) {
      note(`tag ${tag}`);
    },
    async retryStage({ jobId }) {
      note(`retry ${jobId}`);
      return { outcome: 'retried' };
    },
    async watchPool() {
      note('watch');
    },
    async unwatchPool() {
      note('unwatch');
    },
    async listOpenAgents() {
      return [];
    },
    async observeOrganization() {},
    ...overrides,
  };
}

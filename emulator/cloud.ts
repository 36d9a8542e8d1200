import { join } from 'node:path';
import { createArm } from './arm/app.ts';
import { createAzureDevOps } from './azure-devops/app.ts';
import { agentPackagePath, createControl } from './control/app.ts';
import { createChance } from './core/chance.ts';
import type { Addresses, Clock, CloudContext, Handler } from './core/context.ts';
import { loadIdentity } from './core/facts.ts';
import { createFaults } from './core/faults.ts';
import type { FaultRegister } from './core/faults.ts';
import { createLatencies } from './core/latencies.ts';
import { createLedger } from './core/ledger.ts';
import { createMemoryStore } from './core/store.ts';
import type { CloudStore } from './core/store.ts';
import { azureDevOpsAudiences, createTokens } from './entra/tokens.ts';
import { chooseGuest } from './guest/choose.ts';
import { createGuest } from './guest/guest.ts';
import { makeAgentPackage } from './guest/process-machines/agent-package.ts';
import { createProcessGuest } from './guest/process-machines/guest.ts';

/** What a cloud is made with. */
export interface CloudOptions {
  clock: Clock;
  /** The same seed and the same calls give the same cloud. Default 1. */
  seed?: number;
  /** Factor on every latency, above 0; 1 is as slow as the real cloud. Default 1. */
  scale?: number;
  /** Default: a store that ends with the process. */
  store?: CloudStore;
  /** Where clients reach the services. Default: names that resolve nowhere, for callers in this process. */
  addresses?: Addresses;
  /** Whether Azure's rate limits refuse calls. Default true. */
  strictThrottling?: boolean;
  /** Machines that are processes on this one, by their names; all others are simulated. Needs the real clock. */
  processMachines?: {
    /** `*` is any text. */
    names: string;
    /** Where each has a folder of its own. */
    folder: string;
  };
  /** How long Azure DevOps waits for a sign of life of a job's agent. Default ten minutes. */
  jobLockMs?: number;
}

/** What clients must know to use a cloud: the ready line of the process, with the secrets by value. */
export interface CloudFacts {
  arm: string;
  entra: string;
  azureDevOps: string;
  control: string;
  tenantId: string;
  clientId: string;
  clientSecret: string;
  subscriptionId: string;
  resourceGroup: string;
  location: string;
  subnetId: string;
  organization: string;
  organizationUrl: string;
  project: string;
  personalAccessToken: string;
  pipeline: string;
  /** The agent's software for machines that are processes. */
  agentPackage?: { url: string; sha256: string };
}

/** Azure and Azure DevOps, embedded. */
export interface Cloud {
  context: CloudContext & { faults: FaultRegister };
  /** Azure Resource Manager and Entra ID. */
  arm: Handler;
  azureDevOps: Handler;
  /** What tests and operators change from outside; also the instance metadata service. */
  control: Handler;
  facts: CloudFacts;
  /**
   * A token for `audience` by the cloud's own clock, for callers in this process: a credential of the SDK renews by real
   * time, which a virtual clock outruns.
   */
  token(audience: string): string;
  /** Changes a machine without a call. False when there is no such machine. */
  disturb(machineName: string, what: 'stop' | 'evict'): boolean;
  /** Takes up what the store says was under way. Call once, before the first call is served. */
  resume(): void;
  /** Ends what runs. The clock and the store belong to the caller when the caller gave them. */
  close(): void;
}

/** Names under the reserved top-level domain `invalid`: nothing outside this process answers there. */
const inProcess: Addresses = {
  arm: 'https://management.azure.invalid',
  entra: 'https://login.microsoftonline.invalid',
  azureDevOps: 'https://dev.azure.invalid',
  control: 'https://control.azure.invalid',
};

/** Makes a cloud from what its store holds. */
export function createCloud(options: CloudOptions): Cloud {
  const { clock, seed = 1, scale = 1, addresses = inProcess, strictThrottling = true } = options;
  const store = options.store ?? createMemoryStore();
  const chance = createChance(seed, store.life);
  const context = {
    clock,
    chance,
    store,
    ledger: createLedger(store.ledger),
    faults: createFaults(store, chance),
    latencies: createLatencies(chance, scale),
    addresses,
  };
  const identity = loadIdentity(store, chance, options.store !== undefined);
  const tokens = createTokens(context, identity);
  const azureDevOps = createAzureDevOps(context, {
    organization: identity.organization,
    projects: [identity.project],
    personalAccessToken: identity.personalAccessToken,
    ...(options.jobLockMs === undefined ? {} : { jobLockMs: options.jobLockMs }),
    verifyBearer: (authorization) => tokens.verify(authorization, azureDevOpsAudiences) !== undefined,
  });
  const simulated = createGuest(context, azureDevOps.handler);
  const { processMachines } = options;
  const guest =
    processMachines === undefined
      ? simulated
      : chooseGuest(processMachines.names, createProcessGuest(context, processMachines.folder), simulated);
  const agentPackage = processMachines && makeAgentPackage(join(processMachines.folder, '.agent-package'));
  const arm = createArm(context, identity, tokens, guest, strictThrottling);
  const { tenantId, clientId, clientSecret, subscriptionId, resourceGroup, location } = identity;
  const network = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network`;
  return {
    context,
    arm: arm.handler,
    azureDevOps: azureDevOps.handler,
    control: createControl({
      context,
      rows: store.ledger,
      arm,
      azureDevOps,
      identity,
      tokens,
      ...(agentPackage && { agentPackage: agentPackage.content }),
    }),
    facts: {
      ...addresses,
      tenantId,
      clientId,
      clientSecret,
      subscriptionId,
      resourceGroup,
      location,
      subnetId: `${network}/virtualNetworks/agents/subnets/default`,
      organization: identity.organization,
      organizationUrl: `${addresses.azureDevOps}/${identity.organization}`,
      project: identity.project,
      personalAccessToken: identity.personalAccessToken,
      pipeline: identity.pipeline,
      ...(agentPackage && {
        agentPackage: { url: `${addresses.control}${agentPackagePath}`, sha256: agentPackage.sha256 },
      }),
    },
    token: (audience) => tokens.issue(audience, clientId, identity.principalId),
    disturb: (machineName, what) => arm.disturb(machineName, what),
    resume() {
      azureDevOps.resume();
      arm.resume();
    },
    close() {
      guest.close?.();
      azureDevOps.close();
    },
  };
}

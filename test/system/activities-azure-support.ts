import type { HttpClient } from '@azure/core-rest-pipeline';
import { ClientSecretCredential } from '@azure/identity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createAzureClients, type AzureClients } from '../../activities/azure/clients.ts';
import { createKeyStock } from '../../activities/azure/key-stock.ts';
import type { AgentRegistrar, ProvisionInput } from '../../activities/interfaces.ts';
import { createCloud, type Cloud } from '../../emulator/cloud.ts';
import { createRealClock } from '../../emulator/core/clock.ts';
import type { Fault } from '../../emulator/core/context.ts';
import { createMemoryStore } from '../../emulator/core/store.ts';
import { inProcessTransport } from '../support/azure-in-process.ts';

/** Real time, five hundred times as fast as the real cloud. */
const scale = 0.002;

let counter = 0;

/** Failures that are asked for need no warning. */
const logger = new DefaultLogger('ERROR');

/** The embedded cloud of this test file; each file has one of its own. */
export const cloud = createCloud({ clock: createRealClock(), seed: 1, scale, store: createMemoryStore() });
cloud.resume();

/** A small stock: making keys is most of what these tests cost. */
export const keys = createKeyStock({ size: 4 });

/** With the secret that the cloud knows. */
export const azure = azureOf(cloud);

export function closeCloud(): void {
  keys.close();
  cloud.close();
}

/** The real clients, for a cloud in this process. */
export function azureOf(
  cloud: Cloud,
  clientSecret = cloud.facts.clientSecret,
  httpClient: HttpClient = inProcessTransport(cloud.arm),
): AzureClients {
  const { tenantId, clientId, arm, entra } = cloud.facts;
  const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, {
    authorityHost: entra,
    disableInstanceDiscovery: true,
    httpClient,
    retryOptions: { maxRetries: 0 },
  });
  const scope = 'https://management.azure.com/.default';
  return createAzureClients({ endpoint: arm, scope, credential, userAgent: 'test', httpClient, pollIntervalMs: 10 });
}

export const addFault = (fault: Omit<Fault, 'id'>): Fault => cloud.context.faults.add(fault);

/** Stands in for Azure DevOps, which has its own tests; what matters here is when it is asked, and what it answers. */
export function registrar(options: { busy?: boolean } = {}): AgentRegistrar & { calls: string[] } {
  const calls: string[] = [];
  const known = new Map<string, number>();
  return {
    calls,
    register(identity, _key, userCapabilities) {
      calls.push(`register ${JSON.stringify(userCapabilities)}`);
      known.set(identity.agent, known.size + 1);
      return Promise.resolve({
        registrationId: known.size,
        agentPoolName: identity.pool,
        serverUrl: identity.organizationUrl,
        clientId: '11111111-1111-1111-1111-111111111111',
        authorizationUrl: 'https://token.invalid/',
      });
    },
    find(identity) {
      const registrationId = known.get(identity.agent);
      return Promise.resolve(registrationId === undefined ? undefined : { registrationId });
    },
    deregister(identity) {
      calls.push('deregister');
      if (options.busy) return Promise.resolve('busy');
      known.delete(identity.agent);
      return Promise.resolve('removed');
    },
    withdraw() {
      calls.push('withdraw');
      return Promise.resolve(options.busy ? 'busy' : 'withdrawn');
    },
    admit() {
      calls.push('admit');
      return Promise.resolve('admitted');
    },
  };
}

/** An agent of its own for each call. */
export function newInput(overrides: Partial<ProvisionInput['machine']> = {}, { facts }: Cloud = cloud): ProvisionInput {
  const agent = `abcdef012${(counter++).toString(36).padStart(6, '0')}`;
  const { subscriptionId, resourceGroup, location, subnetId } = facts;
  return {
    identity: {
      installation: 'home',
      pool: 'build',
      agent,
      organizationUrl: 'https://dev.azure.com/contoso',
      agentPoolId: 1,
    },
    workflowId: `agent/build/${agent}`,
    machine: {
      subscriptionId,
      resourceGroup,
      location,
      vmSize: 'Standard_D2ads_v5',
      osDiskStorageAccountType: 'StandardSSD_LRS',
      subnetId,
      tags: { team: 'blue' },
      workFolder: '_work',
      ...overrides,
    },
    image: {
      name: 'ubuntu',
      aliases: ['ubuntu', 'ubuntu-24.04'],
      reference: {
        kind: 'marketplace',
        publisher: 'Canonical',
        offer: 'ubuntu-24_04-lts',
        sku: 'server',
        version: 'latest',
      },
      operatingSystem: 'Linux',
      buffer: '*',
    },
  };
}

export interface Run {
  attempt?: number;
  heartbeatDetails?: unknown;
  /** Cancels the activity when a heartbeat says so. */
  cancelWhen?: (details: Record<string, unknown>) => boolean;
}

/** Runs one attempt and keeps its last heartbeat, as the engine would. */
export async function attempt<I, R>(
  activity: (input: I) => Promise<R>,
  input: I,
  { attempt: number = 1, heartbeatDetails, cancelWhen }: Run = {},
): Promise<{ result?: R; error?: unknown; heartbeat: Record<string, unknown> }> {
  const environment = new MockActivityEnvironment({ attempt: number, heartbeatDetails }, { logger });
  let heartbeat: Record<string, unknown> = {};
  environment.on('heartbeat', (details: Record<string, unknown>) => {
    heartbeat = details;
    if (cancelWhen?.(details)) environment.cancel('CANCELLED');
  });
  try {
    return { result: await environment.run(activity, input), heartbeat };
  } catch (error) {
    return { error, heartbeat };
  }
}

export const machinePath = ({ identity, machine }: Pick<ProvisionInput, 'identity' | 'machine'>): string =>
  `/subscriptions/${machine.subscriptionId}/resourceGroups/${machine.resourceGroup}/providers/Microsoft.Compute/virtualMachines/${identity.agent}`;

export function callsTo(input: ProvisionInput, method: string): number {
  const path = machinePath(input).toLowerCase();
  return cloud.context.ledger
    .entries('call')
    .filter((entry) => entry.method === method && entry.path.toLowerCase() === path).length;
}

export function machinesMade(input: ProvisionInput): number {
  return cloud.context.ledger
    .entries('machine')
    .filter(({ id, event }) => event === 'createAccepted' && id.toLowerCase() === machinePath(input).toLowerCase())
    .length;
}

/** Everything in the subscription that carries the agent's tag. */
export async function resourcesOf(
  { machine, workflowId }: ProvisionInput,
  through = azure,
): Promise<{ id: string; type: string }[]> {
  const filter = encodeURIComponent(`tagName eq 'odp-agent' and tagValue eq '${workflowId}'`);
  const path = `/subscriptions/${machine.subscriptionId}/resources?api-version=2021-04-01&$filter=${filter}`;
  const { body } = await through.call('test', 'GET', machine.subscriptionId, path);
  return (body as { value: { id: string; type: string }[] }).value;
}

export async function putNetworkInterface(
  input: ProvisionInput,
  name: string,
  tags: Record<string, string>,
): Promise<string> {
  const { subscriptionId, resourceGroup, location, subnetId } = input.machine;
  const id = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/networkInterfaces/${name}`;
  const { token } = (await new ClientSecretCredential(
    cloud.facts.tenantId,
    cloud.facts.clientId,
    cloud.facts.clientSecret,
    { authorityHost: cloud.facts.entra, disableInstanceDiscovery: true, httpClient: inProcessTransport(cloud.arm) },
  ).getToken('https://management.azure.com/.default')) ?? { token: '' };
  const response = await cloud.arm(
    new Request(`${cloud.facts.arm}${id}?api-version=2024-05-01`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        location,
        tags,
        properties: { ipConfigurations: [{ name: 'primary', properties: { subnet: { id: subnetId } } }] },
      }),
    }),
  );
  if (!response.ok) throw new Error(await response.text());
  return id;
}

export const ownTags = (input: ProvisionInput): Record<string, string> => ({
  'odp-installation': 'home',
  'odp-pool': 'build',
  'odp-agent': input.workflowId,
});

export async function exists(input: ProvisionInput, id: string, apiVersion: string): Promise<boolean> {
  const { status } = await azure.call('test', 'GET', input.machine.subscriptionId, `${id}?api-version=${apiVersion}`);
  return status !== 404;
}

import { ComputeManagementClient } from '@azure/arm-compute';
import type { VirtualMachine } from '@azure/arm-compute';
import { ClientSecretCredential } from '@azure/identity';
import { createCloud } from '../../emulator/cloud.ts';
import type { Cloud, CloudOptions } from '../../emulator/cloud.ts';
import { createVirtualClock } from '../../emulator/core/clock.ts';
import type { VirtualClock } from '../../emulator/core/clock.ts';
import type { Fault } from '../../emulator/core/context.ts';
import { createMemoryStore } from '../../emulator/core/store.ts';
import type { CloudStore } from '../../emulator/core/store.ts';
import { inProcessTransport } from './azure-in-process.ts';

/** A cloud under a virtual clock, with real clients of Azure. */
export interface AzureWorld {
  cloud: Cloud;
  clock: VirtualClock;
  store: CloudStore;
  client: ComputeManagementClient;
  /** Sends a call that the SDK has no method for, with a valid token. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** The path of a resource in the cloud's resource group, or below it. */
  path(tail: string): string;
  /** Waits for a promise while time passes as fast as it can. */
  run<T>(promise: PromiseLike<T>): Promise<T>;
  fault(fault: Omit<Fault, 'id'>): Fault;
  machine(name: string, change?: (machine: VirtualMachine) => void): VirtualMachine;
}

/** Puts the network interface of a described machine into another subnet. */
export function inSubnet(machine: VirtualMachine, id: string): void {
  for (const nic of machine.networkProfile?.networkInterfaceConfigurations ?? []) {
    for (const configuration of nic.ipConfigurations ?? []) configuration.subnet = { id };
  }
}

/** A sound description of a machine. */
export function machineIn(subnetId: string, location: string, name: string): VirtualMachine {
  return {
    location,
    tags: { owner: 'tests', machine: name },
    hardwareProfile: { vmSize: 'Standard_D2ads_v5' },
    storageProfile: {
      imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
      osDisk: {
        name: `${name}-os`,
        createOption: 'FromImage',
        deleteOption: 'Delete',
        managedDisk: { storageAccountType: 'StandardSSD_LRS' },
      },
    },
    osProfile: {
      computerName: name,
      adminUsername: 'AzDevOps',
      customData: Buffer.from('#cloud-config\n').toString('base64'),
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: { publicKeys: [{ path: '/home/AzDevOps/.ssh/authorized_keys', keyData: 'ssh-ed25519 AAAAC3Nz' }] },
      },
    },
    networkProfile: {
      networkApiVersion: '2022-11-01',
      networkInterfaceConfigurations: [
        {
          name: `${name}-nic`,
          primary: true,
          deleteOption: 'Delete',
          tags: { owner: 'tests' },
          ipConfigurations: [{ name: 'ip', primary: true, subnet: { id: subnetId } }],
        },
      ],
    },
  };
}

/** Opens a world; `resume` has been called. */
export function openAzure(options: Partial<CloudOptions> & { store?: CloudStore } = {}): AzureWorld {
  const clock = createVirtualClock();
  const store = options.store ?? createMemoryStore();
  const cloud = createCloud({ clock, scale: 0.01, strictThrottling: false, ...options, store });
  cloud.resume();
  const { facts } = cloud;
  const httpClient = inProcessTransport(async (request) => {
    const answer = await cloud.arm(request);
    // The SDK would wait for the next poll in real time.
    if (answer.ok) answer.headers.delete('retry-after');
    return answer;
  });
  const credential = new ClientSecretCredential(facts.tenantId, facts.clientId, facts.clientSecret, {
    authorityHost: facts.entra,
    disableInstanceDiscovery: true,
    httpClient,
    retryOptions: { maxRetries: 0 },
  });
  const client = new ComputeManagementClient(credential, facts.subscriptionId, {
    endpoint: facts.arm,
    httpClient,
    retryOptions: { maxRetries: 0 },
  });
  const { run, token } = {
    run: <T>(promise: PromiseLike<T>) => clock.runUntil(Promise.resolve(promise)),
    token: () => credential.getToken('https://management.azure.com/.default'),
  };
  return {
    cloud,
    clock,
    store,
    client,
    run,
    path: (tail) => `/subscriptions/${facts.subscriptionId}/resourceGroups/${facts.resourceGroup}${tail}`,
    async call(method, path, body, headers = {}) {
      const { token: bearer } = await run(token());
      const url = `${facts.arm}${path}${path.includes('?') ? '&' : '?'}api-version=2025-04-01`;
      const request = new Request(url, {
        method,
        headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return run(Promise.resolve(cloud.arm(request)));
    },
    fault: (fault) => cloud.context.faults.add(fault),
    machine(name, change) {
      const machine = machineIn(facts.subnetId, facts.location, name);
      change?.(machine);
      return machine;
    },
  };
}

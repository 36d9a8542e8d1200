import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { createAgentActivities } from '../../activities/agent.ts';
import { failureOf } from '../../activities/errors.ts';
import {
  attempt,
  azure,
  closeCloud,
  cloud,
  keys,
  machinePath,
  newInput,
  registrar,
  resourcesOf,
} from './activities-azure-support.ts';

/** A machine at the place that a pool chose for it, and what Azure says where that place has none. */

beforeEach(() => cloud.context.faults.clear());
afterAll(closeCloud);

const networkVersion = '2024-05-01';
const north = 'northeurope';

async function subnetIn(location: string): Promise<string> {
  const { subscriptionId, resourceGroup } = cloud.facts;
  const id = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/virtualNetworks/${location}`;
  await azure.call('test', 'PUT', subscriptionId, `${id}?api-version=${networkVersion}`, undefined, {
    location,
    properties: {
      addressSpace: { addressPrefixes: ['10.1.0.0/16'] },
      subnets: [{ name: 'default', properties: { addressPrefix: '10.1.0.0/24' } }],
    },
  });
  return `${id}/subnets/default`;
}

async function read(id: string, apiVersion: string): Promise<Record<string, unknown>> {
  const { body } = await azure.call('test', 'GET', cloud.facts.subscriptionId, `${id}?api-version=${apiVersion}`);
  return body as Record<string, unknown>;
}

const activities = () => createAgentActivities({ azure, registrar: registrar(), keys });

test('a machine has size, zone, priority, price, region and subnet of its place, with its parts beside it, and goes whole', async () => {
  const input = newInput({
    location: north,
    subnetId: await subnetIn(north),
    vmSize: 'Standard_D2s_v3',
    zone: '2',
    priority: 'Spot',
    maximumPrice: 0.05,
  });
  const { provisionAgent, returnAgent } = activities();
  const { error } = await attempt(provisionAgent, input);
  expect(error).toBeUndefined();

  expect(await read(machinePath(input), '2024-11-01')).toMatchObject({
    location: north,
    zones: ['2'],
    properties: {
      hardwareProfile: { vmSize: 'Standard_D2s_v3' },
      priority: 'Spot',
      evictionPolicy: 'Delete',
      billingProfile: { maxPrice: 0.05 },
    },
  });
  const parts = await resourcesOf(input);
  expect(parts).toHaveLength(3);
  for (const { id, type } of parts) {
    const version = /networkInterfaces/i.test(type) ? networkVersion : '2024-03-02';
    expect(await read(id, version)).toMatchObject({ location: north });
  }

  const returned = await attempt(returnAgent, input);
  expect(returned.result).toEqual({ outcome: 'returned' });
  expect(await resourcesOf(input)).toEqual([]);
});

test('a Spot machine without a price of its own pays up to the regular price; a regular one says nothing of it', async () => {
  const { provisionAgent } = activities();
  const spot = newInput({ priority: 'Spot' });
  await attempt(provisionAgent, spot);
  expect(await read(machinePath(spot), '2024-11-01')).toMatchObject({
    properties: { billingProfile: { maxPrice: -1 } },
  });
  const regular = newInput();
  await attempt(provisionAgent, regular);
  const body = await read(machinePath(regular), '2024-11-01');
  expect(body).not.toHaveProperty('zones');
  for (const name of ['priority', 'evictionPolicy', 'billingProfile']) {
    expect(body['properties']).not.toHaveProperty(name);
  }
});

test.each<[string, Parameters<typeof newInput>[0], Record<string, unknown>, { code: string; azureCode: string }]>([
  [
    'a full zone',
    { zone: '1', vmSize: 'Standard_D4ads_v5' },
    { vmSize: 'Standard_D4ads_v5', zone: '1', machines: 0 },
    { code: 'AllocationFailed', azureCode: 'ZonalAllocationFailed' },
  ],
  [
    'a full region',
    { vmSize: 'Standard_D4as_v5' },
    { vmSize: 'Standard_D4as_v5', machines: 0 },
    { code: 'AllocationFailed', azureCode: 'AllocationFailed' },
  ],
  [
    'no Spot capacity',
    { vmSize: 'Standard_D4s_v3', priority: 'Spot' },
    { vmSize: 'Standard_D4s_v3', priority: 'Spot', machines: 0 },
    { code: 'SkuNotAvailable', azureCode: 'SkuNotAvailable' },
  ],
])(
  '%s fails the create with our code and that of Azure, and is not tried again',
  async (_what, machine, limit, said) => {
    await cloud.control(
      new Request(`${cloud.facts.control}/capacity`, { method: 'PATCH', body: JSON.stringify(limit) }),
    );
    const input = newInput(machine);
    const { provisionAgent, returnAgent } = activities();
    const { error } = await attempt(provisionAgent, input);
    expect(error).toMatchObject({ nonRetryable: true });
    expect(failureOf(error)).toMatchObject(said);
    await attempt(returnAgent, input);
    expect(await resourcesOf(input)).toEqual([]);
  },
);

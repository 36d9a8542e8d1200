import type { VirtualMachine } from '@azure/arm-compute';
import type { RestError } from '@azure/core-rest-pipeline';
import { describe, expect, test } from '@jest/globals';
import { openAzure } from '../support/embedded-azure.ts';
import type { AzureWorld } from '../support/embedded-azure.ts';

/** The embedded cloud's room for machines, and faults that strike one kind of machine only. */

const fast = { updateIntervalInMs: 1 };

const create = (world: AzureWorld, name: string, change: (machine: VirtualMachine) => void = () => {}) =>
  world.run(world.client.virtualMachines.createOrUpdate('agents', name, world.machine(name, change), fast));

const inZone = (zone: string) => (machine: VirtualMachine) => void (machine.zones = [zone]);

const spot = (machine: VirtualMachine) =>
  void Object.assign(machine, { priority: 'Spot', evictionPolicy: 'Delete', billingProfile: { maxPrice: -1 } });

async function failure(promise: Promise<unknown>): Promise<Error & Partial<RestError>> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('The call did not fail.');
}

async function capacity(world: AzureWorld, limit: Record<string, unknown>): Promise<Response> {
  const body = JSON.stringify(limit);
  return await world.cloud.control(new Request(`${world.cloud.facts.control}/capacity`, { method: 'PATCH', body }));
}

describe('room for machines', () => {
  test('a full zone fails a creation late, while another zone and no zone have room', async () => {
    const world = openAzure();
    await capacity(world, { vmSize: 'Standard_D2ads_v5', zone: '1', machines: 0 });
    expect((await failure(create(world, 'one', inZone('1')))).message).toContain('ZonalAllocationFailed');
    expect((await world.run(world.client.virtualMachines.get('agents', 'one'))).provisioningState).toBe('Failed');
    expect((await create(world, 'two', inZone('2'))).zones).toEqual(['2']);
    expect((await create(world, 'three')).zones).toBeUndefined();
  });

  test('a full region fails a creation without a zone in the words of a region', async () => {
    const world = openAzure();
    await capacity(world, { vmSize: 'Standard_D2ads_v5', machines: 1 });
    await create(world, 'one');
    expect((await failure(create(world, 'two'))).message).toContain('AllocationFailed');
    await world.run(world.client.virtualMachines.delete('agents', 'one', fast));
    expect((await create(world, 'three')).provisioningState).toBe('Succeeded');
  });

  test('without Spot capacity a creation is refused at once and nothing is made, while regular machines have room', async () => {
    const world = openAzure();
    await capacity(world, { priority: 'Spot', machines: 0 });
    const error = await failure(create(world, 'one', spot));
    expect([error.statusCode, error.code]).toEqual([409, 'SkuNotAvailable']);
    expect((await create(world, 'two')).priority).toBeUndefined();
    expect((await failure(world.run(world.client.virtualMachines.get('agents', 'one')))).name).toBe('RestError');
  });

  test('a limit is taken away, and a wrong one is explained', async () => {
    const world = openAzure();
    const limit = { priority: 'Spot', vmSize: 'Standard_D2ads_v5', zone: '2' };
    const set = await (await capacity(world, { ...limit, machines: 0 })).json();
    expect(set).toEqual({ limits: [{ location: 'westeurope', ...limit, machines: 0 }] });
    expect(await (await capacity(world, { ...limit, machines: null })).json()).toEqual({ limits: [] });
    expect((await capacity(world, { priority: 'Low', machines: 0 })).status).toBe(400);
    expect((await capacity(world, {})).status).toBe(400);
  });

  test('a size that a zone does not have, or that is closed there, is refused at once', async () => {
    const world = openAzure();
    const size = (vmSize: string, location: string, zone: string) => (machine: VirtualMachine) =>
      void Object.assign(machine, { hardwareProfile: { vmSize }, location, zones: [zone] });
    const missing = await failure(create(world, 'one', size('Standard_F4s_v2', 'westeurope', '3')));
    expect([missing.statusCode, missing.code]).toEqual([409, 'SkuNotAvailable']);
    const closed = await failure(create(world, 'two', size('Standard_D16ads_v5', 'eastus', '3')));
    expect([closed.statusCode, closed.code]).toEqual([409, 'SkuNotAvailable']);
    const restrictions: unknown[] = [];
    await world.run(
      (async () => {
        for await (const sku of world.client.resourceSkus.list({ filter: "location eq 'eastus'" })) {
          if (sku.name === 'Standard_D16ads_v5') restrictions.push(...(sku.restrictions ?? []));
        }
      })(),
    );
    expect(restrictions).toMatchObject([{ type: 'Zone', restrictionInfo: { locations: ['eastus'], zones: ['3'] } }]);
  });
});

describe('a fault can strike one kind of machine', () => {
  test.each<[string, Record<string, string>]>([
    ['size', { vmSize: 'Standard_D4ads_v5' }],
    ['zone', { zone: '1' }],
    ['priority', { priority: 'Spot' }],
    ['region', { location: 'westeurope', zone: '1' }],
  ])('by its %s', async (_what, match) => {
    const world = openAzure();
    world.fault({
      match: { operation: 'VirtualMachines_CreateOrUpdate', ...match },
      effect: { kind: 'longRunningOperation', outcome: 'failed', code: 'AllocationFailed' },
    });
    expect((await create(world, 'one', inZone('2'))).provisioningState).toBe('Succeeded');
    const struck = create(world, 'two', (machine) => {
      inZone('1')(machine);
      spot(machine);
      machine.hardwareProfile = { vmSize: 'Standard_D4ads_v5' };
    });
    expect((await failure(struck)).message).toContain('AllocationFailed');
  });

  test('before the call has an effect, too', async () => {
    const world = openAzure();
    world.fault({
      match: { operation: 'VirtualMachines_CreateOrUpdate', zone: '1' },
      effect: { kind: 'reject', status: 400, code: 'SubnetIsFull' },
    });
    expect((await failure(create(world, 'one', inZone('1')))).code).toBe('SubnetIsFull');
    expect((await create(world, 'two', inZone('2'))).zones).toEqual(['2']);
  });
});

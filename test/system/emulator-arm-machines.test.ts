import { restorePoller } from '@azure/arm-compute';
import type { VirtualMachine } from '@azure/arm-compute';
import { RestError } from '@azure/core-rest-pipeline';
import { describe, expect, test } from '@jest/globals';
import type { MachineEvent } from '../../emulator/core/context.ts';
import { inSubnet, openAzure } from '../support/embedded-azure.ts';
import type { AzureWorld } from '../support/embedded-azure.ts';

const fast = { updateIntervalInMs: 1 };
const compute = '/providers/Microsoft.Compute';

const create = (world: AzureWorld, name: string, change?: (machine: VirtualMachine) => void) =>
  world.run(world.client.virtualMachines.createOrUpdate('agents', name, world.machine(name, change), fast));

const remove = (world: AzureWorld, name: string) =>
  world.run(world.client.virtualMachines.delete('agents', name, { forceDeletion: true, ...fast }));

const refusal = async (promise: Promise<unknown>): Promise<RestError> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RestError) return error;
    throw error;
  }
  throw new Error('The call was not refused.');
};

/** What became of machines, without what the guest in them did. */
const events = (world: AzureWorld): MachineEvent[] =>
  world.cloud.context.ledger
    .entries('machine')
    .map(({ event }) => event)
    .filter((event) => event !== 'booted' && !event.startsWith('agent'));

async function power(world: AzureWorld, name: string): Promise<string | undefined> {
  const view = await world.run(world.client.virtualMachines.instanceView('agents', name));
  return view.statuses?.map(({ code }) => code).find((code) => code?.startsWith('PowerState/'));
}

async function names<T extends { name?: string }>(world: AzureWorld, list: AsyncIterable<T>): Promise<string[]> {
  const found: string[] = [];
  await world.run(
    (async () => {
      for await (const item of list) found.push(item.name ?? '');
    })(),
  );
  return found;
}

async function resources(world: AzureWorld): Promise<string[]> {
  const answer = await world.call('GET', `${world.path('').split('/resourceGroups')[0] ?? ''}/resources`);
  const { value } = (await answer.json()) as { value: { type: string; name: string }[] };
  return value.filter(({ name }) => name !== 'agents').map(({ type, name }) => `${type.split('/')[1] ?? ''} ${name}`);
}

describe('a machine, by the real client', () => {
  test('is created with its network interface and disk, shown, and removed with both', async () => {
    const world = openAzure();
    const machine = await create(world, 'one');
    expect(machine.provisioningState).toBe('Succeeded');
    expect(machine.storageProfile?.imageReference).toMatchObject({
      version: 'latest',
      exactVersion: '24.04.202610230',
    });
    expect(machine.networkProfile?.networkInterfaces?.map(({ id }) => id?.split('/').at(-1))).toEqual(['one-nic']);
    expect(machine.osProfile?.customData).toBeUndefined();
    expect(await power(world, 'one')).toBe('PowerState/running');
    expect(await resources(world)).toEqual(['networkInterfaces one-nic', 'disks one-os', 'virtualMachines one']);

    await remove(world, 'one');
    expect(await resources(world)).toEqual([]);
    expect((await refusal(world.run(world.client.virtualMachines.get('agents', 'one')))).code).toBe('ResourceNotFound');
    // Deleting what is gone is no error.
    await remove(world, 'one');
    expect(events(world)).toEqual(['createAccepted', 'created', 'deleteAccepted', 'deleted']);
  });

  test('keeps the casing of its id, and is found in any', async () => {
    const world = openAzure();
    await create(world, 'MixedCase');
    const answer = await world.call('GET', world.path(`${compute}/virtualMachines/mixedCASE`).toUpperCase());
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      name: 'MixedCase',
      id: world.path(`${compute}/virtualMachines/MixedCase`),
    });
  });

  test('boots some time after its creation has succeeded, once', async () => {
    const world = openAzure();
    await create(world, 'one');
    await world.clock.advance(60_000);
    const booted = world.cloud.context.ledger.entries('machine').filter(({ event }) => event === 'booted');
    expect(booted).toHaveLength(1);
  });

  test('is deallocated, started and reimaged', async () => {
    const world = openAzure();
    const { client, run } = world;
    await create(world, 'one');
    await run(client.virtualMachines.deallocate('agents', 'one', fast));
    expect(await power(world, 'one')).toBe('PowerState/deallocated');
    await run(client.virtualMachines.start('agents', 'one', fast));
    expect(await power(world, 'one')).toBe('PowerState/running');
    await run(client.virtualMachines.reimage('agents', 'one', { parameters: { tempDisk: true }, ...fast }));
    await run(client.virtualMachines.powerOff('agents', 'one', fast));
    expect(await power(world, 'one')).toBe('PowerState/stopped');
    // Reimaging swaps the disk; the old one went with its delete option.
    expect((await resources(world)).filter((name) => name.startsWith('disks'))).toHaveLength(1);
    const life = ['deallocateAccepted', 'deallocated', 'startAccepted', 'started', 'reimaged', 'stopped'];
    expect(events(world)).toEqual(['createAccepted', 'created', ...life]);
  });

  test('leaves what is not to be deleted with it', async () => {
    const world = openAzure();
    await create(world, 'one', (machine) => {
      machine.storageProfile!.osDisk!.deleteOption = 'Detach';
      delete machine.networkProfile!.networkInterfaceConfigurations![0]!.deleteOption;
    });
    await remove(world, 'one');
    expect(await resources(world)).toEqual(['networkInterfaces one-nic', 'disks one-os']);
    const again = await refusal(create(world, 'one'));
    expect([again.statusCode, again.code]).toEqual([409, 'ConflictingUserInput']);
    for (const path of ['/providers/Microsoft.Network/networkInterfaces/one-nic', `${compute}/disks/one-os`]) {
      expect((await world.call('DELETE', world.path(path))).status).toBe(202);
    }
    await world.clock.advance(60_000);
    expect(await resources(world)).toEqual([]);
  });

  test('takes up a creation from the serialized state of its poller', async () => {
    const world = openAzure();
    const { client, run } = world;
    const poller = client.virtualMachines.createOrUpdate('agents', 'one', world.machine('one'), fast);
    await run(poller.submitted());
    const state = await run(poller.serialize());
    const resumed = restorePoller(client, state, client.virtualMachines.createOrUpdate, fast);
    expect((await run(resumed.pollUntilDone())).provisioningState).toBe('Succeeded');
    const puts = world.cloud.context.ledger.entries('call').filter(({ method }) => method === 'PUT');
    expect(puts).toHaveLength(1);
  });

  test('is created once when two calls give If-None-Match', async () => {
    const world = openAzure();
    const path = world.path(`${compute}/virtualMachines/one`);
    await create(world, 'one');
    const again = await world.call('PUT', path, { location: 'westeurope' }, { 'if-none-match': '*' });
    expect(again.status).toBe(412);
    const shown = await world.call('GET', path);
    const { etag } = (await shown.json()) as { etag: string };
    const stale = await world.call('PATCH', path, { tags: { a: 'b' } }, { 'if-match': '"other"' });
    expect(stale.status).toBe(412);
    expect((await world.call('PATCH', path, { tags: { a: 'b' } }, { 'if-match': etag })).status).toBe(200);
  });

  test('gets new tags, and no new custom data', async () => {
    const world = openAzure();
    await create(world, 'one');
    const patched = await world.run(world.client.virtualMachines.update('agents', 'one', { tags: { a: 'b' } }, fast));
    expect(patched.tags).toEqual({ a: 'b' });
    const error = await refusal(
      create(world, 'one', (machine) => void (machine.osProfile!.customData = Buffer.from('other').toString('base64'))),
    );
    expect([error.statusCode, error.code]).toEqual([409, 'PropertyChangeNotAllowed']);
  });

  test('on Spot goes when it is evicted, or is deallocated when its policy says so', async () => {
    const world = openAzure();
    for (const [name, evictionPolicy] of [
      ['gone', 'Delete'],
      ['kept', 'Deallocate'],
    ] as const) {
      await create(world, name, (machine) =>
        Object.assign(machine, { priority: 'Spot', evictionPolicy, billingProfile: { maxPrice: -1 } }),
      );
      await world.run(world.client.virtualMachines.simulateEviction('agents', name));
    }
    await world.clock.advance(60_000);
    expect(await names(world, world.client.virtualMachines.list('agents'))).toEqual(['kept']);
    expect(await power(world, 'kept')).toBe('PowerState/deallocated');
    await create(world, 'regular');
    expect((await refusal(world.run(world.client.virtualMachines.simulateEviction('agents', 'regular')))).code).toBe(
      'OperationNotAllowed',
    );
  });
});

describe('lists of machines', () => {
  test('come in pages that neither repeat nor lose a machine while others go', async () => {
    const world = openAzure();
    const total = 450;
    await world.run(
      Promise.all(
        Array.from({ length: total }, (_, index) => {
          const poller = world.client.virtualMachines.createOrUpdate(
            'agents',
            `m${String(index)}`,
            world.machine(`m${String(index)}`),
            fast,
          );
          return poller.submitted();
        }),
      ),
    );
    await world.clock.advance(10_000);
    const seen: string[] = [];
    const pages = world.client.virtualMachines.list('agents').byPage();
    const first = await world.run(pages.next());
    seen.push(...(first.value ?? []).map(({ name }: VirtualMachine) => name ?? ''));
    await remove(world, 'm0');
    for (let page = await world.run(pages.next()); page.done !== true; page = await world.run(pages.next())) {
      seen.push(...page.value.map(({ name }: VirtualMachine) => name ?? ''));
    }
    expect(new Set(seen).size).toBe(total);
    expect(seen).toHaveLength(total);
  });

  test('tell the power state of each machine when only the status is asked for', async () => {
    const world = openAzure();
    await create(world, 'one');
    const machines: VirtualMachine[] = [];
    await world.run(
      (async () => {
        for await (const machine of world.client.virtualMachines.listAll({ statusOnly: 'true' }))
          machines.push(machine);
      })(),
    );
    expect(machines[0]?.instanceView?.statuses?.map(({ code }) => code)).toEqual([
      'ProvisioningState/succeeded',
      'PowerState/running',
    ]);
    expect(machines[0]?.storageProfile).toBeUndefined();
  });

  test('find by tag what a machine left behind', async () => {
    const world = openAzure();
    await create(world, 'one');
    await create(world, 'two');
    const filter = encodeURIComponent("tagName eq 'machine' and tagValue eq 'two'");
    const answer = await world.call(
      'GET',
      `${world.path('').split('/resourceGroups')[0] ?? ''}/resources?$filter=${filter}`,
    );
    const { value } = (await answer.json()) as { value: { name: string }[] };
    expect(value.map(({ name }) => name)).toEqual(['two-os', 'two']);
  });
});

describe('a bad description of a machine', () => {
  const cases: [string, (machine: VirtualMachine) => void, number, string][] = [
    ['without an operating system profile', (m) => void delete m.osProfile, 400, 'InvalidParameter'],
    ['of an unknown size', (m) => void (m.hardwareProfile!.vmSize = 'Standard_X1'), 400, 'InvalidParameter'],
    [
      'of a size that the subscription may not use',
      (m) => void (m.hardwareProfile!.vmSize = 'Standard_NC4as_T4_v3'),
      409,
      'SkuNotAvailable',
    ],
    [
      'in a zone that the size is not in',
      (m) => Object.assign(m, { zones: ['3'], hardwareProfile: { vmSize: 'Standard_F4s_v2' } }),
      409,
      'SkuNotAvailable',
    ],
    ['in an unknown region', (m) => void (m.location = 'nowhere'), 400, 'LocationNotAvailableForResourceType'],
    ['of an unknown image', (m) => void (m.storageProfile!.imageReference!.sku = 'none'), 404, 'PlatformImageNotFound'],
    [
      'of an unknown gallery image',
      (m) =>
        void (m.storageProfile!.imageReference = {
          id: '/subscriptions/x/resourceGroups/y/providers/Microsoft.Compute/galleries/g/images/i',
        }),
      404,
      'GalleryImageNotFound',
    ],
    ['with a computer name of digits', (m) => void (m.osProfile!.computerName = '12345'), 400, 'InvalidParameter'],
    ['with a forbidden user name', (m) => void (m.osProfile!.adminUsername = 'root'), 400, 'InvalidParameter'],
    ['without a key or a password', (m) => void delete m.osProfile!.linuxConfiguration!.ssh, 400, 'InvalidParameter'],
    [
      'with too much custom data',
      (m) => void (m.osProfile!.customData = Buffer.alloc(65_536).toString('base64')),
      400,
      'InvalidParameter',
    ],
    [
      'with custom data that is not Base64',
      (m) => void (m.osProfile!.customData = '#cloud-config'),
      400,
      'InvalidParameter',
    ],
    [
      'with more tags than Azure allows',
      (m) => void (m.tags = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`t${String(i)}`, 'x']))),
      400,
      'InvalidTagCount',
    ],
    [
      'with a reserved character in the name of a tag',
      (m) => void (m.tags = { 'a/b': 'x' }),
      400,
      'InvalidTagNameCharacters',
    ],
    [
      'in a subnet that is not there',
      (m) => inSubnet(m, '/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/virtualNetworks/v/subnets/s'),
      400,
      'InvalidResourceReference',
    ],
    ['without a network interface', (m) => void (m.networkProfile = {}), 400, 'InvalidParameter'],
    [
      'without the version of the network API',
      (m) => void delete m.networkProfile!.networkApiVersion,
      400,
      'InvalidParameter',
    ],
    [
      'with an ephemeral disk that caches writes',
      (m) => Object.assign(m.storageProfile!.osDisk!, { caching: 'ReadWrite', diffDiskSettings: { option: 'Local' } }),
      400,
      'InvalidParameter',
    ],
    ['with an eviction policy but not on Spot', (m) => void (m.evictionPolicy = 'Delete'), 409, 'OperationNotAllowed'],
  ];
  test.each(cases)('%s is refused, and nothing is made', async (_title, change, status, code) => {
    const world = openAzure();
    const error = await refusal(create(world, 'one', change));
    expect([error.statusCode, error.code]).toEqual([status, code]);
    expect(await resources(world)).toEqual([]);
    expect(events(world)).toEqual([]);
  });

  test('is a conflict when an ephemeral machine is deallocated', async () => {
    const world = openAzure();
    await create(world, 'one', (machine) => {
      Object.assign(machine.storageProfile!.osDisk!, {
        caching: 'ReadOnly',
        diffDiskSettings: { option: 'Local', placement: 'ResourceDisk' },
      });
    });
    const error = await refusal(world.run(world.client.virtualMachines.deallocate('agents', 'one', fast)));
    expect([error.statusCode, error.code]).toEqual([409, 'OperationNotAllowed']);
    expect((await resources(world)).filter((name) => name.startsWith('disks'))).toEqual([]);
  });
});

import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ApplicationFailure } from '@temporalio/common';
import { createAzureActivities } from '../../activities/azure/activities.ts';
import type { ProvisionInput } from '../../activities/interfaces.ts';
import type { PlacementSpecification } from '../../domain/pool-specification.ts';
import { vmSizes } from '../../emulator/arm/skus.ts';
import { attempt, azure, closeCloud, cloud, newInput } from './activities-azure-support.ts';

beforeEach(() => cloud.context.faults.clear());
afterAll(closeCloud);

describe('checkMachine', () => {
  const specification = (input: ProvisionInput) => ({
    name: 'build',
    organization: {
      url: 'https://dev.azure.com/contoso',
      name: 'contoso',
      projects: [],
      openAccess: false,
      agentPoolName: 'build',
    },
    maximumConcurrency: 2,
    standby: { count: 0, counts: 'idle' as const },
    images: [input.image],
    machine: input.machine,
  });

  test('accepts what Azure could serve', async () => {
    const { checkMachine } = createAzureActivities({ azure });
    const { error } = await attempt(checkMachine, { installation: 'home', specification: specification(newInput()) });
    expect(error).toBeUndefined();
  });

  test('refuses a premium data disk where the size takes none, and accepts other kinds', async () => {
    const { checkMachine } = createAzureActivities({ azure });
    const check = async (storageAccountType: 'Premium_LRS' | 'Standard_LRS') => {
      const dataDisk = { lun: 0, sizeGib: 10, caching: 'None' as const, storageAccountType };
      const input = newInput();
      const machine = { ...input.machine, dataDisk };
      return (
        await attempt(checkMachine, { installation: 'home', specification: specification({ ...input, machine }) })
      ).error as ApplicationFailure | undefined;
    };
    const known = vmSizes.find(({ name }) => name === newInput().machine.vmSize);
    if (!known) throw new Error('the size of the tests is known');
    expect(await check('Premium_LRS')).toBeUndefined();
    known.premium = false;
    try {
      expect(await check('Standard_LRS')).toBeUndefined();
      expect((await check('Premium_LRS'))?.details?.[0]).toMatchObject({
        error: {
          details: [{ target: 'properties.fabricProfile.storageProfile.dataDisks[0].storageAccountType' }],
        },
      });
    } finally {
      known.premium = true;
    }
  });

  test('refuses everything that is wrong at once, and names it', async () => {
    const input = newInput({
      vmSize: 'Standard_D99ads_v5',
      resourceGroup: 'nowhere',
      subnetId: `${cloud.facts.subnetId}-not`,
    });
    const wrong = specification({
      ...input,
      image: {
        ...input.image,
        reference: { kind: 'marketplace', publisher: 'Canonical', offer: 'none', sku: 'none', version: 'latest' },
      },
    });
    const { checkMachine } = createAzureActivities({ azure });
    const { error } = await attempt(checkMachine, { installation: 'home', specification: wrong });
    expect(error).toMatchObject({ type: 'InvalidPool', nonRetryable: true });
    expect((error as ApplicationFailure).details?.[0]).toMatchObject({
      error: {
        code: 'InvalidPool',
        details: [
          { target: '' },
          { target: 'properties.fabricProfile.sku.name' },
          { target: 'properties.fabricProfile.images[0]', code: 'UnknownImage' },
          { target: 'properties.fabricProfile.networkProfile.subnetId' },
        ],
      },
    });
  });

  describe('where a pool may be in several places', () => {
    const subnetIn = async (location: string): Promise<string> => {
      const { subscriptionId, resourceGroup } = cloud.facts;
      const id = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/virtualNetworks/agents-${location}`;
      const path = `${id}?api-version=2024-05-01`;
      await azure.call('test', 'PUT', subscriptionId, path, undefined, {
        location,
        properties: {
          addressSpace: { addressPrefixes: ['10.1.0.0/16'] },
          subnets: [{ name: 'default', properties: { addressPrefix: '10.1.0.0/24' } }],
        },
      });
      return `${id}/subnets/default`;
    };

    const violationsOf = async (placement: Partial<PlacementSpecification>, location = cloud.facts.location) => {
      const vmSizes = placement.vmSizes ?? ['Standard_D2ads_v5'];
      const subnetId = location === cloud.facts.location ? cloud.facts.subnetId : await subnetIn(location);
      const input = newInput({ vmSize: vmSizes[0] ?? '', location, subnetId });
      const { checkMachine } = createAzureActivities({ azure });
      const { error } = await attempt(checkMachine, {
        installation: 'home',
        specification: { ...specification(input), placement: { zones: [], regions: [], ...placement, vmSizes } },
      });
      if (error === undefined) return [];
      const [body] = (error as ApplicationFailure).details as [
        { error: { details: { target: string; message: string }[] } },
      ];
      return body.error.details.map(({ target, message }) => [target.replace('properties.', ''), message]);
    };

    test('accepts sizes, zones, Spot and regions that there are', async () => {
      const placement = {
        vmSizes: ['Standard_D2ads_v5', 'Standard_E4ads_v5', 'Standard_D2s_v3'],
        zones: ['1', '3'],
        spot: { fallback: 'Regular' as const },
        regions: [{ location: 'northeurope', subnetId: await subnetIn('northeurope') }],
      };
      expect(await violationsOf(placement)).toEqual([]);
    });

    test('refuses every size that does not exist, in no region and zone, all at once', async () => {
      const placement = {
        vmSizes: ['Standard_D2ads_v5', 'Standard_D99ads_v5', 'Standard_F4s_v2'],
        zones: ['1', '3'],
        regions: [
          { location: 'northeurope', subnetId: cloud.facts.subnetId },
          { location: 'eastus', subnetId: `${cloud.facts.subnetId}-not` },
          { location: 'nowhere', subnetId: await subnetIn('northeurope') },
        ],
      };
      const violations = await violationsOf(placement);
      expect(violations.map(([target]) => target)).toEqual([
        'fabricProfile.sku.vmSizes[1].name',
        'operatorProfile.zones[1]',
        'operatorProfile.regions[0].location',
        'operatorProfile.zones[1]',
        'operatorProfile.regions[1].location',
        'operatorProfile.zones[1]',
        ...Array.from({ length: 3 }, () => 'operatorProfile.regions[2].location'),
        'operatorProfile.regions[0].subnetId',
        'operatorProfile.regions[1].subnetId',
        'operatorProfile.regions[2].subnetId',
        'fabricProfile.images[0]',
      ]);
      expect(violations[1]?.[1]).toBe(
        'The size Standard_F4s_v2 is not offered in zone 3 of westeurope, only in zone 1, 2.',
      );
      expect(violations[9]?.[1]).toBe('The subnet is in westeurope. Give the id of a subnet in northeurope.');
    });

    test('refuses a zone that is closed to the subscription, and a region, with the reason', async () => {
      expect(await violationsOf({ vmSizes: ['Standard_D16ads_v5'], zones: ['2', '3'] }, 'eastus')).toEqual([
        ['operatorProfile.zones[1]', expect.stringContaining('zone 3 of eastus (NotAvailableForSubscription)')],
      ]);
      const regions = [{ location: 'northeurope', subnetId: await subnetIn('northeurope') }];
      expect(await violationsOf({ vmSizes: ['Standard_NC4as_T4_v3'], regions }, 'eastus')).toEqual([
        ['operatorProfile.regions[0].location', expect.stringContaining('NotAvailableForSubscription')],
      ]);
    });

    test('refuses Spot for a size that has none', async () => {
      expect(await violationsOf({ vmSizes: ['Standard_B2s'], spot: { fallback: 'Regular' } })).toEqual([
        ['operatorProfile.spot', expect.stringContaining('Standard_B2s has no Spot machines')],
      ]);
    });

    test('refuses a mix whose sizes do not run the same image from the same kind of disk', async () => {
      const vmSizes = ['Standard_D2ads_v5', 'Standard_D4ads_v5', 'Standard_D2ads_v6', 'Standard_D2pds_v5'];
      expect(await violationsOf({ vmSizes })).toEqual([
        ['fabricProfile.sku.vmSizes[1].name', expect.stringContaining('must be of another series')],
        ['fabricProfile.sku.vmSizes[2].name', expect.stringContaining('Standard_D2ads_v6 has NVMe')],
        ['fabricProfile.sku.vmSizes[3].name', expect.stringContaining('Standard_D2pds_v5 has Arm64')],
      ]);
    });
  });
});

import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ApplicationFailure } from '@temporalio/common';
import { createAzureActivities } from '../../activities/azure/activities.ts';
import type { ProvisionInput } from '../../activities/interfaces.ts';
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
});

import { readFileSync } from 'node:fs';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createAzureClients, type AzureClients } from '../../activities/azure/clients.ts';
import { createAzureCredential } from '../../activities/azure/credential.ts';
import { readSecret } from '../../workers/secrets.ts';
import type { Stack } from '../support/stack.ts';

const diskApiVersion = '2024-03-02';

/** The cloud of a stack as somebody with the same identity sees it. */
export function cloudOf(stack: Stack) {
  const { installation, cloud } = stack;
  const { azure: place } = installation;
  const authority = readFileSync(place.caCertificateFile ?? '', 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), authority]);
  const azure: AzureClients = createAzureClients({
    endpoint: place.resourceManagerEndpoint ?? '',
    scope: place.scope ?? 'https://management.azure.com/.default',
    credential: createAzureCredential(place, readSecret),
    userAgent: 'test',
  });
  const group = `/subscriptions/${cloud.subscriptionId}/resourceGroups/${place.resourceGroup}`;
  return {
    azure,
    async putDisk(name: string, tags: Record<string, string>): Promise<string> {
      const id = `${group}/providers/Microsoft.Compute/disks/${name}`;
      const body = {
        location: cloud.location,
        tags,
        properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 4 },
      };
      await azure.call('test', 'PUT', cloud.subscriptionId, `${id}?api-version=${diskApiVersion}`, undefined, body);
      return id;
    },
    async deleteDisk(id: string): Promise<void> {
      await azure.call('test', 'DELETE', cloud.subscriptionId, `${id}?api-version=${diskApiVersion}`);
    },
    async exists(id: string): Promise<boolean> {
      const path = `${id}?api-version=${diskApiVersion}`;
      return (await azure.call('test', 'GET', cloud.subscriptionId, path)).status !== 404;
    },
  };
}

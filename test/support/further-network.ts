import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { EmbeddedCloud } from '../../client/cli/up/embedded-cloud.ts';

/** Makes a network with one subnet in another region of the embedded cloud, as an operator would; answers the subnet's id. */
export async function furtherSubnet(cloud: EmbeddedCloud, location: string): Promise<string> {
  const ca = await readFile(cloud.caCertificateFile, 'utf8');
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: cloud.clientId,
    client_secret: (await readFile(cloud.clientSecretFile, 'utf8')).trim(),
    scope: 'https://management.azure.com/.default',
  });
  const token = await send(ca, `${cloud.entra}/${cloud.tenantId}/oauth2/v2.0/token`, 'POST', form.toString(), {
    'content-type': 'application/x-www-form-urlencoded',
  });
  const { access_token: bearer } = JSON.parse(token) as { access_token: string };
  const group = `/subscriptions/${cloud.subscriptionId}/resourceGroups/${cloud.resourceGroup}`;
  const id = `${group}/providers/Microsoft.Network/virtualNetworks/agents-${location}`;
  const network = {
    location,
    properties: {
      addressSpace: { addressPrefixes: ['10.1.0.0/16'] },
      subnets: [{ name: 'default', properties: { addressPrefix: '10.1.0.0/24' } }],
    },
  };
  await send(ca, `${cloud.arm}${id}?api-version=2024-05-01`, 'PUT', JSON.stringify(network), {
    authorization: `Bearer ${bearer}`,
    'content-type': 'application/json',
  });
  return `${id}/subnets/default`;
}

function send(ca: string, url: string, method: string, body: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, ca }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8');
        if ((response.statusCode ?? 500) < 300) resolve(text);
        else reject(new Error(`${method} ${url}: ${response.statusCode} ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

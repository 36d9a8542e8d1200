import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { ComputeManagementClient } from '@azure/arm-compute';
import { createHttpHeaders, type PipelineRequest } from '@azure/core-rest-pipeline';
import fc from 'fast-check';
import { parse } from 'yaml';
import { agentFolder, customData, type CustomDataInput } from '../../activities/azure/custom-data.ts';
import { createAgentKey, createKeyStock } from '../../activities/azure/key-stock.ts';
import { machineBody, throwawaySshPublicKey } from '../../activities/azure/machine-body.ts';
import { carriesAll, machineTags, ownTags, tagValue } from '../../activities/azure/tags.ts';
import type { ImageReference } from '../../domain/pool-specification.ts';

const input = async (workFolder = '_work'): Promise<CustomDataInput> => ({
  identity: {
    installation: 'home',
    pool: 'build',
    agent: 'abcdef012000001',
    organizationUrl: 'https://dev.azure.com/contoso',
    agentPoolId: 9,
  },
  machine: {
    subscriptionId: '00000000-0000-0000-0000-000000000001',
    resourceGroup: 'agents',
    location: 'westeurope',
    vmSize: 'Standard_D2ads_v5',
    osDiskStorageAccountType: 'StandardSSD_LRS',
    subnetId: '/subscriptions/s/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/agents/subnets/default',
    tags: {},
    workFolder,
  },
  image: {
    name: 'ubuntu',
    aliases: ['ubuntu'],
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
  registration: {
    registrationId: 41,
    agentPoolName: 'build',
    serverUrl: 'https://dev.azure.com/contoso/',
    clientId: '11111111-1111-1111-1111-111111111111',
    authorizationUrl: 'https://vstoken.dev.azure.com/x',
  },
  key: await createAgentKey(),
  agentPackageUrl: 'https://download.example/agent.tar.gz',
});

interface CloudConfig {
  write_files: { path: string; encoding: string; content: string; permissions: string }[];
  runcmd: string[][];
}

const read = (base64: string): { text: string; config: CloudConfig; file: (name: string) => unknown } => {
  const text = Buffer.from(base64, 'base64').toString();
  const config = parse(text) as CloudConfig;
  const file = (name: string): unknown => {
    const entry = config.write_files.find(({ path }) => path === `${agentFolder}/${name}`);
    return JSON.parse(Buffer.from(entry?.content ?? '', 'base64').toString());
  };
  return { text, config, file };
};

describe('custom data', () => {
  test('writes the files that config.sh would have written, readable by their owner only', async () => {
    const given = await input();
    const { text, config, file } = read(customData(given));
    expect(text.startsWith('#cloud-config\n')).toBe(true);
    expect(config.write_files.map(({ path }) => path)).toEqual(
      ['.agent', '.credentials', '.credentials_rsaparams', '.setup_info'].map((name) => `${agentFolder}/${name}`),
    );
    expect(config.write_files.every(({ permissions, encoding }) => permissions === '0600' && encoding === 'b64')).toBe(
      true,
    );
    expect(file('.agent')).toMatchObject({
      agentId: 41,
      agentName: 'abcdef012000001',
      poolId: 9,
      poolName: 'build',
      serverUrl: 'https://dev.azure.com/contoso/',
      workFolder: '_work',
    });
    expect(file('.credentials')).toEqual({
      scheme: 'OAuth',
      data: {
        clientId: '11111111-1111-1111-1111-111111111111',
        authorizationUrl: 'https://vstoken.dev.azure.com/x',
        oauthEndpointUrl: 'https://vstoken.dev.azure.com/x',
      },
    });
    expect(Object.keys(file('.credentials_rsaparams') as object).toSorted()).toEqual(
      ['d', 'dp', 'dq', 'exponent', 'inverseQ', 'modulus', 'p', 'q'].toSorted(),
    );
    expect(JSON.stringify(file('.setup_info'))).toContain('Standard_D2ads_v5');
  });

  test('starts the agent for one job, as its own user', async () => {
    const { config } = read(customData(await input()));
    const last = config.runcmd.at(-1) ?? [];
    expect(last[0]).toBe('systemd-run');
    expect(last).toContain('--uid=AzDevOps');
    expect(last.slice(-2)).toEqual([`${agentFolder}/run.sh`, '--once']);
  });

  test('keeps its structure whatever a team writes', async () => {
    const given = await input();
    const { config: usual } = read(customData(given));
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (workFolder) => {
        const hostile = { ...given, machine: { ...given.machine, workFolder } };
        const { config, file } = read(customData(hostile));
        expect(config.runcmd).toEqual(usual.runcmd);
        expect((file('.agent') as { workFolder: string }).workFolder).toBe(workFolder.toWellFormed());
      }),
    );
  });

  test('is refused where Azure would refuse it for its size', async () => {
    const given = await input('x'.repeat(60_000));
    expect(() => customData(given)).toThrow(/Azure takes 65535/);
  });
});

describe('the create call', () => {
  /** What the real SDK puts on the wire. */
  const wire = async (reference: ImageReference): Promise<{ request: PipelineRequest; body: unknown }> => {
    const given = await input();
    let sent: PipelineRequest | undefined;
    const client = new ComputeManagementClient(
      { getToken: () => Promise.resolve({ token: 't', expiresOnTimestamp: Date.now() + 3_600_000 }) },
      given.machine.subscriptionId,
      {
        httpClient: {
          sendRequest(request) {
            sent = request;
            return Promise.resolve({ request, status: 400, headers: createHttpHeaders(), bodyAsText: '{}' });
          },
        },
      },
    );
    const body = machineBody({
      identity: given.identity,
      machine: given.machine,
      image: reference,
      tags: { a: 'b' },
      customData: 'Y3VzdG9t',
      sshPublicKey: 'ssh-ed25519 AAAA',
    });
    await client.virtualMachines
      .createOrUpdate('agents', given.identity.agent, body, { ifNoneMatch: '*' })
      .catch(() => 0);
    if (!sent) throw new Error('nothing was sent');
    if (typeof sent.body !== 'string') throw new Error('the body is not text');
    return { request: sent, body: JSON.parse(sent.body) };
  };

  test('says on the wire what Azure documents', async () => {
    const { request, body } = await wire({
      kind: 'marketplace',
      publisher: 'Canonical',
      offer: 'ubuntu-24_04-lts',
      sku: 'server',
      version: 'latest',
    });
    expect(request.headers.get('if-none-match')).toBe('*');
    expect(body).toEqual({
      location: 'westeurope',
      tags: { a: 'b' },
      properties: {
        hardwareProfile: { vmSize: 'Standard_D2ads_v5' },
        storageProfile: {
          imageReference: { publisher: 'Canonical', offer: 'ubuntu-24_04-lts', sku: 'server', version: 'latest' },
          osDisk: {
            name: 'abcdef012000001-os',
            createOption: 'FromImage',
            deleteOption: 'Delete',
            caching: 'ReadWrite',
            managedDisk: { storageAccountType: 'StandardSSD_LRS' },
          },
        },
        osProfile: {
          computerName: 'abcdef012000001',
          adminUsername: 'AzDevOps',
          customData: 'Y3VzdG9t',
          linuxConfiguration: {
            disablePasswordAuthentication: true,
            ssh: { publicKeys: [{ path: '/home/AzDevOps/.ssh/authorized_keys', keyData: 'ssh-ed25519 AAAA' }] },
          },
        },
        networkProfile: {
          networkApiVersion: '2022-11-01',
          networkInterfaceConfigurations: [
            {
              name: 'abcdef012000001-nic',
              tags: { a: 'b' },
              properties: {
                primary: true,
                deleteOption: 'Delete',
                ipConfigurations: [
                  {
                    name: 'primary',
                    properties: {
                      primary: true,
                      subnet: {
                        id: '/subscriptions/s/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/agents/subnets/default',
                      },
                    },
                  },
                ],
              },
            },
          ],
        },
      },
    });
  });

  test.each([
    [{ kind: 'gallery', id: '/g' }, { id: '/g' }],
    [{ kind: 'sharedGallery', id: '/s' }, { sharedGalleryImageId: '/s' }],
    [{ kind: 'communityGallery', id: '/c' }, { communityGalleryImageId: '/c' }],
  ] satisfies [ImageReference, object][])('names an image of %j', async (reference, expected) => {
    const { body } = await wire(reference);
    expect(body).toMatchObject({ properties: { storageProfile: { imageReference: expected } } });
  });

  test('carries an SSH key that nobody holds, another one each time', () => {
    const [one, other] = [throwawaySshPublicKey(), throwawaySshPublicKey()];
    expect(one).not.toBe(other);
    const wireFormat = Buffer.from(one.split(' ')[1] ?? '', 'base64');
    expect(wireFormat.length).toBe(4 + 11 + 4 + 32);
    expect(wireFormat.subarray(4, 15).toString()).toBe('ssh-ed25519');
  });
});

describe('tags', () => {
  const own = ownTags(
    { installation: 'home', pool: 'build', agent: 'a', organizationUrl: 'https://dev.azure.com/c', agentPoolId: 1 },
    'agent/build/a',
  );

  test('ours win over a team’s, in any case, and at most twenty of the team’s go along', () => {
    const names = fc.stringMatching(/^[a-zA-Z-]{1,12}$/);
    const team = fc.dictionary(fc.oneof(names, fc.constantFrom('ODP-Agent', 'odp-pool', 'Odp-Key')), fc.string(), {
      maxKeys: 40,
    });
    fc.assert(
      fc.property(team, (given) => {
        const tags = machineTags(given, own, 'fingerprint');
        expect(carriesAll(tags, own)).toBe(true);
        expect(tagValue(tags, 'odp-key')).toBe('fingerprint');
        expect(Object.keys(tags).length).toBeLessThanOrEqual(24);
        const lower = Object.keys(tags).map((name) => name.toLowerCase());
        expect(lower.filter((name) => name.startsWith('odp-')).length).toBe(
          new Set(lower.filter((name) => name.startsWith('odp-'))).size,
        );
      }),
    );
  });

  test('prove ownership only when every one matches', () => {
    for (const name of Object.keys(own)) {
      expect(carriesAll({ ...own, [name]: 'other' }, own)).toBe(false);
      expect(carriesAll(Object.fromEntries(Object.entries(own).filter(([given]) => given !== name)), own)).toBe(false);
    }
    expect(carriesAll(undefined, own)).toBe(false);
    expect(
      carriesAll(Object.fromEntries(Object.entries(own).map(([name, value]) => [name.toUpperCase(), value])), own),
    ).toBe(true);
  });
});

describe('agent keys', () => {
  test('are RSA with 2,048 bits, in the form that the agent reads', async () => {
    const { parameters, publicKey } = await createAgentKey();
    const jwk = Object.fromEntries(
      Object.entries({
        n: parameters.modulus,
        e: parameters.exponent,
        d: parameters.d,
        p: parameters.p,
        q: parameters.q,
        dp: parameters.dp,
        dq: parameters.dq,
        qi: parameters.inverseQ,
      }).map(([name, value]) => [name, Buffer.from(value, 'base64').toString('base64url')]),
    );
    expect(Buffer.from(publicKey.modulus, 'base64').length).toBe(256);
    const privateKey = createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' });
    const publicHalf = createPublicKey({ key: { kty: 'RSA', n: jwk['n'] ?? '', e: jwk['e'] ?? '' }, format: 'jwk' });
    const text = Buffer.from('one job');
    expect(verify('sha256', text, publicHalf, sign('sha256', text, privateKey))).toBe(true);
  });

  test('from a stock are each given once, also when the stock is empty', async () => {
    const stock = createKeyStock({ size: 2 });
    try {
      const taken = await Promise.all(Array.from({ length: 5 }, () => stock.take()));
      expect(new Set(taken.map(({ fingerprint }) => fingerprint)).size).toBe(5);
    } finally {
      stock.close();
    }
  });
});

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
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
  agentPackage: { url: 'https://download.example/agent.tar.gz', sha256: 'a'.repeat(64) },
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
    const own = config.write_files.filter(({ path }) => path.startsWith(`${agentFolder}/`));
    expect(own.map(({ path }) => path)).toEqual(
      ['.agent', '.credentials', '.credentials_rsaparams', '.setup_info'].map((name) => `${agentFolder}/${name}`),
    );
    expect(own.every(({ permissions, encoding }) => permissions === '0600' && encoding === 'b64')).toBe(true);
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

  const unitOf = (config: CloudConfig): string => {
    const entry = config.write_files.find(({ path }) => path.endsWith('.service'));
    return Buffer.from(entry?.content ?? '', 'base64').toString();
  };

  test('starts the agent for one job, as its own user', async () => {
    const { config } = read(customData(await input()));
    expect(unitOf(config)).toMatch(/^User=AzDevOps$/m);
    expect(unitOf(config)).toMatch(/^ExecStart=\/opt\/azure-pipelines-agent\/run.sh --once$/m);
    expect(unitOf(config)).not.toContain('WantedBy');
  });

  test('starts an agent that serves several jobs again with its machine', async () => {
    const { config } = read(customData({ ...(await input()), once: false }));
    expect(unitOf(config)).toMatch(/^ExecStart=\S+\/run.sh$/m);
    expect(unitOf(config)).not.toContain('Restart=');
    expect(unitOf(config)).toMatch(/^WantedBy=multi-user.target$/m);
  });

  test('runs the bootstrap script with what differs from machine to machine, and no secret', async () => {
    const given = await input();
    const { config } = read(
      customData({
        ...given,
        machine: {
          ...given.machine,
          dataDisk: { lun: 3, sizeGib: 8, caching: 'ReadOnly', storageAccountType: 'Standard_LRS' },
        },
      }),
    );
    expect(config.runcmd).toEqual([
      [
        'env',
        'AGENT_PACKAGE_URL=https://download.example/agent.tar.gz',
        `AGENT_PACKAGE_SHA256=${'a'.repeat(64)}`,
        'AGENT_USER=AzDevOps',
        'DATA_DISK_LUN=3',
        'WORK_FOLDER=_work',
        'bash',
        '/var/lib/open-devops-pools/bootstrap.sh',
      ],
    ]);
    const script = config.write_files.find(({ path }) => path.endsWith('bootstrap.sh'));
    expect(gunzipSync(Buffer.from(script?.content ?? '', 'base64')).toString()).toBe(
      readFileSync('activities/azure/bootstrap/linux.sh', 'utf8'),
    );
  });

  test('brings a proxy to the agent and its jobs, with the credential in one file alone', async () => {
    const given = await input();
    const proxy = {
      url: 'http://proxy.contoso.com:3128',
      credential: 'corporate',
      bypass: [String.raw`^https://github\.com`, '.*\\.contoso\\.com$', '10\\.[0-9]+'],
    };
    const proxyCredential = { userName: 'agent', password: "p@ss/w:rd%'" };
    const { config, text } = read(customData({ ...given, machine: { ...given.machine, proxy }, proxyCredential }));
    const content = (name: string): string => {
      const entry = config.write_files.find(({ path }) => path === `${agentFolder}/${name}`);
      expect(entry?.permissions).toBe('0600');
      return Buffer.from(entry?.content ?? '', 'base64').toString();
    };
    expect(content('.proxy')).toBe('http://proxy.contoso.com:3128\n');
    expect(content('.proxybypass')).toBe(proxy.bypass.map((line) => `${line}\n`).join(''));
    const encoded = 'http://agent:p%40ss%2Fw%3Ard%25%27@proxy.contoso.com:3128';
    const direct = 'localhost,127.0.0.1,169.254.169.254,168.63.129.16,github.com,.contoso.com';
    expect(content('.env').trimEnd().split('\n')).toEqual([
      'VSTS_HTTP_PROXY=http://proxy.contoso.com:3128',
      'VSTS_HTTP_PROXY_USERNAME=agent',
      `VSTS_HTTP_PROXY_PASSWORD=${proxyCredential.password}`,
      ...['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map((name) => `${name}=${encoded}`),
      `no_proxy=${direct}`,
      `NO_PROXY=${direct}`,
    ]);
    expect(text).not.toContain(proxyCredential.password);
    expect(JSON.stringify(config.runcmd)).not.toContain('p%40ss');
  });

  test('keeps its structure whatever a team writes', async () => {
    const given = await input();
    const { config: usual } = read(customData(given));
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (workFolder) => {
        const hostile = { ...given, machine: { ...given.machine, workFolder } };
        const { config, file } = read(customData(hostile));
        const withoutFolder = (words: string[][]) =>
          words.map((list) => list.filter((word) => !word.startsWith('WORK_FOLDER=')));
        expect(withoutFolder(config.runcmd)).toEqual(withoutFolder(usual.runcmd));
        expect(config.runcmd[0]).toHaveLength(usual.runcmd[0]?.length ?? 0);
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

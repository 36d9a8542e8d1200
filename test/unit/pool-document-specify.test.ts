import { readFileSync } from 'node:fs';
import { createInstallationActivities } from '../../activities/installation.ts';
import { notSupported } from '../../domain/pool-document/not-supported.ts';
import { parsePoolDocument } from '../../domain/pool-document/parse.ts';
import { parsePoolText } from '../../domain/pool-document/parse-text.ts';
import { specify } from '../../domain/pool-document/specify.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';
import type { Violation } from '../../domain/violation.ts';
import { testInstallation } from '../support/installation.ts';
import { steps, validPoolDocument, withValue } from '../support/pool-document.ts';

const images = 'properties.fabricProfile.images';
const organization = 'properties.organizationProfile.organizations[0]';
const agentProfile = 'properties.agentProfile';
const gallery = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/own/images/ubuntu';

/** What the valid document means with these values laid over it. */
function specified(changes: Record<string, unknown>, installation = testInstallation()) {
  const document = Object.entries(changes).reduce<unknown>(
    (changed, [path, value]) => withValue(changed, steps(path), value),
    validPoolDocument(),
  );
  const parsed = parsePoolDocument(document);
  if ('violations' in parsed) throw new Error(`the document itself is wrong: ${JSON.stringify(parsed.violations)}`);
  return specify(parsed.document, installation);
}

function specificationOf(changes: Record<string, unknown>, installation = testInstallation()): PoolSpecification {
  const answer = specified(changes, installation);
  if ('violations' in answer) throw new Error(JSON.stringify(answer.violations));
  return answer.specification;
}

function violationsOf(changes: Record<string, unknown>, installation = testInstallation()): Violation[] {
  const answer = specified(changes, installation);
  return 'violations' in answer ? answer.violations : [];
}

test('failed machines are kept for a day where the document names no time', () => {
  const profile = 'properties.operatorProfile';
  const retained = (value: object) => specificationOf({ [profile]: { retainedFailures: value } }).retainedFailures;
  expect(retained({ count: 2 })).toEqual({ count: 2, timeSpanMs: 24 * 3_600_000 });
  expect(retained({ count: 1, timeSpan: '7.00:00:00' })).toEqual({ count: 1, timeSpanMs: 7 * 24 * 3_600_000 });
  expect(specificationOf({})).not.toHaveProperty('retainedFailures');
});

test('a document becomes what the workflows run, with names and defaults filled in', () => {
  expect(specificationOf({})).toEqual({
    name: 'team-a',
    organization: {
      url: 'https://dev.azure.com/contoso',
      name: 'contoso',
      projects: ['web', 'api'],
      openAccess: false,
      agentPoolName: 'team-a',
    },
    maximumConcurrency: 10,
    standby: { count: 2, counts: 'total' },
    images: [
      {
        name: 'ubuntu',
        aliases: ['ubuntu', 'ubuntu-24.04-g2'],
        operatingSystem: 'Linux',
        buffer: 60,
        reference: {
          kind: 'marketplace',
          publisher: 'Canonical',
          offer: 'ubuntu-24_04-lts',
          sku: 'server',
          version: 'latest',
        },
      },
      {
        name: 'debian',
        aliases: ['debian'],
        operatingSystem: 'Linux',
        buffer: 40,
        reference: {
          kind: 'marketplace',
          publisher: 'Debian',
          offer: 'debian-12',
          sku: '12-gen2',
          version: 'latest',
        },
      },
    ],
    machine: {
      subscriptionId: testInstallation().azure.subscriptionId,
      resourceGroup: 'agents',
      location: 'westeurope',
      vmSize: 'Standard_D2ads_v5',
      osDiskStorageAccountType: 'Premium_LRS',
      subnetId: testInstallation().azure.subnetId,
      tags: { 'cost-center': '42' },
      workFolder: '/mnt/work',
    },
  });
});

describe('what is absent has the default of the product', () => {
  test('no scheme: no standby', () => {
    const changes = {
      [`${agentProfile}.resourcePredictions`]: undefined,
      [`${agentProfile}.resourcePredictionsProfile`]: undefined,
    };
    expect(specificationOf(changes).standby).toEqual({ count: 0, counts: 'total' });
  });
  test.each([
    [undefined, 'Standard_LRS'],
    ['Standard', 'Standard_LRS'],
    ['StandardSSD', 'StandardSSD_LRS'],
    ['Premium', 'Premium_LRS'],
  ])('the OS disk type %s is %s', (given, expected) => {
    const changes = { 'properties.fabricProfile.storageProfile.osDiskStorageAccountType': given };
    expect(specificationOf(changes).machine.osDiskStorageAccountType).toBe(expected);
  });
  test('the work folder is _work', () => {
    expect(specificationOf({ 'properties.runtimeConfiguration': undefined }).machine.workFolder).toBe('_work');
  });
  test('a region may be given by its display name', () => {
    expect(specificationOf({ location: 'West Europe' }).machine.location).toBe('westeurope');
  });
});

test('the user-assigned identities of the document are those of every machine, and none is none', () => {
  const id = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builds';
  const identity = { type: 'UserAssigned', userAssignedIdentities: { [id]: { clientId: 'read only' } } };
  expect(specificationOf({ identity }).machine.userAssignedIdentities).toEqual([id]);
  expect(specificationOf({ identity: { type: 'None' } }).machine).not.toHaveProperty('userAssignedIdentities');
});

describe('the data disk', () => {
  const disks = 'properties.fabricProfile.storageProfile.dataDisks';
  test('has the defaults of the product, but for its size', () => {
    expect(specificationOf({ [disks]: [{ diskSizeGiB: 10 }] }).machine.dataDisk).toEqual({
      lun: 0,
      sizeGib: 10,
      caching: 'ReadOnly',
      storageAccountType: 'Standard_LRS',
    });
    expect(specificationOf({ [disks]: [] }).machine).not.toHaveProperty('dataDisk');
  });
  test('is what the document says', () => {
    const disk = { diskSizeGiB: 32_767, caching: 'None', storageAccountType: 'Premium_ZRS' };
    expect(specificationOf({ [disks]: [disk] }).machine.dataDisk).toMatchObject({
      sizeGib: 32_767,
      caching: 'None',
      storageAccountType: 'Premium_ZRS',
    });
  });
  test('is refused without a size, and with a drive letter where all images run Linux', () => {
    expect(violationsOf({ [disks]: [{ driveLetter: 'F' }] })).toEqual([
      expect.objectContaining({ path: `${disks}[0].diskSizeGiB`, rule: 'Required' }),
      expect.objectContaining({ path: `${disks}[0].driveLetter`, rule: 'NotAllowedValue' }),
    ]);
  });
});

test('a pool that has its lost jobs run again says so in its specification, and no other does', () => {
  const path = 'properties.operatorProfile';
  expect(specificationOf({ [path]: { retryLostJobs: true } })).toHaveProperty('retryLostJobs', true);
  expect(specificationOf({ [path]: { retryLostJobs: false } })).not.toHaveProperty('retryLostJobs');
});

test("the agent pool is named by the organisation's alias, else the profile's, else the pool's name", () => {
  const profileAlias = { 'properties.organizationProfile.alias': 'profile' };
  expect(specificationOf(profileAlias).organization.agentPoolName).toBe('profile');
  const both = { ...profileAlias, [`${organization}.alias`]: 'organization' };
  expect(specificationOf(both).organization.agentPoolName).toBe('organization');
});

describe('images', () => {
  const marketplace = { kind: 'marketplace', publisher: 'canonical', offer: 'ubuntu', sku: 'server', version: '1.2.3' };
  test.each([
    ['/canonical/ubuntu/server/1.2.3', marketplace],
    [
      '/Subscriptions/s/Providers/Microsoft.Compute/Locations/westeurope/Publishers/canonical/ArtifactTypes/VMImage/Offers/ubuntu/Skus/server/Versions/1.2.3',
      marketplace,
    ],
    [gallery, { kind: 'gallery', id: gallery }],
    [`${gallery}/versions/1.0.0`, { kind: 'gallery', id: `${gallery}/versions/1.0.0` }],
    ['/SharedGalleries/own/Images/ubuntu', { kind: 'sharedGallery', id: '/SharedGalleries/own/Images/ubuntu' }],
    [
      '/CommunityGalleries/own/Images/ubuntu/Versions/latest',
      { kind: 'communityGallery', id: '/CommunityGalleries/own/Images/ubuntu/Versions/latest' },
    ],
  ])('the resource id %s is understood', (resourceId, reference) => {
    expect(specificationOf({ [`${images}[1].resourceId`]: resourceId }).images[1]?.reference).toEqual(reference);
  });

  test("an operator's image takes the place of a built-in one, and a version selects within it", () => {
    const installation = testInstallation({
      images: { 'ubuntu-24.04-g2': { operatingSystem: 'Linux', reference: { kind: 'gallery', id: gallery } } },
    });
    const named = (name: string) =>
      specificationOf({ [`${images}[0].wellKnownImageName`]: name }, installation).images[0]?.reference;
    expect(named('Ubuntu-24.04-g2')).toEqual({ kind: 'gallery', id: gallery });
    expect(named('ubuntu-24.04-g2/latest')).toEqual({ kind: 'gallery', id: gallery });
    expect(named('ubuntu-24.04-g2/1.4.0')).toEqual({ kind: 'gallery', id: `${gallery}/versions/1.4.0` });
    expect(specificationOf({ [`${images}[0].wellKnownImageName`]: 'debian-12/0.2026' }).images[0]?.reference).toEqual(
      expect.objectContaining({ offer: 'debian-12', version: '0.2026' }),
    );
  });

  test('an image without an alias is called after its source, and the name is unique', () => {
    const both = [{ resourceId: gallery }, { resourceId: `${gallery}/versions/1.0.0` }];
    expect(specificationOf({ [images]: both }).images.map(({ name, aliases }) => [name, aliases])).toEqual([
      ['ubuntu', ['ubuntu']],
      ['ubuntu-2', ['ubuntu-2']],
    ]);
  });

  test.each([
    ['wellKnownImageName', 'ubuntu-24.04-g3', /Did you mean 'ubuntu-24.04-g2'/],
    ['wellKnownImageName', 'constructor', /Known: debian-12/],
  ])('a name that the catalogue does not have is refused: %s %s', (property, value, says) => {
    expect(violationsOf({ [`${images}[0].${property}`]: value })).toEqual([
      expect.objectContaining({
        path: `${images}[0].${property}`,
        rule: 'UnknownImage',
        message: expect.stringMatching(says),
      }),
    ]);
  });

  test('a resource id of another resource is refused', () => {
    const resourceId = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/own';
    expect(violationsOf({ [`${images}[1].resourceId`]: resourceId })).toEqual([
      expect.objectContaining({ path: `${images}[1].resourceId`, rule: 'UnknownImage' }),
    ]);
  });
});

describe('what this version cannot do is refused, never ignored', () => {
  const fabric = 'properties.fabricProfile';
  const cases: [row: string, path: string, changes: Record<string, unknown>][] = [
    ['identity.type', 'identity.type', { identity: { type: 'SystemAssigned' } }],
    [
      'properties.organizationProfile.kind',
      'properties.organizationProfile.kind',
      { 'properties.organizationProfile': { kind: 'GitHub', organizations: [{ url: 'https://github.com/contoso' }] } },
    ],
    [
      'properties.organizationProfile.organizations',
      'properties.organizationProfile.organizations',
      {
        'properties.organizationProfile.organizations': [
          { url: 'https://dev.azure.com/a', parallelism: 4 },
          { url: 'https://dev.azure.com/b', parallelism: 6 },
        ],
      },
    ],
    [
      'properties.organizationProfile.permissionProfile.kind',
      'properties.organizationProfile.permissionProfile.kind',
      { 'properties.organizationProfile.permissionProfile': { kind: 'CreatorOnly' } },
    ],
    [
      `${agentProfile}.resourcePredictionsProfile.kind`,
      `${agentProfile}.resourcePredictionsProfile.kind`,
      { [agentProfile]: { kind: 'Stateless', resourcePredictionsProfile: { kind: 'Automatic' } } },
    ],
    [
      `${agentProfile}.resourcePredictions.daysData`,
      `${agentProfile}.resourcePredictions.daysData`,
      { [`${agentProfile}.resourcePredictions.daysData`]: [{ '08:00:00': 2, '18:00:00': 0 }] },
    ],
    [
      `${images}[]`,
      `${images}[1].resourceId`,
      { [`${images}[1].resourceId`]: '/MicrosoftWindowsServer/WindowsServer/2022-datacenter-g2/latest' },
    ],
    [`${images}[].ephemeralType`, `${images}[0].ephemeralType`, { [`${images}[0].ephemeralType`]: 'Automatic' }],
    ...Object.entries({
      provisioningScriptStorageAccountResourceId: '/subscriptions/s/x',
      provisioningScriptManagedIdentityClientId: 'c',
      provisioningScriptShouldRestart: true,
      provisioningScriptEntryPoint: 'scripts',
    }).map(([name, value]): [string, string, Record<string, unknown>] => [
      `${images}[].${name}`,
      `${images}[0].${name}`,
      { [`${images}[0].${name}`]: value },
    ]),
    ...Object.entries({
      [`${fabric}.sku.windowsNvmeDrive`]: 'N',
      [`${fabric}.sku.linuxNvmePath`]: '/mnt/nvme',
      'properties.organizationProfile.description': 'Builds of team A',
      'properties.organizationProfile.updateDescription': true,
    }).map(([path, value]): [string, string, Record<string, unknown>] => [path, path, { [path]: value }]),
    [
      `${fabric}.osProfile.logonType`,
      `${fabric}.osProfile.logonType`,
      { [`${fabric}.osProfile.logonType`]: 'Interactive' },
    ],
    [
      `${fabric}.osProfile.secretsManagementSettings`,
      `${fabric}.osProfile.secretsManagementSettings`,
      {
        [`${fabric}.osProfile.secretsManagementSettings`]: {
          observedCertificates: ['https://vault.vault.azure.net/secrets/c'],
          keyExportable: true,
        },
      },
    ],
    [
      `${fabric}.networkProfile.staticIpAddressCount`,
      `${fabric}.networkProfile.staticIpAddressCount`,
      { [`${fabric}.networkProfile.staticIpAddressCount`]: 1 },
    ],
    ...Object.entries({
      recycle: 'Reimage',
      outbound: { serviceTags: ['AzureDevOps'] },
    }).map(([name, value]): [string, string, Record<string, unknown>] => {
      const path = `properties.operatorProfile.${name}`;
      return [path, path, { 'properties.operatorProfile': { [name]: value } }];
    }),
  ];
  test.each(cases)('%s at %s', (row, path, changes) => {
    expect(notSupported.map(({ property }) => property)).toContain(row);
    expect(violationsOf(changes)).toEqual([
      expect.objectContaining({ path, rule: 'NotSupported', message: expect.stringMatching(/^Not supported in this/) }),
    ]);
  });

  test('no subnet at all', () => {
    const { subnetId: _, ...azure } = testInstallation().azure;
    expect(violationsOf({}, testInstallation({ azure }))).toEqual([
      expect.objectContaining({ path: `${fabric}.networkProfile.subnetId`, rule: 'NotSupported' }),
    ]);
  });

  test('every row of the table has a test', () => {
    const tested = [...cases.map(([row]) => row), `${fabric}.networkProfile.subnetId`];
    expect(tested.toSorted()).toEqual(notSupported.map(({ property }) => property).toSorted());
  });

  test('values that ask for nothing more are accepted', () => {
    const answer = specified({
      identity: { type: 'None' },
      'properties.organizationProfile.permissionProfile': { kind: 'Inherit' },
      [`${fabric}.storageProfile.dataDisks`]: [],
      [`${fabric}.networkProfile.staticIpAddressCount`]: 0,
    });
    expect(answer).toHaveProperty('specification');
  });
});

describe('what cannot reach a machine is refused', () => {
  test('more than 20 tags', () => {
    const tags = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`tag${index}`, 'x']));
    expect(violationsOf({ tags })).toEqual([expect.objectContaining({ path: 'tags', rule: 'TooMany' })]);
  });
  test('a tag that would forge ownership', () => {
    expect(violationsOf({ tags: { 'ODP-Pool': 'other' } })).toEqual([
      expect.objectContaining({ path: 'tags["ODP-Pool"]', rule: 'NotAllowedValue' }),
    ]);
  });
  test('a Windows path as work folder', () => {
    expect(violationsOf({ 'properties.runtimeConfiguration.workFolder': 'D:\\a\\_work' })).toEqual([
      expect.objectContaining({ path: 'properties.runtimeConfiguration.workFolder', rule: 'PatternMismatch' }),
    ]);
  });
  test('an organisation over plain HTTP, unless the installation lists it', () => {
    const changes = { [`${organization}.url`]: 'http://azure-devops.internal/contoso/' };
    expect(violationsOf(changes)).toEqual([
      expect.objectContaining({ path: `${organization}.url`, rule: 'NotAllowedValue' }),
    ]);
    const installation = testInstallation({
      azureDevOps: { organizations: [{ url: 'http://azure-devops.internal/contoso', credential: { kind: 'entra' } }] },
    });
    expect(specificationOf(changes, installation).organization.url).toBe('http://azure-devops.internal/contoso');
  });
});

test('the sample is a document that this version runs', () => {
  const parsed = parsePoolText(readFileSync('samples/pool.yaml', 'utf8'), 'samples/pool.yaml');
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  const answer = specify(parsed.document, testInstallation());
  expect(answer).toMatchObject({
    specification: { maximumConcurrency: 8, images: [{ name: 'ubuntu' }, { name: 'debian' }] },
  });
});

describe('a proxy', () => {
  const proxied = (proxy: object) => ({ 'properties.operatorProfile': { proxy } });
  const installation = testInstallation({
    proxyCredentials: { corporate: { userName: 'agent', password: { environment: 'PROXY_PASSWORD' } } },
  });

  test('reaches the machines, with the name of its credential', () => {
    const proxy = { url: 'http://proxy.contoso.com:3128/', credential: 'corporate', bypass: ['^https://github'] };
    expect(specificationOf(proxied(proxy), installation).machine.proxy).toEqual({
      ...proxy,
      url: 'http://proxy.contoso.com:3128',
    });
  });

  test.each([
    ['credential', { credential: 'other' }, 'NotAllowedValue'],
    ['bypass[0]', { bypass: ['('] }, 'PatternMismatch'],
    ['bypass[1]', { bypass: ['a', 'one\ntwo'] }, 'PatternMismatch'],
  ])('with a wrong %s is refused', (property, change, rule) => {
    const answer = violationsOf(proxied({ url: 'http://proxy.contoso.com:3128', ...change }), installation);
    expect(answer).toEqual([expect.objectContaining({ path: `properties.operatorProfile.proxy.${property}`, rule })]);
  });
});

describe('the activity resolvePool', () => {
  const { resolvePool } = createInstallationActivities(testInstallation());

  test('answers the specification', async () => {
    await expect(resolvePool({ pool: 'team-a', document: validPoolDocument() })).resolves.toEqual(specificationOf({}));
  });

  test("fails for good with InvalidPool and ARM's error body, which names every violation", async () => {
    const document = withValue(validPoolDocument(), ['properties', 'maximumConcurrency'], 0);
    await expect(resolvePool({ pool: 'team-a', document })).rejects.toMatchObject({
      type: 'InvalidPool',
      nonRetryable: true,
      details: [
        {
          code: 'InvalidPool',
          class: 'configuration',
          error: {
            code: 'InvalidPool',
            target: 'team-a',
            details: expect.arrayContaining([
              expect.objectContaining({ code: 'OutOfRange', target: 'properties.maximumConcurrency' }),
            ]),
          },
        },
      ],
    });
  });

  test('refuses a document that was sent to another pool', async () => {
    await expect(resolvePool({ pool: 'team-b', document: validPoolDocument() })).rejects.toMatchObject({
      details: [{ error: { details: [{ code: 'NotAllowedValue', target: 'name' }] } }],
    });
  });
});

import { parsePoolDocument } from '../../domain/pool-document/parse.ts';
import type { Violation } from '../../domain/violation.ts';
import { steps, validPoolDocument, withValue } from '../support/pool-document.ts';

const organizations = 'properties.organizationProfile.organizations';
const images = 'properties.fabricProfile.images';
const agentProfile = 'properties.agentProfile';
const predictions = `${agentProfile}.resourcePredictions`;
const identityId =
  '/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/builds';
const subnet = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/agents/subnets/default';

function violationsOf(document: unknown): Violation[] {
  const parsed = parsePoolDocument(document);
  return 'violations' in parsed ? parsed.violations : [];
}

/** The valid document with these values laid over it. */
function documentWith(changes: Record<string, unknown>): unknown {
  return Object.entries(changes).reduce<unknown>(
    (document, [path, value]) => withValue(document, steps(path), value),
    validPoolDocument(),
  );
}

describe('a pool document that is right', () => {
  const accepted: [string, Record<string, unknown>][] = [
    ['as it is', {}],
    [
      'with every header property of an exported resource',
      {
        id: '/subscriptions/s/resourceGroups/g/providers/Microsoft.DevOpsInfrastructure/pools/team-a',
        type: 'microsoft.devopsinfrastructure/POOLS',
        apiVersion: '2025-09-20',
        systemData: { createdAt: '2026-01-01T00:00:00Z' },
        'properties.provisioningState': 'Succeeded',
        'properties.devCenterProjectResourceId':
          '/subscriptions/s/resourceGroups/g/providers/Microsoft.DevCenter/projects/p',
      },
    ],
    ['without standby', { [predictions]: undefined, [`${agentProfile}.resourcePredictionsProfile`]: undefined }],
    [
      'with properties that are null, as tools export them',
      { identity: null, 'properties.runtimeConfiguration': null },
    ],
    [
      'with a stateful agent profile',
      {
        [agentProfile]: { kind: 'Stateful', maxAgentLifetime: '7.00:00:00', gracePeriodTimeSpan: '00:30:00' },
      },
    ],
    [
      'with a week of seven days',
      {
        [`${predictions}.daysData`]: [{}, { '08:00:00': 5, '18:00:00': 0 }, {}, {}, {}, {}, {}],
        [`${predictions}.timeZone`]: 'W. Europe Standard Time',
      },
    ],
    [
      'with two organisations whose shares total the maximum',
      {
        [organizations]: [
          { url: 'https://dev.azure.com/one', parallelism: 4 },
          { url: 'https://two.visualstudio.com', parallelism: 6, alias: 'team-a-two' },
        ],
      },
    ],
    [
      'with a data disk, certificates and identities',
      {
        identity: { type: 'UserAssigned', userAssignedIdentities: { [identityId]: {} } },
        'properties.fabricProfile.storageProfile.dataDisks': [{ diskSizeGiB: 32_767, driveLetter: 'F' }],
        'properties.fabricProfile.osProfile.secretsManagementSettings': {
          observedCertificates: ['https://vault.vault.azure.net/secrets/certificate'],
          keyExportable: false,
        },
      },
    ],
    ['of api-version 2026-06-02', { apiVersion: '2026-06-02', 'properties.organizationProfile.description': 'x' }],
    ['with a subnet', { 'properties.fabricProfile.networkProfile.subnetId': subnet }],
    [
      'of GitHub',
      {
        'properties.organizationProfile': { kind: 'GitHub', organizations: [{ url: 'https://github.com/contoso' }] },
      },
    ],
    ['with images that split standby equally', { [`${images}[0].buffer`]: '*', [`${images}[1].buffer`]: undefined }],
    ["with an alias that repeats the image's own predefined name", { [`${images}[0].aliases`]: ['ubuntu-24.04-g2'] }],
    ['with 50 tags', { tags: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`tag${index}`, 'x'])) }],
  ];
  test.each(accepted)('is accepted %s', (_, changes) => {
    expect(violationsOf(documentWith(changes))).toEqual([]);
  });
});

describe('a pool document that breaks one rule is refused with its path and the rule', () => {
  const refused: [path: string, rule: string, changes: Record<string, unknown>, says?: RegExp][] = [
    ['name', 'Required', { name: undefined }],
    ['name', 'PatternMismatch', { name: '-team' }],
    ['name', 'TooLong', { name: 'a'.repeat(129) }],
    ['location', 'Required', { location: '' }],
    ['location', 'WrongType', { location: 7 }, /number.*string/],
    ['type', 'WrongResourceType', { type: 'Microsoft.Compute/virtualMachines' }, /DevOpsInfrastructure\/pools/],
    ['resources', 'WrongResourceType', { resources: [] }],
    ['apiVersion', 'UnknownApiVersion', { apiVersion: '2031-01-01' }, /2025-09-20/],
    [
      `${organizations}[0].openAccess`,
      'UnknownProperty',
      {
        apiVersion: '2024-10-19',
        'properties.runtimeConfiguration': undefined,
        [`${organizations}[0].openAccess`]: true,
      },
      /2025-01-21/,
    ],
    ['properties.runtimeConfiguration', 'UnknownProperty', { apiVersion: '2025-01-21' }, /2025-09-20/],
    [
      'properties.organizationProfile.description',
      'UnknownProperty',
      { apiVersion: '2025-09-20', 'properties.organizationProfile.description': 'x' },
      /2026-06-02/,
    ],
    [
      `${images}[1].provisioningScriptEntryPoint`,
      'UnknownProperty',
      { apiVersion: '2025-09-20', [`${images}[1].provisioningScriptEntryPoint`]: 'x' },
      /2026-06-02/,
    ],
    ['tags.team', 'WrongType', { 'tags.team': null }],
    ['tags["Cost-Center"]', 'Duplicate', { tags: { 'cost-center': '1', 'Cost-Center': '2' } }, /cost-center/],
    ['tags["a<b"]', 'PatternMismatch', { tags: { 'a<b': 'x' } }],
    ['tags.team', 'TooLong', { 'tags.team': 'x'.repeat(257) }],
    ['tags', 'TooMany', { tags: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`tag${index}`, 'x'])) }],
    ['identity.type', 'NotAllowedValue', { identity: { type: 'userassigned' } }, /Did you mean 'UserAssigned'/],
    ['identity.userAssignedIdentities', 'Required', { identity: { type: 'UserAssigned' } }],
    ['identity.type', 'NotAllowedValue', { identity: { type: 'None', userAssignedIdentities: { [identityId]: {} } } }],
    [
      'identity.userAssignedIdentities["/subscriptions/s/x"]',
      'PatternMismatch',
      { identity: { type: 'UserAssigned', userAssignedIdentities: { '/subscriptions/s/x': {} } } },
    ],
    [
      `identity.userAssignedIdentities["${identityId.toUpperCase().slice(0, 80)}…"]`,
      'Duplicate',
      {
        identity: {
          type: 'UserAssigned',
          userAssignedIdentities: { [identityId]: {}, [identityId.toUpperCase()]: {} },
        },
      },
    ],
    ['properties', 'Required', { properties: undefined }],
    [
      'properties.maximumConcurency',
      'UnknownProperty',
      { 'properties.maximumConcurency': 3 },
      /Did you mean 'maximumConcurrency'/,
    ],
    [
      'properties.operatorProfile',
      'UnknownProperty',
      { apiVersion: '2025-09-20', 'properties.operatorProfile': {} },
      /2026-12-01-odp/,
    ],
    ...(
      [
        ['zones[0]', 'NotAllowedValue', { zones: ['4'] }],
        ['spot.maximumPrice', 'OutOfRange', { spot: { maximumPrice: 0 } }],
        ['proxy.url', 'PatternMismatch', { proxy: { url: 'http://user:word@proxy:3128' } }],
        ['outbound.addressPrefixes[0]', 'PatternMismatch', { outbound: { addressPrefixes: ['10.0.0.0'] } }],
        ['retainedFailures.count', 'OutOfRange', { retainedFailures: { count: 11 } }],
        ['retainedFailures.timeSpan', 'OutOfRange', { retainedFailures: { count: 1, timeSpan: '0.00:00:00' } }],
        ['retainedFailures.timeSpan', 'OutOfRange', { retainedFailures: { count: 1, timeSpan: '8.00:00:00' } }],
        ['regions[0].subnetId', 'Required', { regions: [{ location: 'northeurope' }] }],
      ] as const
    ).map(([path, rule, value]): [string, string, Record<string, unknown>] => [
      `properties.operatorProfile.${path}`,
      rule,
      { 'properties.operatorProfile': value },
    ]),
    ['properties.maximumConcurrency', 'Required', { 'properties.maximumConcurrency': undefined }],
    ['properties.maximumConcurrency', 'OutOfRange', { 'properties.maximumConcurrency': 10_001 }, /1 to 10,000/],
    ['properties.maximumConcurrency', 'WrongType', { 'properties.maximumConcurrency': 2.5 }, /whole number/],
    ['properties.organizationProfile.kind', 'Required', { 'properties.organizationProfile.kind': undefined }],
    [
      'properties.organizationProfile.kind',
      'NotAllowedValue',
      { 'properties.organizationProfile.kind': 'Azure DevOps' },
      /Did you mean 'AzureDevOps'/,
    ],
    ['properties.organizationProfile.alias', 'PatternMismatch', { 'properties.organizationProfile.alias': 'ends-' }],
    ['properties.organizationProfile.alias', 'TooLong', { 'properties.organizationProfile.alias': 'a'.repeat(129) }],
    [
      'properties.organizationProfile.permissionProfile',
      'Required',
      { 'properties.organizationProfile.permissionProfile': { kind: 'SpecificAccounts' } },
    ],
    [
      'properties.organizationProfile.permissionProfile.users',
      'NotAllowedValue',
      { 'properties.organizationProfile.permissionProfile': { kind: 'Inherit', users: ['a@b.c'] } },
    ],
    [organizations, 'TooFew', { [organizations]: [] }],
    [
      `${organizations}[0].url`,
      'PatternMismatch',
      { [`${organizations}[0].url`]: 'contoso' },
      /https:\/\/dev\.azure\.com\/contoso/,
    ],
    [
      `${organizations}[0].url`,
      'PatternMismatch',
      { [`${organizations}[0].url`]: 'https://dev.azure.com/contoso/web' },
    ],
    [`${organizations}[0].projects[1]`, 'Duplicate', { [`${organizations}[0].projects`]: ['Web', 'web'] }],
    [`${organizations}[0].parallelism`, 'OutOfRange', { [`${organizations}[0].parallelism`]: 10_001 }],
    [
      organizations,
      'ParallelismMustTotalMaximumConcurrency',
      { [`${organizations}[0].parallelism`]: 9 },
      /10; they total 9/,
    ],
    [
      `${organizations}[1].parallelism`,
      'Required',
      { [organizations]: [{ url: 'https://dev.azure.com/a', parallelism: 10 }, { url: 'https://dev.azure.com/b' }] },
    ],
    [
      `${organizations}[1].url`,
      'Duplicate',
      {
        [organizations]: [
          { url: 'https://dev.azure.com/a', parallelism: 4 },
          { url: 'https://dev.azure.com/A/', parallelism: 6 },
        ],
      },
    ],
    [`${agentProfile}.maxAgentLifetime`, 'UnknownProperty', { [`${agentProfile}.maxAgentLifetime`]: '1.00:00:00' }],
    [
      `${agentProfile}.maxAgentLifetime`,
      'OutOfRange',
      { [agentProfile]: { kind: 'Stateful', maxAgentLifetime: '7.00:00:01' } },
      /seven days/,
    ],
    [
      `${agentProfile}.maxAgentLifetime`,
      'OutOfRange',
      { [agentProfile]: { kind: 'Stateful', maxAgentLifetime: '00:00:00' } },
    ],
    [
      `${agentProfile}.gracePeriodTimeSpan`,
      'PatternMismatch',
      { [agentProfile]: { kind: 'Stateful', gracePeriodTimeSpan: 'PT1H' } },
      /d\.hh:mm:ss/,
    ],
    [
      `${agentProfile}.resourcePredictionsProfile.predictionPreference`,
      'NotAllowedValue',
      {
        [predictions]: undefined,
        [`${agentProfile}.resourcePredictionsProfile`]: { kind: 'Automatic', predictionPreference: 'balanced' },
      },
      /Did you mean 'Balanced'/,
    ],
    [
      `${agentProfile}.resourcePredictionsProfile`,
      'Required',
      { [`${agentProfile}.resourcePredictionsProfile`]: undefined },
      /no effect/,
    ],
    [`${predictions}.daysData`, 'Required', { [`${predictions}.daysData`]: undefined }],
    [
      `${predictions}.daysData`,
      'OutOfRange',
      { [`${predictions}.daysData`]: [{ '00:00:00': 1 }, {}] },
      /one item.*seven/,
    ],
    [`${predictions}.daysData`, 'TooFew', { [`${predictions}.daysData`]: [{}] }],
    [
      `${predictions}.daysData[0]["24:00:00"]`,
      'PatternMismatch',
      { [`${predictions}.daysData`]: [{ '24:00:00': 1 }] },
      /HH:mm:ss/,
    ],
    [
      `${predictions}.daysData[0]["00:00:00"]`,
      'OutOfRange',
      { [`${predictions}.daysData`]: [{ '00:00:00': 11 }] },
      /maximumConcurrency, 10/,
    ],
    [`${predictions}.daysData[0]["00:00:00"]`, 'OutOfRange', { [`${predictions}.daysData`]: [{ '00:00:00': -1 }] }],
    [
      `${predictions}.timeZone`,
      'UnknownTimeZone',
      { [`${predictions}.timeZone`]: 'Europe/Berlin' },
      /Windows time-zone id/,
    ],
    ['properties.fabricProfile.kind', 'NotAllowedValue', { 'properties.fabricProfile.kind': 'Container' }],
    ['properties.fabricProfile.sku.name', 'PatternMismatch', { 'properties.fabricProfile.sku.name': 'Standard D2' }],
    [images, 'TooFew', { [images]: [] }],
    [
      images,
      'TooMany',
      { [images]: Array.from({ length: 101 }, (_, index) => ({ resourceId: '/a/b/c/d', aliases: [`i${index}`] })) },
    ],
    [`${images}[0]`, 'ExactlyOneOf', { [`${images}[0].wellKnownImageName`]: undefined }],
    [`${images}[0]`, 'ExactlyOneOf', { [`${images}[0].resourceId`]: '/a/b/c/d' }],
    [`${images}[1].resourceId`, 'PatternMismatch', { [`${images}[1].resourceId`]: 'debian' }],
    [`${images}[0].wellKnownImageName`, 'PatternMismatch', { [`${images}[0].wellKnownImageName`]: 'a/b/c' }],
    [`${images}[1].aliases[0]`, 'Duplicate', { [`${images}[1].aliases`]: ['Ubuntu'] }, /images\[0\]\.aliases\[0\]/],
    [`${images}[1].aliases[0]`, 'Duplicate', { [`${images}[1].aliases`]: ['UBUNTU-24.04-G2'] }, /wellKnownImageName/],
    [`${images}[0].aliases[1]`, 'Duplicate', { [`${images}[0].aliases`]: ['ubuntu', 'UBUNTU'] }],
    [`${images}[0].aliases[0]`, 'PatternMismatch', { [`${images}[0].aliases`]: ['say "hi"'] }],
    [`${images}[0].aliases[0]`, 'PatternMismatch', { [`${images}[0].aliases`]: ['ends '] }],
    [images, 'BuffersMustTotal100', { [`${images}[1].buffer`]: '39' }, /they total 99/],
    [images, 'BuffersMustTotal100', { [`${images}[1].buffer`]: undefined }, /found 60, \*/],
    [`${images}[0].ephemeralType`, 'NotAllowedValue', { [`${images}[0].ephemeralType`]: 'NVMeDisk' }],
    [
      'properties.fabricProfile.osProfile.secretsManagementSettings.keyExportable',
      'Required',
      {
        'properties.fabricProfile.osProfile.secretsManagementSettings': {
          observedCertificates: ['https://v/secrets/c'],
        },
      },
    ],
    [
      'properties.fabricProfile.storageProfile.dataDisks',
      'TooMany',
      { 'properties.fabricProfile.storageProfile.dataDisks': [{}, {}] },
    ],
    [
      'properties.fabricProfile.storageProfile.dataDisks[0].driveLetter',
      'PatternMismatch',
      { 'properties.fabricProfile.storageProfile.dataDisks': [{ driveLetter: 'C' }] },
    ],
    [
      'properties.fabricProfile.storageProfile.dataDisks[0].diskSizeGiB',
      'OutOfRange',
      { 'properties.fabricProfile.storageProfile.dataDisks': [{ diskSizeGiB: 32_768 }] },
    ],
    [
      'properties.fabricProfile.storageProfile.dataDisks[0].storageType',
      'UnknownProperty',
      { 'properties.fabricProfile.storageProfile.dataDisks': [{ storageType: 'x' }] },
      /storageAccountType/,
    ],
    [
      'properties.fabricProfile.networkProfile.staticIpAddressCount',
      'OutOfRange',
      { 'properties.fabricProfile.networkProfile.staticIpAddressCount': 5 },
      /0 to 4/,
    ],
    [
      'properties.fabricProfile.networkProfile.subnetId',
      'PatternMismatch',
      { 'properties.fabricProfile.networkProfile.subnetId': 'default' },
    ],
    [
      'properties.runtimeConfiguration.workFolder',
      'PatternMismatch',
      { 'properties.runtimeConfiguration.workFolder': 'a\nb' },
    ],
  ];
  test.each(refused)('%s: %s (%j)', (path, rule, changes, says = /./) => {
    expect(violationsOf(documentWith(changes))).toEqual([
      expect.objectContaining({ path, rule, message: expect.stringMatching(says) }),
    ]);
  });
});

test('every mistake of a document is answered at once, also where other parts are wrong', () => {
  const paths = violationsOf(
    documentWith({
      location: undefined,
      colour: 'red',
      'properties.maximumConcurrency': 'ten',
      [`${images}[0].buffer`]: 50,
      [`${images}[1].aliases`]: ['ubuntu'],
      [`${predictions}.timeZone`]: 'Nowhere',
    }),
  ).map(({ path }) => path);
  expect(paths.toSorted()).toEqual(
    [
      'location',
      'colour',
      'properties.maximumConcurrency',
      `${images}[0].buffer`,
      images,
      `${images}[1].aliases[0]`,
      `${predictions}.timeZone`,
    ].toSorted(),
  );
});

test('a violation repeats the value, but never one of a URL, which may carry a password', () => {
  const document = documentWith({
    'properties.fabricProfile.sku.name': 'Standard D2',
    [`${organizations}[0].url`]: 'https://user:hunter2@dev.azure.com/contoso',
  });
  const violations = violationsOf(document);
  expect(violations).toContainEqual(expect.objectContaining({ value: 'Standard D2' }));
  expect(JSON.stringify(violations)).not.toContain('hunter2');
});

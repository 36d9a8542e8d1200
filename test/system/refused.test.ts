import { readFile } from 'node:fs/promises';
import type { OdpError } from '../../client/sdk/index.ts';
import { embeddedPool } from '../support/embedded-pool.ts';
import { controllerCalls } from '../support/ledger-checks.ts';
import { withValue } from '../support/pool-document.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Bad documents: each is refused with its property and its rule before anything is created, and what runs stays. */

jest.setTimeout(120_000);

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 0.02, organizations: [{ name: 'fabrikam', token: 'not-the-token' }] });
  await stack.addOrganization('fabrikam');
  await makeAgentPool('somebody-elses');
});
afterAll(async () => {
  await stack.close();
});

const image = ['properties', 'fabricProfile', 'images', 0] as const;
const url = ['properties', 'organizationProfile', 'organizations', 0, 'url'] as const;

const cases: [what: string, path: readonly (string | number)[], value: () => unknown, code: string, target: string][] =
  [
    [
      'a property that does not exist',
      ['properties', 'maximumConcurency'],
      () => 3,
      'UnknownProperty',
      'properties.maximumConcurency',
    ],
    [
      'a value of the wrong type',
      ['properties', 'maximumConcurrency'],
      () => 'four',
      'WrongType',
      'properties.maximumConcurrency',
    ],
    [
      'a value out of range',
      ['properties', 'maximumConcurrency'],
      () => 10_001,
      'OutOfRange',
      'properties.maximumConcurrency',
    ],
    [
      'an alias that stands twice',
      [...image, 'aliases'],
      () => ['ubuntu', 'Ubuntu'],
      'Duplicate',
      'properties.fabricProfile.images[0].aliases[1]',
    ],
    [
      'buffers that do not total 100',
      [...image, 'buffer'],
      () => '40',
      'BuffersMustTotal100',
      'properties.fabricProfile.images',
    ],
    [
      'an image that Azure does not know',
      [...image, 'wellKnownImageName'],
      () => 'ubuntu-24.04-g2/99.0.0',
      'UnknownImage',
      'properties.fabricProfile.images[0]',
    ],
    [
      'a size that Azure does not know',
      ['properties', 'fabricProfile', 'sku', 'name'],
      () => 'Standard_Z9',
      'NotAllowedValue',
      'properties.fabricProfile.sku.name',
    ],
    [
      'an organisation that does not answer',
      url,
      () => 'http://127.0.0.1:1/contoso',
      'OrganizationNotReachable',
      'properties.organizationProfile.organizations[0].url',
    ],
    [
      'an organisation that refuses the credentials',
      url,
      () => `${stack.cloud.azureDevOps}/fabrikam`,
      'CredentialsRefused',
      'properties.organizationProfile.organizations[0].url',
    ],
    [
      'a project that does not exist',
      ['properties', 'organizationProfile', 'organizations', 0, 'projects'],
      () => ['nowhere'],
      'UnknownProject',
      'properties.organizationProfile.organizations[0].projects[0]',
    ],
    [
      'a name that another agent pool has',
      ['name'],
      () => 'somebody-elses',
      'NameTaken',
      'properties.organizationProfile.organizations[0].alias',
    ],
    ['a document of another kind', ['type'], () => 'Microsoft.Compute/virtualMachines', 'WrongResourceType', 'type'],
    [
      'what this version cannot do',
      ['properties', 'fabricProfile', 'osProfile'],
      () => ({ logonType: 'Interactive' }),
      'NotSupported',
      'properties.fabricProfile.osProfile.logonType',
    ],
  ];

async function refusal(document: unknown): Promise<OdpError> {
  const odp = await stack.client();
  return await odp.pools.apply(document).then(
    () => Promise.reject(new Error('was not refused')),
    (error: unknown) => error as OdpError,
  );
}

/** As an administrator would, by hand. */
async function makeAgentPool(name: string): Promise<void> {
  const { organizationUrl, personalAccessTokenFile } = stack.cloud;
  const token = (await readFile(personalAccessTokenFile, 'utf8')).trim();
  const response = await fetch(`${organizationUrl}/_apis/distributedtask/pools?api-version=7.1`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`:${token}`).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ name }),
  });
  expect(response.status).toBe(200);
  byHand = await writes();
}

let byHand: Record<string, number> = {};

const writes = async () => {
  const calls = await controllerCalls(stack);
  return Object.fromEntries(
    Object.entries(calls).filter(([name]) => /_(Add|CreateOrUpdate|Update|Delete)$/.test(name)),
  );
};

test.each(cases)('%s is refused by name, and nothing is created', async (_what, path, value, code, target) => {
  const error = await refusal(withValue(embeddedPool(stack.cloud, 'refused'), path, value()));

  expect(error.code).toBe('InvalidPool');
  expect(error.details).toContainEqual(expect.objectContaining({ code, target }));
  expect(await writes()).toEqual(byHand);
  expect(await (await stack.client()).pools.list()).toEqual([]);
});

test('several mistakes are told at once', async () => {
  const one = withValue(embeddedPool(stack.cloud, 'refused'), ['properties', 'maximumConcurrency'], 0);
  const error = await refusal(withValue(one, [...image, 'aliases'], ['ubuntu', 'ubuntu']));

  expect(error.details?.map(({ code }) => code).toSorted()).toEqual(['Duplicate', 'OutOfRange']);
});

test('a pool that runs stays as it was when its next document is refused', async () => {
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'kept'));

  await refusal(embeddedPool(stack.cloud, 'kept', { maximumConcurrency: -1 }));

  const { specification, specificationVersion } = await odp.pools.show('kept');
  expect({ maximum: specification?.maximumConcurrency, specificationVersion }).toEqual({
    maximum: 4,
    specificationVersion: 1,
  });
});

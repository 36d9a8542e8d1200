import { canonicalRegion } from '../../domain/pool-document/placement.ts';
import type {
  ImageReference,
  ImageSpecification,
  MachineSpecification,
  PoolSpecification,
} from '../../domain/pool-specification.ts';
import type { Violation } from '../../domain/violation.ts';
import { OutsideError } from '../errors.ts';
import { checkSizes } from './check-sizes.ts';
import type { AzureClients } from './clients.ts';

/**
 * Everything about a pool's machines that Azure would refuse, found by reading only. In the order of the pool document.
 *
 * @throws OutsideError when Azure cannot be asked
 */
export async function machineViolations(
  azure: AzureClients,
  specification: Pick<PoolSpecification, 'images' | 'machine' | 'placement'>,
  signal: AbortSignal,
): Promise<Violation[]> {
  const { images, machine, placement } = specification;
  const regions = placement?.regions ?? [];
  const others = [...new Set(regions.map(({ location }) => location))].filter((name) => name !== machine.location);
  const answers = await Promise.all([
    checkResourceGroup(azure, machine, signal),
    checkSizes(azure, specification, signal),
    ...images.map((image, index) => checkImage(azure, machine, image, index, signal)),
    checkSubnet(azure, machine, signal),
    ...regions.map((region, index) => checkRegion(azure, machine, region, index, signal)),
    ...images.flatMap((image, index) =>
      others.map((location) => checkImage(azure, { ...machine, location }, image, index, signal)),
    ),
  ]);
  return answers.flat();
}

async function checkResourceGroup(
  azure: AzureClients,
  { subscriptionId, resourceGroup }: MachineSpecification,
  signal: AbortSignal,
): Promise<Violation[]> {
  const path = `/subscriptions/${subscriptionId}/resourceGroups/${encodeURIComponent(resourceGroup)}`;
  if (await exists(azure, subscriptionId, path, '2021-04-01', signal)) return [];
  return [
    {
      // Not a property of the pool document: the operator's installation names the group.
      path: '',
      rule: 'NotAllowedValue',
      message: `The resource group ${resourceGroup}, where the machines would be, does not exist in the subscription ${subscriptionId}, or this identity may not read it. It is named by azure.resourceGroup in the installation document.`,
      value: resourceGroup,
    },
  ];
}

async function checkImage(
  azure: AzureClients,
  { subscriptionId, location }: MachineSpecification,
  { name, reference }: ImageSpecification,
  index: number,
  signal: AbortSignal,
): Promise<Violation[]> {
  const { path, apiVersion } = imageAddress(reference, subscriptionId, location);
  if (await exists(azure, subscriptionId, path, apiVersion, signal)) return [];
  return [
    {
      path: `properties.fabricProfile.images[${index}]`,
      rule: 'UnknownImage',
      message: `The image '${name}' (${describe(reference)}) does not exist in ${location}, or this identity may not read it. Name one that does.`,
      value: describe(reference),
    },
  ];
}

async function checkSubnet(
  azure: AzureClients,
  { subscriptionId, subnetId }: MachineSpecification,
  signal: AbortSignal,
): Promise<Violation[]> {
  if (await exists(azure, subscriptionId, subnetId, networkApiVersion, signal)) return [];
  return [
    {
      path: 'properties.fabricProfile.networkProfile.subnetId',
      rule: 'NotAllowedValue',
      message: `The subnet does not exist, or this identity may not read it. Give the id of a subnet in the region of the pool.`,
      value: subnetId,
    },
  ];
}

/** The subnet of a further region, and that its network is there: no machine joins a network of another region. */
async function checkRegion(
  azure: AzureClients,
  { subscriptionId }: MachineSpecification,
  { location, subnetId }: { location: string; subnetId: string },
  index: number,
  signal: AbortSignal,
): Promise<Violation[]> {
  const path = `properties.operatorProfile.regions[${index}].subnetId`;
  const refused = (message: string): Violation[] => [{ path, rule: 'NotAllowedValue', message, value: subnetId }];
  const networkId = subnetId.replace(/\/subnets\/[^/]*$/i, '');
  const network = await read(azure, subscriptionId, networkId, networkApiVersion, signal);
  const subnet = await read(azure, subscriptionId, subnetId, networkApiVersion, signal);
  if (network === undefined || subnet === undefined) {
    return refused(
      `The subnet does not exist, or this identity may not read it. Give the id of a subnet in ${location}.`,
    );
  }
  const { location: actual } = network as { location?: string };
  if (actual === undefined || canonicalRegion(actual) === location) return [];
  return refused(`The subnet is in ${actual}. Give the id of a subnet in ${location}.`);
}

/** A list of versions exists only when it has one. An address that this identity may not read is as good as none. */
async function exists(
  azure: AzureClients,
  subscriptionId: string,
  path: string,
  apiVersion: string,
  signal: AbortSignal,
): Promise<boolean> {
  const body = await read(azure, subscriptionId, path, apiVersion, signal);
  return body !== undefined && !(Array.isArray(body) && body.length === 0);
}

/** What is at an address; undefined where there is nothing that this identity may read. */
async function read(
  azure: AzureClients,
  subscriptionId: string,
  path: string,
  apiVersion: string,
  signal: AbortSignal,
): Promise<unknown> {
  const separator = path.includes('?') ? '&' : '?';
  try {
    const answer = await azure.call(
      'resources.get',
      'GET',
      subscriptionId,
      `${path}${separator}api-version=${apiVersion}`,
      signal,
    );
    return answer.status === 404 ? undefined : (answer.body ?? {});
  } catch (error) {
    if (error instanceof OutsideError && isRefusedReading(error.evidence.status, error.evidence.codes))
      return undefined;
    throw error;
  }
}

/** 400 is how Azure answers an address that cannot name anything, such as an unknown publisher's malformed id. */
function isRefusedReading(status: number | undefined, codes: readonly string[]): boolean {
  return status === 400 || (status === 403 && codes.includes('AuthorizationFailed'));
}

const networkApiVersion = '2024-05-01';
const computeApiVersion = '2024-11-01';
const galleryApiVersion = '2024-03-03';

function imageAddress(
  reference: ImageReference,
  subscriptionId: string,
  location: string,
): { path: string; apiVersion: string } {
  const compute = `/subscriptions/${subscriptionId}/providers/Microsoft.Compute/locations/${location}`;
  switch (reference.kind) {
    case 'marketplace': {
      const [publisher, offer, sku, version] = [
        reference.publisher,
        reference.offer,
        reference.sku,
        reference.version,
      ].map((part) => encodeURIComponent(part));
      const versions = `${compute}/publishers/${publisher}/artifacttypes/vmimage/offers/${offer}/skus/${sku}/versions`;
      const path = version?.toLowerCase() === 'latest' ? `${versions}?$top=1` : `${versions}/${version}`;
      return { path, apiVersion: computeApiVersion };
    }
    case 'gallery':
      return { path: galleryPath(reference.id), apiVersion: galleryApiVersion };
    case 'sharedGallery':
      return {
        path: `${compute}/${galleryPath(reference.id).replace(/^\/?SharedGalleries/i, 'sharedGalleries')}`,
        apiVersion: galleryApiVersion,
      };
    case 'communityGallery':
      return {
        path: `${compute}/${galleryPath(reference.id).replace(/^\/?CommunityGalleries/i, 'communityGalleries')}`,
        apiVersion: galleryApiVersion,
      };
  }
}

/** `latest` is a word of the create call only; what can be read then is the image itself. */
function galleryPath(id: string): string {
  return id.replace(/\/versions\/latest$/i, '');
}

function describe(reference: ImageReference): string {
  if (reference.kind !== 'marketplace') return reference.id;
  const { publisher, offer, sku, version } = reference;
  return `${publisher}:${offer}:${sku}:${version}`;
}

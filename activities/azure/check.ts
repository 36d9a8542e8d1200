import type { ImageReference, ImageSpecification, MachineSpecification } from '../../domain/pool-specification.ts';
import type { Violation } from '../../domain/violation.ts';
import { OutsideError } from '../errors.ts';
import { captured } from './capture.ts';
import type { AzureClients } from './clients.ts';

/**
 * Everything about a pool's machines that Azure would refuse, found by reading only. In the order of the pool document.
 *
 * @throws OutsideError when Azure cannot be asked
 */
export async function machineViolations(
  azure: AzureClients,
  { images, machine }: { images: readonly ImageSpecification[]; machine: MachineSpecification },
  signal: AbortSignal,
): Promise<Violation[]> {
  const answers = await Promise.all([
    checkResourceGroup(azure, machine, signal),
    checkSize(azure, machine, signal),
    ...images.map((image, index) => checkImage(azure, machine, image, index, signal)),
    checkSubnet(azure, machine, signal),
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

async function checkSize(
  azure: AzureClients,
  { subscriptionId, location, vmSize }: MachineSpecification,
  signal: AbortSignal,
): Promise<Violation[]> {
  const refused = (why: string): Violation[] => [
    { path: 'properties.fabricProfile.sku.name', rule: 'NotAllowedValue', message: why, value: vmSize },
  ];
  return await captured(
    'resourceSkus.list',
    async () => {
      const filter = `location eq '${location}'`;
      let known = 0;
      for await (const sku of azure.compute(subscriptionId).resourceSkus.list({ filter, abortSignal: signal })) {
        if (sku.resourceType !== 'virtualMachines') continue;
        known++;
        if (sku.name?.toLowerCase() !== vmSize.toLowerCase()) continue;
        const closed = sku.restrictions?.find(({ type }) => type === 'Location');
        if (!closed) return [];
        return refused(
          `The size ${vmSize} is closed to this subscription in ${location} (${closed.reasonCode ?? 'no reason given'}). Choose another size or region, or ask for access to it.`,
        );
      }
      return known === 0
        ? refused(`The region ${location} offers no sizes to this subscription. Choose another region.`)
        : refused(`The size ${vmSize} does not exist in ${location}. Choose one of the ${known} sizes that do.`);
    },
    signal,
  );
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
  if (await exists(azure, subscriptionId, subnetId, '2024-05-01', signal)) return [];
  return [
    {
      path: 'properties.fabricProfile.networkProfile.subnetId',
      rule: 'NotAllowedValue',
      message: `The subnet does not exist, or this identity may not read it. Give the id of a subnet in the region of the pool.`,
      value: subnetId,
    },
  ];
}

/** A list of versions exists only when it has one. An address that this identity may not read is as good as none. */
async function exists(
  azure: AzureClients,
  subscriptionId: string,
  path: string,
  apiVersion: string,
  signal: AbortSignal,
): Promise<boolean> {
  const separator = path.includes('?') ? '&' : '?';
  try {
    const answer = await azure.call(
      'resources.get',
      'GET',
      subscriptionId,
      `${path}${separator}api-version=${apiVersion}`,
      signal,
    );
    return answer.status !== 404 && !(Array.isArray(answer.body) && answer.body.length === 0);
  } catch (error) {
    if (error instanceof OutsideError && isRefusedReading(error.evidence.status, error.evidence.codes)) return false;
    throw error;
  }
}

/** 400 is how Azure answers an address that cannot name anything, such as an unknown publisher's malformed id. */
function isRefusedReading(status: number | undefined, codes: readonly string[]): boolean {
  return status === 400 || (status === 403 && codes.includes('AuthorizationFailed'));
}

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

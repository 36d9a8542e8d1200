import { ArmError } from './errors.ts';
import type { Call, Gateway } from './gateway.ts';
import { platformImages, resolveVersion } from './images.ts';
import { operationStatus } from './long-running.ts';
import { locations, resourceSku, vmSizes } from './skus.ts';
import type { ArmState } from './state.ts';

/** Adds what a subscription may use: sizes, quotas, marketplace images; and the status of operations. */
export function addCatalogueRoutes(gateway: Gateway, state: ArmState): void {
  const compute = '/subscriptions/:subscription/providers/microsoft.compute';
  const located = (call: Call): string => {
    const name = call.param('location').replaceAll(' ', '').toLowerCase();
    if (locations.some((known) => known.name === name)) return name;
    throw new ArmError(400, {
      code: 'NoRegisteredProviderFound',
      message: `No registered resource provider found for location '${call.param('location')}' and API version '${call.apiVersion}' for type 'locations'.`,
    });
  };

  gateway.add({
    method: 'GET',
    path: `${compute}/skus`,
    operation: 'ResourceSkus_List',
    handler(call) {
      const filter = call.url.searchParams.get('$filter');
      const wanted =
        filter === null ? undefined : /^\s*location\s+eq\s+'([^']*)'\s*$/i.exec(filter)?.[1]?.toLowerCase();
      if (filter !== null && wanted === undefined) {
        throw new ArmError(400, {
          code: 'InvalidParameter',
          message: `The $filter '${filter}' is not supported: only location eq 'name' is.`,
          target: '$filter',
        });
      }
      const value = locations
        .filter((location) => wanted === undefined || location.name === wanted)
        .flatMap((location) => vmSizes.map((vmSize) => resourceSku(vmSize, location.name)));
      return { status: 200, body: { value } };
    },
  });
  gateway.add({
    method: 'GET',
    path: `${compute}/locations/:location/usages`,
    operation: 'Usage_List',
    handler: (call) => ({ status: 200, body: { value: state.quota.usages(located(call)) } }),
  });
  gateway.add({
    method: 'GET',
    path: `${compute}/locations/:location/vmsizes`,
    operation: 'VirtualMachineSizes_List',
    handler(call) {
      located(call);
      const value = vmSizes.map((vmSize) => ({
        name: vmSize.name,
        numberOfCores: vmSize.cores,
        osDiskSizeInMB: 1_047_552,
        resourceDiskSizeInMB: vmSize.resourceDiskMb,
        memoryInMB: vmSize.memoryGb * 1024,
        maxDataDiskCount: Math.max(4, vmSize.cores * 2),
      }));
      return { status: 200, body: { value } };
    },
  });
  gateway.add({
    method: 'GET',
    path: '/subscriptions/:subscription/providers/:provider/locations/:location/operations/:operation',
    operation: 'Operations_Get',
    policy: 'GetOperation',
    handler: (call) => operationStatus(state, call),
  });

  const publishers = `${compute}/locations/:location/publishers`;
  const equal = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
  const notFound = (call: Call, what: string): ArmError =>
    new ArmError(404, { code: 'NotFound', message: `${what} was not found in location '${call.param('location')}'.` });
  const matching = (call: Call, ...names: ('publisher' | 'offer' | 'sku')[]) => {
    located(call);
    const found = platformImages.filter((image) => names.every((name) => equal(image[name], call.param(name))));
    if (found.length === 0)
      throw notFound(call, `Artifact: ${names.map((name) => `${name} '${call.param(name)}'`).join(', ')}`);
    return found;
  };
  const entry = (call: Call, path: string, name: string): unknown => ({
    location: call.param('location'),
    name,
    id: `/Subscriptions/${call.subscriptionId}/Providers/Microsoft.Compute/Locations/${call.param('location')}/Publishers${path}`,
  });
  const unique = (names: string[]): string[] => [...new Set(names)];

  gateway.add({
    method: 'GET',
    path: publishers,
    operation: 'VirtualMachineImages_ListPublishers',
    handler: (call) => ({
      status: 200,
      body: unique(matching(call).map((image) => image.publisher)).map((name) => entry(call, `/${name}`, name)),
    }),
  });
  const offers = `${publishers}/:publisher/artifacttypes/vmimage/offers`;
  gateway.add({
    method: 'GET',
    path: offers,
    operation: 'VirtualMachineImages_ListOffers',
    handler: (call) => ({
      status: 200,
      body: unique(matching(call, 'publisher').map((image) => image.offer)).map((name) =>
        entry(call, `/${call.param('publisher')}/ArtifactTypes/VMImage/Offers/${name}`, name),
      ),
    }),
  });
  gateway.add({
    method: 'GET',
    path: `${offers}/:offer/skus`,
    operation: 'VirtualMachineImages_ListSkus',
    handler: (call) => ({
      status: 200,
      body: matching(call, 'publisher', 'offer').map((image) =>
        entry(call, `/${image.publisher}/ArtifactTypes/VMImage/Offers/${image.offer}/Skus/${image.sku}`, image.sku),
      ),
    }),
  });
  const versions = `${offers}/:offer/skus/:sku/versions`;
  gateway.add({
    method: 'GET',
    path: versions,
    operation: 'VirtualMachineImages_List',
    handler(call) {
      const [image] = matching(call, 'publisher', 'offer', 'sku');
      let names = [...(image?.versions ?? [])];
      if (/desc/i.test(call.url.searchParams.get('$orderby') ?? '')) names.reverse();
      const top = Number(call.url.searchParams.get('$top') ?? 0);
      if (top > 0) names = names.slice(0, top);
      const path = `/${image?.publisher ?? ''}/ArtifactTypes/VMImage/Offers/${image?.offer ?? ''}/Skus/${image?.sku ?? ''}/Versions`;
      return { status: 200, body: names.map((name) => entry(call, `${path}/${name}`, name)) };
    },
  });
  gateway.add({
    method: 'GET',
    path: `${versions}/:version`,
    operation: 'VirtualMachineImages_Get',
    handler(call) {
      const [image] = matching(call, 'publisher', 'offer', 'sku');
      const version = image === undefined ? undefined : resolveVersion(image, call.param('version'));
      if (image === undefined || version === undefined)
        throw notFound(call, `Artifact: VMImage version '${call.param('version')}'`);
      return {
        status: 200,
        body: {
          ...(entry(
            call,
            `/${image.publisher}/ArtifactTypes/VMImage/Offers/${image.offer}/Skus/${image.sku}/Versions/${version}`,
            version,
          ) as object),
          properties: {
            osDiskImage: { operatingSystem: image.operatingSystem, sizeInGb: image.diskSizeGb },
            dataDiskImages: [],
            automaticOSUpgradeProperties: { automaticOSUpgradeSupported: true },
            hyperVGeneration: image.generation,
            architecture: image.architecture,
            imageDeprecationStatus: { imageState: 'Active' },
            features: [],
          },
        },
      };
    },
  });
}

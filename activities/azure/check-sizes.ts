import type { ResourceSku } from '@azure/arm-compute';
import type { DataDiskSpecification, PoolSpecification } from '../../domain/pool-specification.ts';
import type { Violation } from '../../domain/violation.ts';
import { captured } from './capture.ts';
import type { AzureClients } from './clients.ts';

const skuPath = 'properties.fabricProfile.sku';
const operatorPath = 'properties.operatorProfile';

/** The sizes of a region, by their names in lower case. */
type Sizes = Map<string, ResourceSku>;

/**
 * Whether every size can be had in every region, zone and priority that the document names, and whether the sizes of a
 * mix fit one image and one disk. One list for each region, however many sizes there are.
 */
export async function checkSizes(
  azure: AzureClients,
  { machine, placement }: Pick<PoolSpecification, 'machine' | 'placement'>,
  signal: AbortSignal,
): Promise<Violation[]> {
  const { subscriptionId, location } = machine;
  const vmSizes = placement?.vmSizes ?? [machine.vmSize];
  // A document that names one size has it at `sku.name`, whatever else it leaves open.
  const pathOf = (index: number) => (vmSizes.length > 1 ? `${skuPath}.vmSizes[${index}].name` : `${skuPath}.name`);
  const further = [...new Set((placement?.regions ?? []).map((region) => region.location))];
  const regions = await Promise.all(
    [location, ...further.filter((region) => region !== location)].map(async (region) => ({
      region,
      known: await sizesOf(azure, subscriptionId, region, signal),
    })),
  );
  const violations = regions.flatMap(({ region, known }) =>
    vmSizes.flatMap((vmSize, index) => {
      const found = known.get(vmSize.toLowerCase());
      const path = region === location ? pathOf(index) : regionPath(placement, region);
      const closed = whyClosed(vmSize, region, known);
      if (closed !== undefined) return [refused(path, closed, region === location ? vmSize : region)];
      if (!found) return [];
      return [
        ...(placement ? placementViolations(found, vmSize, region, placement) : []),
        ...dataDiskViolations(found, vmSize, region, machine.dataDisk),
      ];
    }),
  );
  const [own] = regions;
  return [...violations, ...(own && vmSizes.length > 1 ? mixViolations(own.known, vmSizes, pathOf) : [])];
}

async function sizesOf(
  azure: AzureClients,
  subscriptionId: string,
  location: string,
  signal: AbortSignal,
): Promise<Sizes> {
  return await captured(
    'resourceSkus.list',
    async () => {
      const sizes: Sizes = new Map();
      const filter = `location eq '${location}'`;
      for await (const sku of azure.compute(subscriptionId).resourceSkus.list({ filter, abortSignal: signal })) {
        if (sku.resourceType === 'virtualMachines' && sku.name) sizes.set(sku.name.toLowerCase(), sku);
      }
      return sizes;
    },
    signal,
  );
}

function whyClosed(vmSize: string, location: string, known: Sizes): string | undefined {
  if (known.size === 0) return `The region ${location} offers no sizes to this subscription. Choose another region.`;
  const sku = known.get(vmSize.toLowerCase());
  if (!sku) return `The size ${vmSize} does not exist in ${location}. Choose one of the ${known.size} sizes that do.`;
  const closed = sku.restrictions?.find(({ type }) => type === 'Location');
  if (!closed) return undefined;
  return `The size ${vmSize} is closed to this subscription in ${location} (${closed.reasonCode ?? 'no reason given'}). Choose another size or region, or ask for access to it.`;
}

function dataDiskViolations(
  sku: ResourceSku,
  vmSize: string,
  location: string,
  disk: DataDiskSpecification | undefined,
): Violation[] {
  if (disk === undefined) return [];
  const path = 'properties.fabricProfile.storageProfile.dataDisks';
  const kind = disk.storageAccountType;
  const most = Number(capability(sku, 'MaxDataDiskCount') ?? 1);
  return [
    ...(most <= disk.lun
      ? [
          refused(
            path,
            `The size ${vmSize} takes no data disk in ${location}. Choose another size, or remove the disk.`,
          ),
        ]
      : []),
    ...(kind.startsWith('Premium') && capability(sku, 'PremiumIO') !== 'True'
      ? [
          refused(
            `${path}[0].storageAccountType`,
            `The size ${vmSize} takes no premium disks in ${location}. Choose another size, or another kind of disk.`,
            kind,
          ),
        ]
      : []),
  ];
}

function placementViolations(
  sku: ResourceSku,
  vmSize: string,
  location: string,
  { zones, spot }: NonNullable<PoolSpecification['placement']>,
): Violation[] {
  const offered = sku.locationInfo?.find((info) => info.location?.toLowerCase() === location)?.zones ?? [];
  const closed = (sku.restrictions ?? []).filter(({ type }) => type === 'Zone');
  return [
    ...zones.flatMap((zone, index) => {
      const path = `${operatorPath}.zones[${index}]`;
      if (!offered.includes(zone)) {
        const others = offered.length === 0 ? 'in no zone' : `in zone ${offered.toSorted().join(', ')}`;
        return [
          refused(path, `The size ${vmSize} is not offered in zone ${zone} of ${location}, only ${others}.`, zone),
        ];
      }
      const restriction = closed.find(({ restrictionInfo }) => restrictionInfo?.zones?.includes(zone));
      if (!restriction) return [];
      const why = restriction.reasonCode ?? 'no reason given';
      const message = `The size ${vmSize} is closed to this subscription in zone ${zone} of ${location} (${why}). Choose another zone, or ask for access to it.`;
      return [refused(path, message, zone)];
    }),
    ...(spot && capability(sku, 'LowPriorityCapable') !== 'True'
      ? [
          refused(
            `${operatorPath}.spot`,
            `The size ${vmSize} has no Spot machines in ${location}. Choose another size.`,
          ),
        ]
      : []),
  ];
}

/** Any size of a mix must run the same image from the same kind of disk, and each must draw on a quota of its own. */
function mixViolations(known: Sizes, vmSizes: readonly string[], pathOf: (index: number) => string): Violation[] {
  const skus = vmSizes.map((vmSize) => known.get(vmSize.toLowerCase()));
  return skus.flatMap((sku, index) => {
    const first = skus[0];
    if (!sku || !first || index === 0) return [];
    const said = (message: string) => refused(pathOf(index), message, vmSizes[index]);
    const same = skus.findIndex((other) => other?.family !== undefined && other.family === sku.family);
    const differing = (what: string, name: string) =>
      capability(sku, name) === capability(first, name)
        ? []
        : [
            said(
              `All sizes of a mix must have the same ${what}: ${vmSizes[index]} has ${capability(sku, name) ?? 'none'}, ${vmSizes[0]} ${capability(first, name) ?? 'none'}.`,
            ),
          ];
    return [
      ...(same < index
        ? [said(`Each size of a mix must be of another series; ${vmSizes[same]} is of ${sku.family} too.`)]
        : []),
      ...differing('processor architecture', 'CpuArchitectureType'),
      ...(sharesInterface(sku, first)
        ? []
        : [
            said(
              `All sizes of a mix must have a storage interface in common: ${vmSizes[index]} has ${interfaces(sku).join(', ')}, ${vmSizes[0]} ${interfaces(first).join(', ')}.`,
            ),
          ]),
      ...differing('support of premium storage', 'PremiumIO'),
    ];
  });
}

/** A size that names none attaches its disks by SCSI, as all did before NVMe came. */
function interfaces(sku: ResourceSku): string[] {
  return (capability(sku, 'DiskControllerTypes') ?? 'SCSI').split(',').map((name) => name.trim());
}

function sharesInterface(one: ResourceSku, other: ResourceSku): boolean {
  return interfaces(one).some((name) => interfaces(other).includes(name));
}

function capability(sku: ResourceSku, name: string): string | undefined {
  return sku.capabilities?.find((one) => one.name === name)?.value;
}

function regionPath(placement: PoolSpecification['placement'], location: string): string {
  const index = placement?.regions.findIndex((region) => region.location === location) ?? 0;
  return `${operatorPath}.regions[${index}].location`;
}

function refused(path: string, message: string, value?: string): Violation {
  return { path, rule: 'NotAllowedValue', message, ...(value === undefined ? {} : { value }) };
}

/** Sizes of virtual machines that the cloud has. Figures from the size pages of Microsoft's documentation. */
export interface VmSize {
  name: string;
  family: string;
  cores: number;
  memoryGb: number;
  /** Bytes of host cache; 0 when the size caches nothing. Decides whether an ephemeral disk fits `CacheDisk`. */
  cachedDiskBytes: number;
  /** Temporary (or NVMe) disk. 0: none. */
  resourceDiskMb: number;
  architecture: 'x64' | 'Arm64';
  ephemeral: boolean;
  lowPriority: boolean;
  premium: boolean;
  generations: string;
  /** Zones of a region that have the size; an empty list means that it is not zonal. */
  zones: readonly string[];
  /** Regions in which this subscription may not use it, with the reason. */
  restricted?: {
    locations: readonly string[];
    /** Only in these zones; absent: in the whole region. */
    zones?: readonly string[];
    reasonCode: 'NotAvailableForSubscription' | 'QuotaId';
  };
}

/** Regions of the cloud. */
export const locations: readonly { name: string; displayName: string }[] = [
  { name: 'westeurope', displayName: 'West Europe' },
  { name: 'northeurope', displayName: 'North Europe' },
  { name: 'eastus', displayName: 'East US' },
  { name: 'eastus2', displayName: 'East US 2' },
  { name: 'westus3', displayName: 'West US 3' },
  { name: 'swedencentral', displayName: 'Sweden Central' },
];

const gib = 2 ** 30;
const allZones = ['1', '2', '3'] as const;

function size(
  name: string,
  family: string,
  cores: number,
  memoryGb: number,
  cacheGib: number,
  resourceDiskGb: number,
  other: Partial<VmSize> = {},
): VmSize {
  return {
    name: `Standard_${name}`,
    family,
    cores,
    memoryGb,
    cachedDiskBytes: cacheGib * gib,
    resourceDiskMb: resourceDiskGb * 1024,
    architecture: 'x64',
    ephemeral: cacheGib > 0 || resourceDiskGb >= 75,
    lowPriority: true,
    premium: true,
    generations: 'V1,V2',
    zones: allZones,
    ...other,
  };
}

/** Every size, in every region. */
export const vmSizes: readonly VmSize[] = [
  size('B2s', 'standardBSFamily', 2, 4, 0, 8, { lowPriority: false, ephemeral: false }),
  size('B2ms', 'standardBSFamily', 2, 8, 0, 16, { lowPriority: false, ephemeral: false }),
  size('DS2_v2', 'standardDSv2Family', 2, 7, 86, 14),
  size('D2s_v3', 'standardDSv3Family', 2, 8, 50, 16),
  size('D4s_v3', 'standardDSv3Family', 4, 16, 100, 32),
  size('D2s_v5', 'standardDSv5Family', 2, 8, 0, 0, { ephemeral: false }),
  size('D4s_v5', 'standardDSv5Family', 4, 16, 0, 0, { ephemeral: false }),
  size('D2as_v5', 'standardDASv5Family', 2, 8, 50, 0),
  size('D4as_v5', 'standardDASv5Family', 4, 16, 100, 0),
  size('D2ads_v5', 'standardDADSv5Family', 2, 8, 50, 75),
  size('D4ads_v5', 'standardDADSv5Family', 4, 16, 100, 150),
  size('D8ads_v5', 'standardDADSv5Family', 8, 32, 200, 300),
  size('D16ads_v5', 'standardDADSv5Family', 16, 64, 400, 600, {
    restricted: { locations: ['eastus'], zones: ['3'], reasonCode: 'NotAvailableForSubscription' },
  }),
  size('D2ds_v5', 'standardDDSv5Family', 2, 8, 50, 75),
  size('D4ds_v5', 'standardDDSv5Family', 4, 16, 100, 150),
  size('E4ads_v5', 'standardEADSv5Family', 4, 32, 100, 150),
  size('F4s_v2', 'standardFSv2Family', 4, 8, 64, 32, { zones: ['1', '2'] }),
  size('D2ads_v6', 'standardDadsv6Family', 2, 8, 0, 110, { generations: 'V2' }),
  size('D4ads_v6', 'standardDadsv6Family', 4, 16, 0, 220, { generations: 'V2' }),
  size('D2pds_v5', 'standardDPDSv5Family', 2, 8, 50, 75, { architecture: 'Arm64', generations: 'V2' }),
  size('NC4as_T4_v3', 'Standard NCASv3_T4 Family', 4, 28, 0, 176, {
    zones: ['1'],
    restricted: { locations: ['westeurope', 'northeurope'], reasonCode: 'NotAvailableForSubscription' },
  }),
];

const byName = new Map(vmSizes.map((known) => [known.name.toLowerCase(), known]));

/** The size of that name, without regard to case. */
export function vmSizeOf(name: string): VmSize | undefined {
  return byName.get(name.toLowerCase());
}

/** Whether this subscription may not use the size in the region, or in the zone of it. */
export function isRestricted({ restricted }: VmSize, location: string, zone?: string): boolean {
  if (!restricted?.locations.includes(location)) return false;
  return restricted.zones === undefined || (zone !== undefined && restricted.zones.includes(zone));
}

/** How many data disks the size takes. */
export function maxDataDisks({ cores }: VmSize): number {
  return Math.max(4, cores * 2);
}

/** One entry of the list of resource SKUs, as Microsoft.Compute answers it. */
export function resourceSku(vmSize: VmSize, location: string): unknown {
  const capability = (name: string, value: string | number | boolean): unknown => ({
    name,
    value: typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value),
  });
  const { restricted } = vmSize;
  const restriction = restricted?.locations.includes(location)
    ? [
        {
          type: restricted.zones === undefined ? 'Location' : 'Zone',
          values: [location],
          restrictionInfo: { locations: [location], zones: [...(restricted.zones ?? vmSize.zones)] },
          reasonCode: restricted.reasonCode,
        },
      ]
    : [];
  const [tier, ...rest] = vmSize.name.split('_');
  return {
    resourceType: 'virtualMachines',
    name: vmSize.name,
    tier,
    size: rest.join('_'),
    family: vmSize.family,
    locations: [location],
    locationInfo: [{ location, zones: [...vmSize.zones], zoneDetails: [] }],
    capabilities: [
      capability('MaxResourceVolumeMB', vmSize.resourceDiskMb),
      capability('OSVhdSizeMB', 1_047_552),
      capability('vCPUs', vmSize.cores),
      capability('MemoryPreservingMaintenanceSupported', true),
      capability('HyperVGenerations', vmSize.generations),
      capability('DiskControllerTypes', vmSize.name.endsWith('_v6') ? 'NVMe' : 'SCSI'),
      capability('MemoryGB', vmSize.memoryGb),
      capability('MaxDataDiskCount', maxDataDisks(vmSize)),
      capability('CpuArchitectureType', vmSize.architecture),
      capability('LowPriorityCapable', vmSize.lowPriority),
      capability('PremiumIO', vmSize.premium),
      capability('VMDeploymentTypes', 'IaaS'),
      capability('vCPUsAvailable', vmSize.cores),
      capability('CachedDiskBytes', vmSize.cachedDiskBytes),
      capability('EphemeralOSDiskSupported', vmSize.ephemeral),
      capability('EncryptionAtHostSupported', true),
      capability('AcceleratedNetworkingEnabled', vmSize.cores >= 2),
      capability('MaxNetworkInterfaces', 2),
    ],
    restrictions: restriction,
  };
}

/**
 * What the workflows keep of a pool document: parsed, defaulted, free of anything that only the API needs. Plain JSON
 * and small, for it travels in every continue-as-new.
 */

/** Where an image comes from, as the VM create call names it. */
export type ImageReference =
  | { kind: 'marketplace'; publisher: string; offer: string; sku: string; version: string }
  | { kind: 'gallery'; id: string }
  | { kind: 'sharedGallery'; id: string }
  | { kind: 'communityGallery'; id: string };

/** One image of a pool. */
export interface ImageSpecification {
  /** How planning, rosters and people name it: its first alias. Unique within the pool. */
  name: string;
  /** Every value of the demand `ImageOverride` that means this image, `name` included. */
  aliases: string[];
  reference: ImageReference;
  operatingSystem: 'Linux' | 'Windows';
  buffer: number | '*';
}

/** The shape that every machine of the pool has. */
export interface MachineSpecification {
  subscriptionId: string;
  /** Resource group of the machines. */
  resourceGroup: string;
  location: string;
  vmSize: string;
  osDiskStorageAccountType: 'Standard_LRS' | 'StandardSSD_LRS' | 'Premium_LRS';
  subnetId: string;
  /** At most 20: the product copies no more to a machine. */
  tags: Record<string, string>;
  workFolder: string;
  /** ARM ids of the user-assigned identities of every machine; absent: none. */
  userAssignedIdentities?: string[];
  /** The pool's data disk; absent: none. */
  dataDisk?: DataDiskSpecification;
  /** Absent: none, unless the image names one. */
  proxy?: ProxySpecification;
  /** Availability zone; absent: in none. */
  zone?: string;
  /** Absent: regular. */
  priority?: 'Spot';
  /** US dollars an hour, of a Spot machine; absent: up to the regular price. */
  maximumPrice?: number;
}

/** The empty disk that every machine of a pool brings along. */
export interface DataDiskSpecification {
  /** Number of the disk on its machine. */
  lun: number;
  sizeGib: number;
  caching: 'None' | 'ReadOnly' | 'ReadWrite';
  storageAccountType: 'Standard_LRS' | 'Premium_LRS' | 'StandardSSD_LRS' | 'Premium_ZRS' | 'StandardSSD_ZRS';
  /** On Windows; absent: the first that is free after the temporary disk. */
  driveLetter?: string;
}

/** The proxy of a pool's agents and jobs. */
export interface ProxySpecification {
  /** Such as `http://proxy.contoso.com:3128`. */
  url: string;
  /** Name of an entry of the installation's `proxyCredentials`; never the credential itself. */
  credential?: string;
  /** Regular expressions of addresses that are reached directly. */
  bypass?: string[];
}

/** Where machines may be made instead of at the one place that `MachineSpecification` names. */
export interface PlacementSpecification {
  /** In order of preference; the first is that of the machine. */
  vmSizes: string[];
  /** In order of preference; empty: machines are in no zone. */
  zones: string[];
  /** Absent: regular machines only. */
  spot?: { maximumPrice?: number; fallback: 'Regular' | 'None' };
  /** After the machine's own region and subnet, in order of preference. */
  regions: { location: string; subnetId: string }[];
}

/** How long agents live that serve many jobs. Durations in milliseconds. */
export interface StatefulSpecification {
  /** Longest life of an agent, from its creation, parked or not; a running job is finished. Ten minutes to seven days. */
  lifetimeMs: number;
  /** How long an agent waits for another job, whatever standby wants; 0 to seven days. */
  graceMs: number;
  /** An agent that nobody needs is deallocated, and its disks are kept. */
  park: boolean;
}

/** A pool as the workflows run it. */
export interface PoolSpecification {
  /** Name of the ARM resource. */
  name: string;
  organization: {
    /** Such as `https://dev.azure.com/contoso`. */
    url: string;
    /** As in `organizationName(url)`. */
    name: string;
    /** Empty: every project of the organisation. */
    projects: string[];
    openAccess: boolean;
    /** Name of the agent pool in Azure DevOps: the alias, or else the resource's name. */
    agentPoolName: string;
  };
  maximumConcurrency: number;
  standby: { count: number; counts: 'total' | 'idle' };
  images: ImageSpecification[];
  /** How many failed machines are kept for inspection, and for how long; absent: none. */
  retainedFailures?: { count: number; timeSpanMs: number };
  machine: MachineSpecification;
  /** Absent: every machine is where `machine` says, of its size and regular. */
  placement?: PlacementSpecification;
  /** The stage of a job that lost its agent is run once more. */
  retryLostJobs?: true;
  /** Absent: every job gets a fresh machine. */
  stateful?: StatefulSpecification;
}

/** What the Azure side keeps. Ids keep the casing of the call that made them; the keys of tables are lower-cased ids. */

/** Any tracked resource. */
export interface ResourceRecord {
  id: string;
  name: string;
  /** Such as `Microsoft.Compute/disks`. */
  type: string;
  subscriptionId: string;
  resourceGroup: string;
  location: string;
  tags: Record<string, string>;
  zones?: string[];
  sku?: Record<string, unknown>;
  /** Id of the virtual machine that uses it. */
  managedBy?: string;
  /** As the service answers it. */
  properties: Record<string, unknown>;
  etag: string;
  createdAt: number;
  /** Order of creation over all resources, for paging. */
  position: number;
}

/** Power states of a virtual machine. Source: "States and billing status of Azure Virtual Machines". */
export type PowerState = 'creating' | 'starting' | 'running' | 'stopping' | 'stopped' | 'deallocating' | 'deallocated';

/** A virtual machine and what the service does not show of it. */
export interface MachineRecord extends ResourceRecord {
  identity?: Record<string, unknown>;
  plan?: Record<string, unknown>;
  vmId: string;
  provisioningState: 'Creating' | 'Updating' | 'Succeeded' | 'Failed' | 'Deleting';
  power: PowerState;
  operatingSystem: 'Linux' | 'Windows';
  vmSize: string;
  spot: boolean;
  evictionPolicy?: 'Deallocate' | 'Delete';
  /** Base64, as sent. Never answered. */
  customData?: string;
  /** Base64, as sent. Answered only to `$expand=userData`. */
  userData?: string;
  privateIpAddress: string;
  /** Whether its cores count against the quota. */
  allocated: boolean;
  /** The code and message of the operation that failed last. */
  failure?: { code: string; message: string };
  /** When the operating system is or was up; absent while it is not starting. */
  bootAt?: number;
  booted: boolean;
  /** How often it has booted from its present OS disk; absent: never. */
  boots?: number;
  /** When the platform takes the machine away. */
  evictAt?: number;
  /** Names each start, so that a boot that was under way when the machine stopped does not count for the next one. */
  start: number;
}

/** What completing an operation changes. */
export type OperationAction =
  | { kind: 'createMachine' | 'updateMachine' | 'deleteMachine' | 'deallocateMachine' | 'powerOffMachine' }
  | { kind: 'startMachine' | 'restartMachine' | 'redeployMachine' | 'reapplyMachine' }
  | { kind: 'reimageMachine'; customData?: string }
  | { kind: 'deleteResource' | 'deleteResourceGroup' };

/** A long-running operation. */
export interface OperationRecord {
  id: string;
  subscriptionId: string;
  location: string;
  /** Resource provider whose status address shows it. */
  provider: string;
  resourceId: string;
  action: OperationAction;
  method: string;
  startedAt: number;
  /** Absent: it never ends (an injected fault). */
  dueAt?: number;
  status: 'InProgress' | 'Succeeded' | 'Failed' | 'Canceled';
  endedAt?: number;
  /** What it will fail with, or has failed with. */
  error?: { code: string; message: string };
}

/** A resource group. */
export interface ResourceGroupRecord {
  id: string;
  name: string;
  subscriptionId: string;
  location: string;
  tags: Record<string, string>;
  provisioningState: 'Succeeded' | 'Deleting';
}

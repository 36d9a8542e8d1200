import type { CloudContext, Guest } from '../core/context.ts';
import type { CloudIdentity } from '../core/facts.ts';
import type { Tokens } from '../entra/tokens.ts';
import { createCapacity } from './capacity.ts';
import type { Capacity, CapacityLimit } from './capacity.ts';
import { createQuota } from './quota.ts';
import type { Quota, QuotaLimit } from './quota.ts';
import type { MachineRecord, OperationRecord, ResourceGroupRecord, ResourceRecord } from './records.ts';
import { createTable } from './table.ts';
import type { Table } from './table.ts';
import { createThrottle } from './throttling.ts';
import type { Throttle } from './throttling.ts';

/** Everything that the Azure side knows. */
export interface ArmState {
  context: CloudContext;
  identity: CloudIdentity;
  tokens: Tokens;
  guest: Guest;
  groups: Table<ResourceGroupRecord>;
  machines: Table<MachineRecord>;
  /** Tracked resources other than machines. */
  resources: Table<ResourceRecord>;
  operations: Table<OperationRecord>;
  quota: Quota;
  capacity: Capacity;
  throttle: Throttle;
  /** The place of a new resource in the order of creation. */
  nextPosition(): number;
  saveMachine(machine: MachineRecord): void;
  removeMachine(machine: Readonly<MachineRecord>): void;
  saveResource(resource: ResourceRecord): void;
  removeResource(resource: Readonly<ResourceRecord>): void;
}

/** The id of a resource at the scope of a resource group. */
export function resourceId(subscriptionId: string, resourceGroup: string, type: string, name: string): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${type}/${name}`;
}

/** Loads what the store holds; an empty one gets the resource group and the network that agents use. */
export function createArmState(
  context: CloudContext,
  identity: CloudIdentity,
  tokens: Tokens,
  guest: Guest,
  strictThrottling: boolean,
): ArmState {
  const { store, clock, ledger } = context;
  const machines = createTable<MachineRecord>(store, clock, 'arm.machines');
  const resources = createTable<ResourceRecord>(store, clock, 'arm.resources');
  const quota = createQuota(machines, store.collection<QuotaLimit>('arm.quota'));
  let position = 0;
  for (const table of [machines, resources])
    for (const record of table.values()) position = Math.max(position, record.position);

  const entry = (record: Readonly<ResourceRecord>, event: 'created' | 'deleted'): void => {
    const { id, type, tags } = record;
    ledger.record({ kind: 'resource', at: clock.now(), id, type, event, tags });
  };
  const state: ArmState = {
    context,
    identity,
    tokens,
    guest,
    groups: createTable<ResourceGroupRecord>(store, clock, 'arm.groups'),
    machines,
    resources,
    operations: createTable<OperationRecord>(store, clock, 'arm.operations'),
    quota,
    capacity: createCapacity(machines, store.collection<CapacityLimit>('arm.capacity')),
    throttle: createThrottle(clock, () => context.latencies.scale, strictThrottling),
    nextPosition: () => (position += 1),
    saveMachine(machine) {
      const before = machines.get(machine.id);
      quota.account(before, machine);
      machines.put(machine);
      if (before === undefined) entry(machine, 'created');
    },
    removeMachine(machine) {
      quota.account(machines.get(machine.id), undefined);
      machines.delete(machine.id);
      entry(machine, 'deleted');
    },
    saveResource(resource) {
      const known = resources.get(resource.id) !== undefined;
      resources.put(resource);
      if (!known) entry(resource, 'created');
    },
    removeResource(resource) {
      resources.delete(resource.id);
      entry(resource, 'deleted');
    },
  };
  if (state.groups.size === 0) seed(state);
  return state;
}

/** A /21 holds 2,043 machines: Azure keeps five addresses of each subnet. */
const subnetPrefix = '10.0.0.0/21';

function seed(state: ArmState): void {
  const { subscriptionId, resourceGroup, location } = state.identity;
  state.groups.put({
    id: `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`,
    name: resourceGroup,
    subscriptionId,
    location,
    tags: {},
    provisioningState: 'Succeeded',
  });
  const id = resourceId(subscriptionId, resourceGroup, 'Microsoft.Network/virtualNetworks', 'agents');
  state.saveResource({
    id,
    name: 'agents',
    type: 'Microsoft.Network/virtualNetworks',
    subscriptionId,
    resourceGroup,
    location,
    tags: {},
    etag: `W/"${state.context.chance.uuid()}"`,
    createdAt: state.context.clock.now(),
    position: state.nextPosition(),
    properties: {
      provisioningState: 'Succeeded',
      resourceGuid: state.context.chance.uuid(),
      addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
      subnets: [
        {
          name: 'default',
          id: `${id}/subnets/default`,
          properties: { provisioningState: 'Succeeded', addressPrefix: subnetPrefix, delegations: [] },
        },
      ],
    },
  });
}

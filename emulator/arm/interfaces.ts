import { booleanAt, listAt, missing, objectAt, tagsOf, textAt } from './body.ts';
import type { Json } from './body.ts';
import { ArmError, invalidParameter, invalidResourceReference } from './errors.ts';
import type { ResourceRecord } from './records.ts';
import { resourceId } from './state.ts';
import type { ArmState } from './state.ts';
import { findSubnet } from './subnets.ts';
import type { AddressBook, Subnet } from './subnets.ts';

const nicType = 'Microsoft.Network/networkInterfaces';
const publicIpType = 'Microsoft.Network/publicIPAddresses';

/** Where a network interface is made. */
export interface NicPlace {
  subscriptionId: string;
  resourceGroup: string;
  location: string;
}

/** An IP configuration whose subnet has been found. */
interface PlannedConfiguration {
  name: string;
  primary: boolean;
  subnet: Subnet;
  publicIp: { name: string; tags: Record<string, string>; deleteOption: string } | undefined;
  publicIpId: string | undefined;
}

/** A network interface that can be made without a further check, but for a free address. */
export interface PlannedNic {
  id: string;
  name: string;
  place: NicPlace;
  tags: Record<string, string>;
  properties: Json;
  configurations: PlannedConfiguration[];
}

/** Checks the description of a network interface; nothing is made yet. */
export function planNic(state: ArmState, place: NicPlace, name: string, body: Json): PlannedNic {
  const properties = objectAt(body, 'properties') ?? {};
  const id = resourceId(place.subscriptionId, place.resourceGroup, nicType, name);
  const configurations = listAt(properties, 'ipConfigurations');
  if (configurations.length === 0) {
    throw invalidParameter('ipConfigurations', `Network interface ${id} must have at least one IP configuration.`);
  }
  return {
    id,
    name,
    place,
    tags: tagsOf(body),
    properties,
    configurations: configurations.map((configuration, index) => {
      const inner = objectAt(configuration, 'properties');
      const subnetId = textAt(objectAt(inner, 'subnet'), 'id');
      if (subnetId === undefined) throw missing('ipConfigurations.subnet');
      const subnet = findSubnet(state, subnetId);
      if (subnet === undefined || subnet.network.location !== place.location)
        throw invalidResourceReference(subnetId, id);
      const inline = objectAt(inner, 'publicIPAddressConfiguration');
      const publicProperties = objectAt(inline, 'properties');
      return {
        name: textAt(configuration, 'name') ?? `ipconfig${String(index + 1)}`,
        primary: booleanAt(inner, 'primary') ?? index === 0,
        subnet,
        publicIp:
          inline === undefined
            ? undefined
            : {
                name: textAt(inline, 'name') ?? `${name}-ip`,
                tags: tagsOf(inline),
                deleteOption: textAt(publicProperties, 'deleteOption') ?? 'Detach',
              },
        publicIpId: textAt(objectAt(inner, 'publicIPAddress'), 'id'),
      };
    }),
  };
}

/** Makes what was planned. Throws 400 `SubnetIsFull` before anything is made. */
export function makeNic(
  state: ArmState,
  addresses: AddressBook,
  plan: PlannedNic,
  machineId?: string,
): { record: ResourceRecord; privateIpAddress: string } {
  const { clock, chance } = state.context;
  const known = state.resources.get(plan.id);
  if (known !== undefined) releaseAddresses(addresses, known);
  const taken = plan.configurations.map((configuration) => addresses.take(configuration.subnet));
  const base = {
    ...plan.place,
    etag: `W/"${chance.uuid()}"`,
    createdAt: known?.createdAt ?? clock.now(),
  };
  const ipConfigurations = plan.configurations.map((configuration, index) => {
    const id = `${plan.id}/ipConfigurations/${configuration.name}`;
    let publicIpId = configuration.publicIpId;
    if (configuration.publicIp !== undefined) {
      const { name, tags, deleteOption } = configuration.publicIp;
      publicIpId = resourceId(plan.place.subscriptionId, plan.place.resourceGroup, publicIpType, name);
      state.saveResource({
        ...base,
        id: publicIpId,
        name,
        type: publicIpType,
        tags,
        sku: { name: 'Standard', tier: 'Regional' },
        position: state.nextPosition(),
        properties: {
          provisioningState: 'Succeeded',
          // 198.18.0.0/15 is for benchmarks and never routed.
          ipAddress: `198.18.${String(Math.floor(chance.uniform() * 256))}.${String(Math.floor(chance.uniform() * 256))}`,
          publicIPAllocationMethod: 'Static',
          publicIPAddressVersion: 'IPv4',
          deleteOption,
          ipConfiguration: { id },
        },
      });
    }
    return {
      name: configuration.name,
      id,
      properties: {
        provisioningState: 'Succeeded',
        privateIPAddress: taken[index],
        privateIPAllocationMethod: 'Dynamic',
        privateIPAddressVersion: 'IPv4',
        primary: configuration.primary,
        subnet: { id: configuration.subnet.id },
        ...(publicIpId === undefined ? {} : { publicIPAddress: { id: publicIpId } }),
      },
    };
  });
  const record: ResourceRecord = {
    ...base,
    id: plan.id,
    name: plan.name,
    type: nicType,
    tags: plan.tags,
    position: known?.position ?? state.nextPosition(),
    properties: {
      provisioningState: 'Succeeded',
      resourceGuid: chance.uuid(),
      ipConfigurations,
      enableAcceleratedNetworking: booleanAt(plan.properties, 'enableAcceleratedNetworking') ?? false,
      enableIPForwarding: booleanAt(plan.properties, 'enableIPForwarding') ?? false,
      primary: booleanAt(plan.properties, 'primary') ?? true,
      ...(plan.properties['networkSecurityGroup'] === undefined
        ? {}
        : { networkSecurityGroup: plan.properties['networkSecurityGroup'] }),
      ...(machineId === undefined ? {} : { virtualMachine: { id: machineId } }),
    },
  };
  state.saveResource(record);
  return { record, privateIpAddress: taken[0] ?? '' };
}

function releaseAddresses(addresses: AddressBook, nic: Readonly<ResourceRecord>): void {
  for (const configuration of listAt(nic.properties, 'ipConfigurations')) {
    const properties = objectAt(configuration, 'properties');
    const [subnetId, address] = [textAt(objectAt(properties, 'subnet'), 'id'), textAt(properties, 'privateIPAddress')];
    if (subnetId !== undefined && address !== undefined) addresses.release(subnetId, address);
  }
}

/** The machine that uses a network interface. */
export function machineOf(nic: Readonly<ResourceRecord>): string | undefined {
  return textAt(objectAt(nic.properties, 'virtualMachine'), 'id');
}

/** Removes a network interface, its addresses, and the public addresses that go with it. */
export function removeNic(state: ArmState, addresses: AddressBook, nic: Readonly<ResourceRecord>): void {
  releaseAddresses(addresses, nic);
  state.removeResource(nic);
  for (const configuration of listAt(nic.properties, 'ipConfigurations')) {
    const id = textAt(objectAt(objectAt(configuration, 'properties'), 'publicIPAddress'), 'id');
    const publicIp = id === undefined ? undefined : state.resources.get(id);
    if (publicIp === undefined) continue;
    if (textAt(publicIp.properties, 'deleteOption') === 'Delete') state.removeResource(publicIp);
    else {
      const { ipConfiguration: _, ...properties } = publicIp.properties;
      state.saveResource({ ...publicIp, properties });
    }
  }
}

/** 400 for a network interface that a machine uses. Source: message of the network resource provider. */
export function nicInUse(nicId: string, machineId: string): ArmError {
  return new ArmError(400, {
    code: 'NicInUse',
    message: `Network Interface ${nicId} is used by existing resource ${machineId}. In order to delete the network interface, it must be dissociated from the resource. To learn more, see aka.ms/deletenic.`,
    details: [],
  });
}

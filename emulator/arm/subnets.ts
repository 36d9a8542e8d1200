import { listAt, objectAt, textAt } from './body.ts';
import type { Json } from './body.ts';
import { ArmError } from './errors.ts';
import type { ResourceRecord } from './records.ts';
import type { ArmState } from './state.ts';

/** Addresses that Azure keeps of each subnet: network, gateway, two of DNS, broadcast. Source: Virtual Network FAQ. */
const keptAddresses = 5;

/** A subnet and the network that it belongs to. */
export interface Subnet {
  network: Readonly<ResourceRecord>;
  id: string;
  name: string;
  addressPrefix: string;
  properties: Json;
}

/** The subnet of that id. */
export function findSubnet(state: ArmState, id: string): Subnet | undefined {
  const [networkId = '', name = ''] = id.split(/\/subnets\//i);
  const network = state.resources.get(networkId);
  const subnet = listAt(network?.properties, 'subnets').find(
    (known) => textAt(known, 'name')?.toLowerCase() === name.toLowerCase(),
  );
  if (network === undefined || subnet === undefined) return undefined;
  const properties = objectAt(subnet, 'properties') ?? {};
  const prefixes = properties['addressPrefixes'];
  return {
    network,
    id: textAt(subnet, 'id') ?? id,
    name: textAt(subnet, 'name') ?? name,
    addressPrefix:
      textAt(properties, 'addressPrefix') ?? (Array.isArray(prefixes) ? String(prefixes[0]) : '10.0.0.0/24'),
    properties,
  };
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** The addresses in use, by subnet. */
export interface AddressBook {
  /** The lowest free address. Throws 400 `SubnetIsFull`. */
  take(subnet: Subnet): string;
  release(subnetId: string, address: string): void;
}

/** Reads the addresses in use off the network interfaces that there are. */
export function createAddressBook(state: ArmState): AddressBook {
  const used = new Map<string, Set<number>>();
  const of = (subnetId: string): Set<number> => {
    const key = subnetId.toLowerCase();
    let set = used.get(key);
    if (set === undefined) used.set(key, (set = new Set()));
    return set;
  };
  for (const record of state.resources.values()) {
    for (const configuration of listAt(record.properties, 'ipConfigurations')) {
      const properties = objectAt(configuration, 'properties');
      const [subnetId, address] = [
        textAt(objectAt(properties, 'subnet'), 'id'),
        textAt(properties, 'privateIPAddress'),
      ];
      if (subnetId !== undefined && address !== undefined) of(subnetId).add(toNumber(address));
    }
  }
  return {
    take(subnet) {
      const [base = '10.0.0.0', bits = '24'] = subnet.addressPrefix.split('/');
      const room = 2 ** (32 - Number(bits));
      const set = of(subnet.id);
      if (set.size >= room - keptAddresses) {
        throw new ArmError(400, {
          code: 'SubnetIsFull',
          message: `Subnet ${subnet.name} with address prefix ${subnet.addressPrefix} does not have enough capacity for 1 IP addresses.`,
          details: [],
        });
      }
      const first = toNumber(base) + 4;
      for (let address = first; ; address += 1) {
        if (set.has(address)) continue;
        set.add(address);
        return toAddress(address);
      }
    },
    release(subnetId, address) {
      of(subnetId).delete(toNumber(address));
    },
  };
}

/** Ids of the IP configurations in a subnet, as a GET of it shows them. */
export function configurationsIn(state: ArmState, subnetId: string): { id: string }[] {
  const found: { id: string }[] = [];
  for (const record of state.resources.values()) {
    for (const configuration of listAt(record.properties, 'ipConfigurations')) {
      const id = textAt(objectAt(objectAt(configuration, 'properties'), 'subnet'), 'id');
      if (id?.toLowerCase() === subnetId.toLowerCase()) found.push({ id: textAt(configuration, 'id') ?? '' });
    }
  }
  return found;
}

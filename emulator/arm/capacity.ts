import type { Collection } from '../core/context.ts';
import type { MachineRecord } from './records.ts';
import { locations } from './skus.ts';
import type { Table } from './table.ts';

/** How many machines there is room for. What is not named does not matter: all sizes, zones or priorities share it. */
export interface CapacityLimit {
  location: string;
  vmSize?: string;
  /** Machines that name no zone need none of a zone's room. */
  zone?: string;
  priority?: 'Regular' | 'Spot';
  machines: number;
}

/** A machine as it is asked for. */
export interface Wanted {
  location: string;
  vmSize: string;
  zones?: readonly string[] | undefined;
  spot: boolean;
}

/** The room of the cloud: without end until the control interface sets a limit. */
export interface Capacity {
  /** Whether there is room for one more machine. */
  hasRoom(wanted: Wanted): boolean;
  setLimit(limit: CapacityLimit): void;
  /** Takes a limit away; the number of machines does not matter. */
  removeLimit(limit: Omit<CapacityLimit, 'machines'>): void;
  limits(): CapacityLimit[];
}

function keyOf({ location, vmSize, zone, priority }: Omit<CapacityLimit, 'machines'>): string {
  return [location, vmSize ?? '*', zone ?? '*', priority ?? '*'].join('/').toLowerCase();
}

function concerns(limit: CapacityLimit, { location, vmSize, zones, spot }: Wanted): boolean {
  return (
    limit.location === location &&
    (limit.vmSize === undefined || limit.vmSize.toLowerCase() === vmSize.toLowerCase()) &&
    (limit.zone === undefined || zones?.[0] === limit.zone) &&
    (limit.priority === undefined || (limit.priority === 'Spot') === spot)
  );
}

/** Room counted over `machines`, with limits kept in `limits`. */
export function createCapacity(machines: Table<MachineRecord>, limits: Collection<CapacityLimit>): Capacity {
  const taken = (limit: CapacityLimit): number => {
    let count = 0;
    for (const machine of machines.values()) {
      if (machine.allocated && machine.provisioningState !== 'Failed' && concerns(limit, machine)) count++;
    }
    return count;
  };
  return {
    hasRoom(wanted) {
      if (limits.size === 0) return true;
      return limits.values().every((limit) => !concerns(limit, wanted) || taken(limit) < limit.machines);
    },
    setLimit(limit) {
      if (!locations.some((known) => known.name === limit.location))
        throw new RangeError(`No region ${limit.location}.`);
      limits.put(keyOf(limit), limit);
    },
    removeLimit(limit) {
      limits.delete(keyOf(limit));
    },
    limits: () => limits.values(),
  };
}

/**
 * How a machine ends that there is no room for. Azure accepts a regular one and fails it later, by zone where it names
 * one; a Spot machine it refuses at once (see `noSpotCapacity`).
 */
export function allocationFailure({ location, vmSize, zones }: Wanted): { code: string; message: string } {
  const [zone] = zones ?? [];
  return zone === undefined
    ? {
        code: 'AllocationFailed',
        message: `Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Size ${vmSize}, region ${location}. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance`,
      }
    : {
        code: 'ZonalAllocationFailed',
        message: `Allocation failed. We do not have sufficient capacity for the requested VM size in this zone. Size ${vmSize}, zone ${zone} of ${location}. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance`,
      };
}

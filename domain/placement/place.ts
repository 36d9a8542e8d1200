import type { MachineSpecification, PoolSpecification } from '../pool-specification.ts';

/** One way to ask Azure for a machine: everything that decides whether it has one. */
export interface Place {
  vmSize: string;
  /** Availability zone; absent: Azure chooses, and the machine is in none. */
  zone?: string;
  priority: 'Regular' | 'Spot';
  /** US dollars an hour, of a Spot machine; absent: up to the regular price. */
  maximumPrice?: number;
  location: string;
  subnetId: string;
}

/** A place that was chosen, and why this one. */
export interface Placement extends Place {
  why: string;
}

/** The most places of one pool: each may have an entry in the negative cache, which travels with the pool's state. */
export const placesMax = 64;

/**
 * Every place in which the pool may make a machine, the preferred first. Regions come last to change: jobs and caches are
 * nearest to the first one. Within a region Spot machines of any size come before regular ones, for even the largest of
 * five sizes costs less at the Spot price. Then sizes and zones in the order of the document.
 */
export function placesOf({ machine, placement }: Pick<PoolSpecification, 'machine' | 'placement'>): Place[] {
  const { vmSize, location, subnetId } = machine;
  if (!placement) return [{ vmSize, priority: 'Regular', location, subnetId }];
  const { vmSizes, zones, spot, regions } = placement;
  const price = spot?.maximumPrice === undefined ? {} : { maximumPrice: spot.maximumPrice };
  const kinds: Pick<Place, 'priority' | 'maximumPrice'>[] = [
    ...(spot ? [{ priority: 'Spot' as const, ...price }] : []),
    ...(spot?.fallback === 'None' ? [] : [{ priority: 'Regular' as const }]),
  ];
  return [{ location, subnetId }, ...regions].flatMap((region) =>
    kinds.flatMap((kind) =>
      vmSizes.flatMap((size) =>
        (zones.length === 0 ? [undefined] : zones).map((zone): Place => ({
          vmSize: size,
          ...(zone === undefined ? {} : { zone }),
          ...kind,
          ...region,
        })),
      ),
    ),
  );
}

/** The machine of a pool, at the place that was chosen for it. */
export function machineAt(machine: MachineSpecification, placement: Place | undefined): MachineSpecification {
  if (!placement) return machine;
  const { vmSize, zone, priority, maximumPrice, location, subnetId } = placement;
  return {
    ...machine,
    vmSize,
    location,
    subnetId,
    ...(zone === undefined ? {} : { zone }),
    ...(priority === 'Regular' ? {} : { priority }),
    ...(maximumPrice === undefined ? {} : { maximumPrice }),
  };
}

/** A place in words, such as `Standard_D2ads_v5 Spot in westeurope zone 1`. */
export function describePlace({ vmSize, zone, priority, location }: Omit<Place, 'subnetId'>): string {
  const spot = priority === 'Spot' ? ' Spot' : '';
  return `${vmSize}${spot} in ${location}${zone === undefined ? '' : ` zone ${zone}`}`;
}

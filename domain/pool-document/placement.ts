import type { PlacementSpecification, PoolSpecification } from '../pool-specification.ts';
import type { PoolDocument } from './schema.ts';

/** ARM takes a region's display name too: "West Europe" is westeurope. */
export function canonicalRegion(location: string): string {
  return location.toLowerCase().replaceAll(' ', '');
}

/** Where else machines may be made; nothing for a document that leaves no choice. */
export function placementOf({
  properties: {
    fabricProfile: { sku },
    operatorProfile: { zones, spot, regions } = {},
  },
}: PoolDocument): Pick<PoolSpecification, 'placement'> {
  if (!sku.vmSizes && !zones && !spot && !regions) return {};
  const placement: PlacementSpecification = {
    vmSizes: sku.vmSizes?.map(({ name }) => name) ?? [sku.name],
    zones: [...(zones ?? [])],
    ...(spot ? { spot: { ...spot, fallback: spot.fallback ?? 'Regular' } } : {}),
    regions: (regions ?? []).map(({ location, subnetId }) => ({ location: canonicalRegion(location), subnetId })),
  };
  return { placement };
}

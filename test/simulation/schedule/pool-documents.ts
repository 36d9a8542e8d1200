import { minute, type Draw } from './draw.ts';

/** Where pools are made; what the embedded cloud is called in every simulation (`emulator/core/facts.ts`). */
export const place = {
  location: 'westeurope',
  organizationUrl: 'https://dev.azure.invalid/contoso',
  project: 'samples',
} as const;

/** Sizes that the embedded cloud has, with room for thousands of machines. */
const sizes = ['Standard_D2ads_v5', 'Standard_D4ads_v5', 'Standard_D2s_v3', 'Standard_B2s'] as const;

/** Every image that a pool may have, with the values of `ImageOverride` that mean it. */
const images = [
  { wellKnownImageName: 'ubuntu-24.04-g2', aliases: ['ubuntu'] },
  { wellKnownImageName: 'debian-12', aliases: ['debian'] },
  { wellKnownImageName: 'ubuntu-22.04-g2/latest', aliases: ['jammy', 'old build tools/2'] },
] as const;

/** What varies between the documents of a simulated pool. */
export interface PoolShape {
  name: string;
  maximumConcurrency: number;
  standby: number;
  /** Indices of the images, the first one serves jobs that name none. */
  images: number[];
  size: string;
  /** Failed machines that are kept for inspection, for so many minutes. */
  retained?: { count: number; minutes: number };
  /** Share of standby of each image; absent: equal shares. */
  buffers?: number[];
  /** Where else machines may be made; absent: one size, no zone, regular machines. */
  places?: PlacesShape;
  /** The stage of a job that lost its agent is run once more. */
  retryLostJobs?: true;
  /** Agents serve many jobs; absent: every job gets a fresh one. */
  stateful?: { lifetimeMs?: number; graceMs?: number; park: boolean };
}

/** Further sizes, zones and Spot. */
interface PlacesShape {
  sizes: string[];
  zones: string[];
  spot?: { maximumPrice?: number; fallback: 'Regular' | 'None' };
}

/** Sizes that may be mixed with any other but those of their own series; the embedded cloud has them in every zone. */
const furtherSizes = ['Standard_D2ds_v5', 'Standard_E4ads_v5', 'Standard_D2s_v3', 'Standard_D2ads_v5'] as const;

/** A size of which there are no Spot machines. */
const withoutSpot = 'Standard_B2s';

/** Zones, in orders of preference of their own. */
const zoneOrders = [['1'], ['2', '1'], ['1', '2', '3'], ['3', '2']] as const;

function drawPlaces(draw: Draw): PlacesShape {
  const price = draw.happens(0.2) ? { maximumPrice: 0.05 } : {};
  return {
    sizes: draw.some(furtherSizes, 0.5),
    zones: draw.happens(0.5) ? [...draw.pick(zoneOrders)] : [],
    ...(draw.happens(0.5) ? { spot: { ...price, fallback: draw.happens(0.8) ? 'Regular' : 'None' } } : {}),
  };
}

/** Of each series the first, as a mix must have it. */
function mixOf({ size, places }: PoolShape): string[] {
  const seriesOf = (name: string) => name.replace(/\d+/, '');
  const all = [size, ...(places?.sizes ?? [])];
  return all.filter((name, index) => all.findIndex((other) => seriesOf(other) === seriesOf(name)) === index);
}

function skuOf(shape: PoolShape): object {
  const mix = mixOf(shape);
  return mix.length === 1 ? { name: shape.size } : { name: 'Mix', vmSizes: mix.map((name) => ({ name })) };
}

function operatorProfileOf({ size, places, retained, retryLostJobs, stateful }: PoolShape): {
  operatorProfile?: object;
} {
  const { zones = [], spot } = places ?? {};
  const operatorProfile = {
    ...(retryLostJobs ? { retryLostJobs } : {}),
    ...(stateful?.park ? { park: true } : {}),
    ...(retained ? { retainedFailures: retainedOf(retained) } : {}),
    ...(zones.length > 0 ? { zones } : {}),
    ...(spot && size !== withoutSpot ? { spot } : {}),
  };
  return Object.keys(operatorProfile).length === 0 ? {} : { operatorProfile };
}

/** A first shape of a pool: small, and mostly without or with little standby. */
export function drawShape(draw: Draw, name: string): PoolShape {
  const maximumConcurrency = draw.happens(0.08) ? draw.whole(9, 16) : draw.whole(1, 8);
  const count = draw.pick([1, 1, 2, 2, 3]);
  const first = draw.whole(0, images.length - 1);
  const chosen = Array.from({ length: count }, (_, index) => (first + index) % images.length);
  const share = draw.whole(0, 100);
  const places = draw.part('places');
  return {
    name,
    maximumConcurrency,
    standby: draw.happens(0.5) ? 0 : Math.min(maximumConcurrency, draw.whole(1, 3)),
    images: chosen,
    size: draw.pick(sizes),
    ...(share < 30 ? { retryLostJobs: true as const } : {}),
    ...(count === 2 && draw.happens(0.5) ? { buffers: [share, 100 - share] } : {}),
    ...(places.happens(0.35) ? { places: drawPlaces(places) } : {}),
    ...(draw.happens(0.25) ? { retained: { count: draw.whole(1, 3), minutes: draw.whole(1, 20) } } : {}),
    // Drawn apart, so that the stateless pools are what they were.
    ...drawLives(draw.part('lives')),
  };
}

/** One pool in four is stateful. Lives are long enough for a machine of the slowest cloud to come up and serve. */
function drawLives(draw: Draw): Pick<PoolShape, 'stateful'> {
  if (!draw.happens(0.25)) return {};
  return {
    stateful: {
      ...(draw.happens(0.5) ? { lifetimeMs: draw.time(40 * minute, 180 * minute) } : {}),
      ...(draw.happens(0.6) ? { graceMs: draw.time(minute / 2, 10 * minute) } : {}),
      park: draw.happens(0.6),
    },
  };
}

/** As ARM writes durations below a day. */
function timeSpan(ms: number): string {
  const parts = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1_000) % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}

/** The document of a shape. It obeys every rule of the pool document. */
export function documentOf(shape: PoolShape): object {
  return {
    name: shape.name,
    location: place.location,
    properties: {
      maximumConcurrency: shape.maximumConcurrency,
      organizationProfile: {
        kind: 'AzureDevOps',
        organizations: [{ url: place.organizationUrl, projects: [place.project] }],
      },
      agentProfile: {
        ...livesOf(shape),
        ...(shape.standby === 0
          ? {}
          : {
              resourcePredictionsProfile: { kind: 'Manual' },
              resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': shape.standby }] },
            }),
      },
      fabricProfile: {
        kind: 'Vmss',
        sku: skuOf(shape),
        images: shape.images.map((index, position) => ({
          ...imageAt(index),
          ...(shape.buffers === undefined ? {} : { buffer: String(shape.buffers[position] ?? 0) }),
        })),
      },
      ...operatorProfileOf(shape),
    },
  };
}

function retainedOf({ count, minutes }: NonNullable<PoolShape['retained']>) {
  return { count, timeSpan: `0.00:${String(minutes).padStart(2, '0')}:00` };
}

function livesOf({ stateful }: PoolShape): object {
  if (stateful === undefined) return { kind: 'Stateless' };
  const { lifetimeMs, graceMs } = stateful;
  return {
    kind: 'Stateful',
    ...(lifetimeMs === undefined ? {} : { maxAgentLifetime: timeSpan(lifetimeMs) }),
    ...(graceMs === undefined ? {} : { gracePeriodTimeSpan: timeSpan(graceMs) }),
  };
}

/** Every value of the demand `ImageOverride` that the shape serves. */
export function aliasesOf({ images: indices }: PoolShape): string[] {
  return indices.flatMap((index) => {
    const { aliases, wellKnownImageName } = imageAt(index);
    return [...aliases, wellKnownImageName.split('/')[0] ?? wellKnownImageName];
  });
}

/** The same pool, changed as an operator would: its size, its standby, its images, its places, or all of them. */
export function editShape(draw: Draw, shape: PoolShape): PoolShape {
  const { buffers: _, ...plain } = shape;
  const maximumConcurrency = draw.pick([1, 1, 2, draw.whole(1, 8), 8]);
  const resized: PoolShape = { ...shape, maximumConcurrency, standby: Math.min(shape.standby, maximumConcurrency) };
  const standby: PoolShape = { ...shape, standby: Math.min(shape.maximumConcurrency, draw.whole(0, 3)) };
  const others = images.flatMap((_image, index) => (shape.images.includes(index) ? [] : [index]));
  const swapped: PoolShape = {
    ...plain,
    images: draw.happens(0.5) && others.length > 0 ? [...others] : [...shape.images].reverse(),
  };
  const grown: PoolShape = { ...plain, images: [...shape.images, ...others] };
  const machine: PoolShape = { ...shape, size: draw.pick(sizes) };
  const edited = draw.pick([resized, resized, standby, swapped, grown, machine]);
  const places = draw.part('places');
  return places.happens(0.2) ? { ...edited, places: drawPlaces(places) } : edited;
}

/** Images of one shape and then those of others that it lacks: no job that any of them took is left without one. */
export function withImagesOf(shape: PoolShape, others: readonly PoolShape[]): PoolShape {
  const { buffers: _, ...plain } = shape;
  const all = [...new Set([...shape.images, ...others.flatMap((other) => other.images)])];
  return all.length === shape.images.length ? shape : { ...plain, images: all };
}

/**
 * A document that must be refused, while what was running stays: each breaks another rule, from what cannot be read at
 * all to what only this installation or the pool's past forbids.
 */
export function refusedDocument(draw: Draw, shape: PoolShape): unknown {
  const right = documentOf(shape);
  const set = (path: string, value: unknown) => replaced(right, path.split('.'), value);
  const fabric = 'properties.fabricProfile';
  return draw.pick<() => unknown>([
    () => ({}),
    () => ({ ...right, unknown: true }),
    () => ({ ...right, name: '../pool' }),
    () => set('properties.maximumConcurrency', 0),
    () => set('properties.maximumConcurrency', -1),
    () => set('properties.maximumConcurrency', '8'),
    () => set('properties.maximumConcurrency', 1e9),
    () => set('properties.maximumConcurrency', 1.5),
    () => set('properties.agentProfile', { kind: 'Stateful', maxAgentLifetime: '7.00:00:01' }),
    () =>
      set('properties.agentProfile', {
        kind: 'Stateless',
        resourcePredictionsProfile: { kind: 'Manual' },
        resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': shape.maximumConcurrency + 1 }] },
      }),
    () => set(`${fabric}.images`, []),
    () => set(`${fabric}.images`, [{ wellKnownImageName: 'ubuntu-24.04-g3' }]),
    () => set(`${fabric}.images`, [{ wellKnownImageName: 'windows-2025' }]),
    () => set(`${fabric}.images`, [{ aliases: ['nothing'] }]),
    () => set(`${fabric}.sku.name`, 'Standard_D2ads_v99'),
    () => set(`${fabric}.sku`, { name: 'Mix' }),
    () =>
      set(`${fabric}.sku`, { name: 'Mix', vmSizes: [{ name: 'Standard_D2ads_v5' }, { name: 'Standard_D2pds_v5' }] }),
    () => set('properties.operatorProfile', { zones: ['1', '4'] }),
    () => set('properties.organizationProfile.organizations', [{ url: 'https://dev.azure.invalid/fabrikam' }]),
    () => set('properties.organizationProfile.organizations', [{ url: 'http://user:password@elsewhere.invalid/x' }]),
    () => set('tags', { 'odp-agent': 'mine' }),
    // As JSON text brings it: an own property, not a prototype.
    () => JSON.parse(JSON.stringify(right).replace('{', '{"__proto__":{"polluted":true},')) as unknown,
    () => set('properties', 'x'.repeat(10_000)),
  ])();
}

function imageAt(index: number): (typeof images)[number] {
  const image = images[index];
  if (!image) throw new RangeError(`There is no image ${index}.`);
  return image;
}

/** A copy with one value replaced. */
function replaced(document: object, path: readonly string[], value: unknown): unknown {
  const copy = structuredClone(document) as Record<string, unknown>;
  let parent = copy;
  for (const step of path.slice(0, -1)) parent = parent[step] as Record<string, unknown>;
  parent[path.at(-1) ?? ''] = value;
  return copy;
}

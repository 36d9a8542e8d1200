import { placesMax } from '../placement/place.ts';
import { arrayAt, propertyPath, valueAt, type PathStep } from '../validation/path.ts';
import { shownValue } from '../validation/zod-violations.ts';
import type { Rule, Violation } from '../violation.ts';
import { canonicalRegion } from './placement.ts';

/** Rules on sizes, zones, priorities and regions. Like those of `rules.ts` they read the document as it came. */

const skuPath = ['properties', 'fabricProfile', 'sku'] as const;
const operatorPath = ['properties', 'operatorProfile'] as const;

/** Families of which the product takes sizes into a mix. Confidential (DC, EC) and FX sizes are families of their own. */
const mixFamilies = /^Standard_(?:[ABDEF]|DS)\d/i;

/** Everything that is wrong about where machines may be made. */
export function placementViolations(document: unknown): Violation[] {
  return [...mix(document), ...mixedSizes(document), ...zones(document), ...regions(document), ...count(document)];
}

function mix(document: unknown): Violation[] {
  const name = valueAt(document, ...skuPath, 'name');
  const given = valueAt(document, ...skuPath, 'vmSizes') !== undefined;
  if (typeof name !== 'string' || (name.toLowerCase() === 'mix') === given) return [];
  return given
    ? [violation([...skuPath, 'name'], 'NotAllowedValue', 'There are vmSizes, so it must be Mix.')]
    : [violation([...skuPath, 'vmSizes'], 'Required', 'It is required where name is Mix: up to five sizes.')];
}

function mixedSizes(document: unknown): Violation[] {
  const path = [...skuPath, 'vmSizes'];
  const sizes = arrayAt(document, ...path).map((size, index) => ({
    name: valueAt(size, 'name'),
    path: [...path, index, 'name'],
  }));
  const foreign = sizes
    .filter(({ name }) => typeof name === 'string' && !mixFamilies.test(name))
    .map(({ name, path: at }): Violation => ({
      ...violation(at, 'NotAllowedValue', 'A mix takes sizes of the families A, B, D, E and F only.'),
      ...(typeof name === 'string' ? { value: name } : {}),
    }));
  return [...foreign, ...duplicates(sizes.map(({ name, path: at }) => ({ key: name, path: at })))];
}

function zones(document: unknown): Violation[] {
  const path = [...operatorPath, 'zones'];
  return duplicates(arrayAt(document, ...path).map((zone, index) => ({ key: zone, path: [...path, index] })));
}

/** A region may come twice with another subnet each time. */
function regions(document: unknown): Violation[] {
  const path = [...operatorPath, 'regions'];
  const own = {
    location: valueAt(document, 'location'),
    subnetId: valueAt(document, 'properties', 'fabricProfile', 'networkProfile', 'subnetId'),
  };
  const all = [
    { ...own, path: ['location'] as PathStep[] },
    ...arrayAt(document, ...path).map((region, index) => ({
      location: valueAt(region, 'location'),
      subnetId: valueAt(region, 'subnetId'),
      path: [...path, index] as PathStep[],
    })),
  ];
  return duplicates(
    all.map(({ location, subnetId, path: at }) => ({
      key:
        typeof location === 'string' && typeof subnetId === 'string'
          ? `${canonicalRegion(location)} with ${subnetId}`
          : undefined,
      path: at,
    })),
  );
}

/** Each place may have to be remembered as closed, in a state that travels with every continue-as-new. */
function count(document: unknown): Violation[] {
  const sizes = Math.max(1, arrayAt(document, ...skuPath, 'vmSizes').length);
  const zoneCount = Math.max(1, arrayAt(document, ...operatorPath, 'zones').length);
  const spot = valueAt(document, ...operatorPath, 'spot');
  const priorities = spot !== undefined && valueAt(spot, 'fallback') !== 'None' ? 2 : 1;
  const regionCount = 1 + arrayAt(document, ...operatorPath, 'regions').length;
  const total = sizes * zoneCount * priorities * regionCount;
  if (total <= placesMax) return [];
  const message =
    `Sizes, zones, priorities and regions make ${sizes} × ${zoneCount} × ${priorities} × ${regionCount} = ${total} ` +
    `places; a pool can have ${placesMax}. Name fewer.`;
  return [violation(operatorPath, 'TooMany', message)];
}

function duplicates(items: { key: unknown; path: PathStep[] }[]): Violation[] {
  const first = new Map<string, PathStep[]>();
  return items.flatMap(({ key, path }) => {
    if (typeof key !== 'string') return [];
    const earlier = first.get(key.toLowerCase());
    if (earlier) {
      const message = `'${String(shownValue(key))}' is already used by ${propertyPath(earlier)}; case makes no difference.`;
      return [violation(path, 'Duplicate', message)];
    }
    first.set(key.toLowerCase(), path);
    return [];
  });
}

function violation(path: readonly PathStep[], rule: Rule, message: string): Violation {
  return { path: propertyPath(path), rule, message };
}

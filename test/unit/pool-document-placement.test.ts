import { describe, expect, test } from '@jest/globals';
import { placesOf } from '../../domain/placement/place.ts';
import { parsePoolDocument } from '../../domain/pool-document/parse.ts';
import { specify } from '../../domain/pool-document/specify.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';
import type { Violation } from '../../domain/violation.ts';
import { testInstallation } from '../support/installation.ts';
import { steps, validPoolDocument, withValue } from '../support/pool-document.ts';

const sku = 'properties.fabricProfile.sku';
const operator = 'properties.operatorProfile';
const north = subnetOf('northeurope');

function subnetOf(region: string): string {
  return `/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/${region}/subnets/agents`;
}

function documentWith(changes: Record<string, unknown>): unknown {
  return Object.entries(changes).reduce<unknown>(
    (changed, [path, value]) => withValue(changed, steps(path), value),
    validPoolDocument(),
  );
}

function specificationOf(changes: Record<string, unknown>): PoolSpecification {
  const parsed = parsePoolDocument(documentWith(changes));
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  const answer = specify(parsed.document, testInstallation());
  if ('violations' in answer) throw new Error(JSON.stringify(answer.violations));
  return answer.specification;
}

function violationsOf(changes: Record<string, unknown>): Violation[] {
  const parsed = parsePoolDocument(documentWith(changes));
  return 'violations' in parsed ? parsed.violations : [];
}

const mixOf = (...names: string[]) => ({ name: 'Mix', vmSizes: names.map((name) => ({ name })) });

describe('what a document says about places becomes what the workflows run', () => {
  test('a document that leaves no choice says nothing', () => {
    expect(specificationOf({})).not.toHaveProperty('placement');
  });

  test('a mix: its sizes in order, the first is that of the machine', () => {
    const { machine, placement } = specificationOf({ [sku]: mixOf('Standard_E4ads_v5', 'Standard_D2ads_v5') });
    expect(machine.vmSize).toBe('Standard_E4ads_v5');
    expect(placement).toEqual({ vmSizes: ['Standard_E4ads_v5', 'Standard_D2ads_v5'], zones: [], regions: [] });
  });

  test('zones, in order', () => {
    expect(specificationOf({ [operator]: { zones: ['3', '1'] } }).placement).toEqual({
      vmSizes: ['Standard_D2ads_v5'],
      zones: ['3', '1'],
      regions: [],
    });
  });

  test('spot: a maximum price, and regular machines where there is none', () => {
    const { placement } = specificationOf({ [operator]: { spot: { maximumPrice: 0.04 } } });
    expect(placement?.spot).toEqual({ maximumPrice: 0.04, fallback: 'Regular' });
  });

  test('spot without a fallback', () => {
    const specification = specificationOf({ [operator]: { spot: { fallback: 'None' } } });
    expect(placesOf(specification).map(({ priority }) => priority)).toEqual(['Spot']);
  });

  test('regions, by their names or display names, each with its subnet', () => {
    const regions = [{ location: 'North Europe', subnetId: north }];
    const specification = specificationOf({ [operator]: { regions } });
    expect(specification.placement?.regions).toEqual([{ location: 'northeurope', subnetId: north }]);
    expect(placesOf(specification).map(({ location }) => location)).toEqual(['westeurope', 'northeurope']);
  });
});

describe('what cannot be is refused', () => {
  const sixSizes = ['D2ads_v5', 'E4ads_v5', 'F4s_v2', 'D2s_v3', 'B2s', 'D2as_v5'].map((name) => `Standard_${name}`);
  test.each<[string, string, string, Record<string, unknown>]>([
    ['Mix without sizes', `${sku}.vmSizes`, 'Required', { [`${sku}.name`]: 'Mix' }],
    ['sizes without Mix', `${sku}.name`, 'NotAllowedValue', { [`${sku}.vmSizes`]: [{ name: 'Standard_D2ads_v5' }] }],
    ['no size', `${sku}.vmSizes`, 'TooFew', { [sku]: { name: 'Mix', vmSizes: [] } }],
    ['six sizes', `${sku}.vmSizes`, 'TooMany', { [sku]: mixOf(...sixSizes) }],
    ['a size twice', `${sku}.vmSizes[1].name`, 'Duplicate', { [sku]: mixOf('Standard_D2ads_v5', 'standard_d2ads_v5') }],
    [
      'a size of a family that no mix takes',
      `${sku}.vmSizes[1].name`,
      'NotAllowedValue',
      { [sku]: mixOf('Standard_D2ads_v5', 'Standard_NC4as_T4_v3') },
    ],
    [
      'a confidential size',
      `${sku}.vmSizes[0].name`,
      'NotAllowedValue',
      { [sku]: mixOf('Standard_DC2ads_v5', 'Standard_D2ads_v5') },
    ],
    ['a zone twice', `${operator}.zones[1]`, 'Duplicate', { [operator]: { zones: ['1', '1'] } }],
    [
      'a region twice with one subnet',
      `${operator}.regions[1]`,
      'Duplicate',
      {
        [operator]: {
          regions: [
            { location: 'northeurope', subnetId: north },
            { location: 'North Europe', subnetId: north },
          ],
        },
      },
    ],
    [
      'more places than a pool can remember',
      operator,
      'TooMany',
      {
        [sku]: mixOf('Standard_D2ads_v5', 'Standard_E4ads_v5', 'Standard_F4s_v2', 'Standard_D2s_v3'),
        [operator]: {
          zones: ['1', '2', '3'],
          spot: {},
          regions: ['a', 'b'].map((location) => ({ location, subnetId: subnetOf(location) })),
        },
      },
    ],
    [
      'sizes in an older api-version',
      `${sku}.vmSizes`,
      'UnknownProperty',
      { apiVersion: '2025-09-20', [sku]: mixOf('Standard_D2ads_v5') },
    ],
  ])('%s', (_what, path, rule, changes) => {
    expect(violationsOf(changes)).toEqual([expect.objectContaining({ path, rule })]);
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { choosePlacement } from '../../domain/placement/choose.ts';
import { closureFor, closureOf, closuresMax, withClosure, type Closure } from '../../domain/placement/closures.ts';
import { describePlace, machineAt, placesMax, placesOf, type Place } from '../../domain/placement/place.ts';
import { refusalRules, type Refusal } from '../../domain/placement/refusals.ts';
import type { PlacementSpecification } from '../../domain/pool-specification.ts';
import { specification } from '../workflow/fakes.ts';

const { machine } = specification;
const minute = 60_000;
const hour = 60 * minute;
const now = Date.UTC(2026, 0, 5, 9);

function places(changes: Partial<PlacementSpecification> = {}): Place[] {
  return placesOf({ machine, placement: { vmSizes: [machine.vmSize], zones: [], regions: [], ...changes } });
}

const names = (all: readonly Place[]) => all.map(describePlace);

describe('the places of a pool', () => {
  test('a pool that leaves no choice has one', () => {
    expect(names(placesOf({ machine }))).toEqual(['Standard_D2ads_v5 in westeurope']);
  });

  test('come in order: regions, then Spot before regular, then sizes, then zones', () => {
    const all = places({
      vmSizes: ['Standard_D2ads_v5', 'Standard_E4ads_v5'],
      zones: ['2', '1'],
      spot: { fallback: 'Regular' },
      regions: [{ location: 'northeurope', subnetId: '/north' }],
    });
    expect(names(all).slice(0, 9)).toEqual([
      'Standard_D2ads_v5 Spot in westeurope zone 2',
      'Standard_D2ads_v5 Spot in westeurope zone 1',
      'Standard_E4ads_v5 Spot in westeurope zone 2',
      'Standard_E4ads_v5 Spot in westeurope zone 1',
      'Standard_D2ads_v5 in westeurope zone 2',
      'Standard_D2ads_v5 in westeurope zone 1',
      'Standard_E4ads_v5 in westeurope zone 2',
      'Standard_E4ads_v5 in westeurope zone 1',
      'Standard_D2ads_v5 Spot in northeurope zone 2',
    ]);
    expect(all).toHaveLength(16);
    expect(all.map(({ subnetId }) => subnetId)).toContain('/north');
  });

  test('a pool without fallback has Spot places only', () => {
    expect(places({ spot: { maximumPrice: 0.05, fallback: 'None' } })).toEqual([
      {
        vmSize: machine.vmSize,
        priority: 'Spot',
        maximumPrice: 0.05,
        location: machine.location,
        subnetId: machine.subnetId,
      },
    ]);
  });

  test('a machine takes size, zone, priority, price, region and subnet of its place, and keeps the rest', () => {
    const [place] = places({ zones: ['3'], spot: { maximumPrice: 1, fallback: 'None' } });
    expect(machineAt(machine, place)).toEqual({ ...machine, zone: '3', priority: 'Spot', maximumPrice: 1 });
    expect(machineAt(machine, undefined)).toBe(machine);
  });
});

const sizes = ['Standard_D2ads_v5', 'Standard_E4ads_v5'];
const everything = places({
  vmSizes: sizes,
  zones: ['1', '2'],
  spot: { fallback: 'Regular' },
  regions: [{ location: 'northeurope', subnetId: '/north' }],
});

const quota = (name: string, limit = 10) =>
  `virtualMachines.createOrUpdate was refused by Azure (409 OperationNotAllowed): Operation could not be completed as it results in exceeding approved ${name} quota. Current Limit: ${limit}`;

describe('what a refusal closes', () => {
  const first = everything[0] as Place;
  const regular = everything.find(({ priority }) => priority === 'Regular') as Place;

  test.each<[string, Refusal, Place, number, (place: Place) => boolean]>([
    [
      'the quota of a family: the size in the region, in every zone, ten minutes',
      { code: 'QuotaExceeded', azureCode: 'OperationNotAllowed', message: quota('standardDADSv5Family Cores') },
      regular,
      10 * minute,
      (one) => one.vmSize === sizes[0] && one.priority === 'Regular' && one.location === 'westeurope',
    ],
    [
      'a quota of zero: the same for an hour',
      { code: 'QuotaIsZero', message: quota('standardDADSv5Family Cores', 0) },
      regular,
      hour,
      (one) => one.vmSize === sizes[0] && one.priority === 'Regular' && one.location === 'westeurope',
    ],
    [
      'the quota of Spot cores: every Spot machine of the region',
      { code: 'QuotaExceeded', message: quota('LowPriorityCores') },
      first,
      10 * minute,
      (one) => one.priority === 'Spot' && one.location === 'westeurope',
    ],
    [
      'the quota of all cores: every regular machine of the region',
      { code: 'QuotaExceeded', message: quota('Total Regional Cores') },
      regular,
      10 * minute,
      (one) => one.priority === 'Regular' && one.location === 'westeurope',
    ],
    [
      'the quota of machines: the region',
      { code: 'QuotaExceeded', message: quota('Virtual Machines') },
      first,
      10 * minute,
      (one) => one.location === 'westeurope',
    ],
    [
      'no capacity in a zone: this size in this zone',
      { code: 'AllocationFailed', azureCode: 'ZonalAllocationFailed', message: 'no room' },
      first,
      hour,
      (one) => one === first,
    ],
    [
      'too many constraints: this size in this zone',
      { code: 'AllocationFailed', azureCode: 'OverconstrainedAllocationRequest', message: 'no room' },
      regular,
      hour,
      (one) => one === regular,
    ],
    [
      'no Spot capacity: this size in this zone, for an hour',
      { code: 'SkuNotAvailable', azureCode: 'SkuNotAvailable', message: 'not available' },
      first,
      hour,
      (one) => one === first,
    ],
    [
      'a size that is not offered: this size in this zone, for 23 hours',
      { code: 'SkuNotAvailable', azureCode: 'SkuNotAvailable', message: 'not available' },
      regular,
      23 * hour,
      (one) => one === regular,
    ],
    [
      'a full subnet: its region',
      { code: 'SubnetIsFull', message: 'full' },
      first,
      10 * minute,
      (one) => one.location === 'westeurope',
    ],
  ])('%s', (_what, refusal, place, ttlMs, closed) => {
    const closure = closureOf(refusal, place, 'ubuntu', now) as Closure;
    expect(closure).toMatchObject({ code: refusal.code, until: now + ttlMs });
    expect(names(everything.filter((one) => closureFor([closure], one, 'ubuntu', now)))).toEqual(
      names(everything.filter(closed)),
    );
  });

  test('an image that a region does not have closes the region for that image only', () => {
    const closure = closureOf({ code: 'ImageNotFound', message: 'no such image' }, first, 'ubuntu', now) as Closure;
    expect(closureFor([closure], first, 'ubuntu', now)).toBe(closure);
    expect(closureFor([closure], first, 'debian', now)).toBeUndefined();
  });

  test('a machine without a zone that found no room leaves the zones open', () => {
    const [zoneless] = places();
    const closure = closureOf({ code: 'AllocationFailed', message: 'no room' }, zoneless as Place, 'ubuntu', now);
    const zonal = places({ zones: ['1', '2', '3'] });
    expect(zonal.filter((place) => closureFor([closure as Closure], place, 'ubuntu', now))).toEqual([]);
  });

  test.each(['AgentDidNotConnect', 'OSProvisioningFailed', 'AzureDevOpsRefused', 'TimedOut', 'Unexpected'])(
    '%s says nothing about the place',
    (code) => {
      expect(closureOf({ code, message: '' }, first, 'ubuntu', now)).toBeUndefined();
    },
  );
});

describe('the choice', () => {
  const two = places({ vmSizes: sizes });
  const [one, other] = two as [Place, Place];
  const refused = closureOf(
    { code: 'QuotaExceeded', message: quota('standardDADSv5Family Cores') },
    one,
    'ubuntu',
    now,
  ) as Closure;

  test('is the preferred place while nothing is closed', () => {
    expect(choosePlacement(two, [], 'ubuntu', now)).toEqual({ placement: { ...one, why: 'first choice' } });
  });

  test('is the next one while the preferred is closed, and says why', () => {
    expect(choosePlacement(two, [refused], 'ubuntu', now)).toEqual({
      placement: {
        ...other,
        why: 'Standard_D2ads_v5 in westeurope is closed until 2026-01-05T09:10:00.000Z (QuotaExceeded)',
      },
    });
  });

  test('returns to the preferred one when the entry expires', () => {
    const choice = choosePlacement(two, [refused], 'ubuntu', now + 10 * minute);
    expect(choice).toMatchObject({ placement: { vmSize: one.vmSize, why: 'first choice' } });
  });

  test('names the first place to open again when all are closed', () => {
    const zonal = closureOf({ code: 'AllocationFailed', message: 'No room.' }, other, 'ubuntu', now) as Closure;
    const choice = choosePlacement(two, [zonal, refused], 'ubuntu', now);
    expect(choice).toMatchObject({ code: 'QuotaExceeded', until: now + 10 * minute });
    expect(choice).toHaveProperty('message', expect.stringContaining('Standard_E4ads_v5 in westeurope is closed'));
    expect(choice).toHaveProperty('message', expect.stringContaining('standardDADSv5Family'));
  });
});

const refusal: fc.Arbitrary<Refusal> = fc.oneof(
  fc.constantFrom(...refusalRules).map(({ code, azureCodes }) => ({
    code,
    ...(azureCodes === undefined ? {} : { azureCode: azureCodes[0] ?? '' }),
    message: code,
  })),
  fc
    .constantFrom('LowPriorityCores', 'Total Regional Cores', 'Virtual Machines', 'standardDADSv5Family Cores')
    .map((name) => ({ code: 'QuotaExceeded', message: quota(name) })),
);

const pool: fc.Arbitrary<Place[]> = fc
  .record({
    vmSizes: fc.uniqueArray(fc.constantFrom('Standard_D2ads_v5', 'Standard_E4ads_v5', 'Standard_F4s_v2'), {
      minLength: 1,
    }),
    zones: fc.uniqueArray(fc.constantFrom('1', '2', '3')),
    spot: fc.constantFrom(undefined, { fallback: 'Regular' as const }, { fallback: 'None' as const }),
    regions: fc.uniqueArray(
      fc.constantFrom({ location: 'northeurope', subnetId: '/north' }, { location: 'westeurope', subnetId: '/second' }),
    ),
  })
  .map(({ spot, ...rest }) => places({ ...rest, ...(spot === undefined ? {} : { spot }) }));

/** Refusals of whatever is chosen, each some time after the one before. */
const story = fc.record({
  places: pool,
  events: fc.array(
    fc.record({
      refusal,
      image: fc.constantFrom('ubuntu', 'debian', 'jammy'),
      afterMs: fc.constantFrom(0, 1_000, 11 * minute, 2 * hour),
    }),
    { maxLength: 120 },
  ),
});

describe('in every history of refusals', () => {
  test('a closed place is never chosen, and equal inputs give equal answers', () => {
    fc.assert(
      fc.property(story, ({ places: all, events }) => {
        let closures: Closure[] = [];
        let at = now;
        for (const { refusal: said, image, afterMs } of events) {
          at += afterMs;
          const choice = choosePlacement(all, closures, image, at);
          expect(choosePlacement(structuredClone(all), structuredClone(closures), image, at)).toEqual(choice);
          if (!('placement' in choice)) {
            expect(choice.until).toBeGreaterThan(at);
            const atOpening = choosePlacement(all, closures, image, choice.until);
            expect(atOpening).toHaveProperty('placement');
            continue;
          }
          expect(closureFor(closures, choice.placement, image, at)).toBeUndefined();
          const closure = closureOf(said, choice.placement, image, at) as Closure;
          closures = withClosure(closures, closure, all, at);
          // Every refusal closes at least the place that was refused.
          expect(closureFor(closures, choice.placement, image, at)).toBeDefined();
        }
      }),
    );
  });

  test('a search ends: after at most as many refusals as there are places, all are closed', () => {
    fc.assert(
      fc.property(pool, fc.array(refusal, { minLength: placesMax }), (all, refusals) => {
        let closures: Closure[] = [];
        let attempts = 0;
        for (;;) {
          const choice = choosePlacement(all, closures, 'ubuntu', now);
          if (!('placement' in choice)) break;
          const said = refusals[attempts] as Refusal;
          closures = withClosure(closures, closureOf(said, choice.placement, 'ubuntu', now) as Closure, all, now);
          attempts++;
          expect(attempts).toBeLessThanOrEqual(all.length);
        }
      }),
    );
  });

  test('the cache stays small, and forgets what has expired', () => {
    const most = places({
      vmSizes: ['a', 'b', 'c', 'd', 'e'],
      zones: ['1', '2', '3'],
      spot: { fallback: 'Regular' },
      regions: [{ location: 'northeurope', subnetId: '/north' }],
    });
    let closures: Closure[] = [];
    const message = 'x'.repeat(5_000);
    for (let image = 0; image < 8; image++) {
      for (const place of most) {
        const closure = closureOf({ code: 'RequestRefused', message }, place, `image-${image}`, now) as Closure;
        closures = withClosure(closures, closure, most, now);
        expect(closures.length).toBeLessThanOrEqual(closuresMax);
        expect(closureFor(closures, place, `image-${image}`, now)).toBeDefined();
      }
    }
    expect(JSON.stringify(closures).length).toBeLessThan(32_000);
    const [first] = most as [Place];
    const later = closureOf({ code: 'AllocationFailed', message: '' }, first, 'image-1', now + hour) as Closure;
    expect(withClosure(closures, later, most, now + hour)).toEqual([later]);
  });
});

import { describe, expect, test } from '@jest/globals';
import { placementFacts } from '../../client/cli/commands/pool-placement.ts';
import type { PlacementView } from '../../domain/messages.ts';

const at = Date.UTC(2026, 0, 5, 9);
const place = { priority: 'Regular' as const, location: 'westeurope', subnetId: '/subnet' };

const placement: PlacementView = {
  places: [
    {
      ...place,
      vmSize: 'Standard_D4ads_v5',
      zone: '1',
      closed: { until: at + 600_000, code: 'QuotaExceeded', message: 'The family has no cores left.' },
    },
    { ...place, vmSize: 'Standard_D4ds_v5', priority: 'Spot' },
  ],
  attempts: [
    {
      vmSize: 'Standard_D4ads_v5',
      zone: '1',
      priority: 'Regular',
      location: 'westeurope',
      at,
      image: 'ubuntu',
      outcome: 'refused',
      why: 'OperationNotAllowed',
      count: 3,
    },
    {
      vmSize: 'Standard_D4ds_v5',
      priority: 'Spot',
      location: 'westeurope',
      at: at + 1_000,
      image: 'ubuntu',
      outcome: 'asked',
      why: 'first choice',
      count: 1,
    },
  ],
};

describe('where a pool makes machines, for people', () => {
  test('30: each place with what closes it and until when, then the last attempts, the newest first', () => {
    expect(placementFacts({ placement })).toEqual([
      [
        'place',
        'Standard_D4ads_v5 in westeurope zone 1: closed until 2026-01-05T09:10:00Z: QuotaExceeded: The family has no cores left.',
      ],
      ['place', 'Standard_D4ds_v5 Spot in westeurope: open'],
      ['attempt', 'asked 2026-01-05T09:00:01Z: ubuntu, Standard_D4ds_v5 Spot in westeurope: first choice'],
      [
        'attempt',
        'refused 3 times, last 2026-01-05T09:00:00Z: ubuntu, Standard_D4ads_v5 in westeurope zone 1: OperationNotAllowed',
      ],
    ]);
  });

  test('nothing for a pool with one place', () => {
    expect(placementFacts({})).toEqual([]);
  });
});

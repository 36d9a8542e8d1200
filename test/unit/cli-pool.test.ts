import { describe, expect, test } from '@jest/globals';
import { showLines } from '../../client/cli/commands/pool.ts';
import type { PoolDetails } from '../../client/sdk/index.ts';

const view: PoolDetails = {
  pool: 'linux',
  document: {},
  status: 'Succeeded',
  specificationVersion: 1,
  agents: [],
  queued: [],
  assigned: 0,
  running: 0,
  observedAt: 0,
  holds: [],
  totals: { requested: 3, returned: 3, failed: 0, jobs: 3, waitedMs: 180_000 },
};

describe('a pool that is shown', () => {
  test('has the p50 and p95 of each leg that its jobs had, and of their whole wait', () => {
    const waits = [
      { leg: 'created' as const, jobs: 2, p50Ms: 40_000, p95Ms: 65_000 },
      { leg: 'wait' as const, jobs: 3, p50Ms: 60_000, p95Ms: 125_000 },
    ];
    expect(showLines({ ...view, waits }, 0, { colour: false })).toEqual(
      expect.arrayContaining([
        'WAIT           JOBS    P50    P95',
        'until created     2    40s  1m05s',
        'in all            3  1m00s  2m05s',
      ]),
    );
  });

  test('has no such table before its first job', () => {
    expect(showLines(view, 0, { colour: false }).join('\n')).not.toContain('P95');
  });
});

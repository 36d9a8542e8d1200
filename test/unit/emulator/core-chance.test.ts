import { describe, expect, test } from '@jest/globals';
import { createChance } from '../../../emulator/core/chance.ts';
import type { Fault, LatencyName } from '../../../emulator/core/context.ts';
import { createFaults } from '../../../emulator/core/faults.ts';
import { createLatencies, distributions } from '../../../emulator/core/latencies.ts';
import { createMemoryStore } from '../../../emulator/core/store.ts';

describe('chance', () => {
  const draw = (seed: number, life?: number): string[] => {
    const chance = createChance(seed, life);
    return Array.from({ length: 5 }, () => chance.uuid());
  };

  test('repeats itself for the same seed and life, and for no other', () => {
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    // A cloud that is started again must not hand out the identifiers of its first life.
    expect(draw(7, 1)).not.toEqual(draw(7, 0));
  });

  test('makes UUIDs of version 4 and numbers from 0 to 1', () => {
    const chance = createChance(3);
    for (let index = 0; index < 1_000; index += 1) {
      expect(chance.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const value = chance.uniform();
      expect(value >= 0 && value < 1).toBe(true);
    }
  });
});

describe('latencies', () => {
  test.each(Object.keys(distributions) as LatencyName[])('%s has the median that its table states', (name) => {
    const latencies = createLatencies(createChance(1), 0.5);
    const draws = Array.from({ length: 2_001 }, () => latencies.sample(name)).sort((a, b) => a - b);
    const median = draws[1_000] ?? 0;
    expect(median / (distributions[name].medianMs * 0.5)).toBeGreaterThan(0.93);
    expect(median / (distributions[name].medianMs * 0.5)).toBeLessThan(1.07);
    expect(draws.at(-1)).toBeLessThanOrEqual(distributions[name].longestMs * 0.5);
  });

  test('refuse a scale that is not above 0', () => {
    expect(() => createLatencies(createChance(1), 0)).toThrow('above 0');
  });
});

describe('faults', () => {
  const register = () => createFaults(createMemoryStore(), createChance(1));
  const lose: Fault['effect'] = { kind: 'loseResponse' };
  const put = { service: 'arm', method: 'PUT', path: '/a/VirtualMachines/one', operation: 'VM_Put' } as const;

  test('strike where every given field fits, without regard to case, with * for any text', () => {
    const faults = register();
    faults.add({ match: { service: 'arm', method: 'put', path: '*/virtualmachines/*' }, effect: lose });
    expect(faults.strike(['loseResponse'], put)?.effect).toEqual(lose);
    expect(faults.strike(['reject'], put)).toBeUndefined();
    expect(faults.strike(['loseResponse'], { ...put, method: 'GET' })).toBeUndefined();
    expect(faults.strike(['loseResponse'], { ...put, path: '/a/disks/one' })).toBeUndefined();
    expect(faults.strike(['loseResponse'], { ...put, service: 'entra' })).toBeUndefined();
  });

  test('are spent after their times, and in force again for nobody', () => {
    const faults = register();
    faults.add({ match: {}, effect: lose, times: 2 });
    const strikes = [1, 2, 3].map(() => faults.strike(['loseResponse'], put) !== undefined);
    expect(strikes).toEqual([true, true, false]);
    expect(faults.list()).toEqual([]);
  });

  test('strike as often as their probability says', () => {
    const faults = register();
    faults.add({ match: {}, effect: lose, probability: 0.25 });
    const struck = Array.from({ length: 2_000 }, () => faults.strike(['loseResponse'], put)).filter(Boolean).length;
    expect(struck).toBeGreaterThan(400);
    expect(struck).toBeLessThan(600);
  });

  test('outlive the process that they were set in', () => {
    const store = createMemoryStore();
    const fault = createFaults(store, createChance(1)).add({ match: {}, effect: lose });
    expect(createFaults(store, createChance(1)).list()).toEqual([fault]);
  });
});

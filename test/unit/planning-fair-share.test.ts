import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fairShare, type Claim } from '../../domain/planning/fair-share.ts';
import { splitStandby } from '../../domain/planning/standby-split.ts';

const claims = fc.array(fc.record({ has: fc.nat(12), wants: fc.nat(12) }), { maxLength: 6 });

/** The rule as its sentence says it: one by one, to the one that has the least. */
function dealtOneByOne(all: readonly Claim[], capacity: number): number[] {
  const shares = all.map(() => 0);
  const level = (index: number) => (all[index]?.has ?? 0) + (shares[index] ?? 0);
  for (let left = capacity; left > 0; left--) {
    const hungry = shares.flatMap((share, index) => (share < (all[index]?.wants ?? 0) ? [index] : []));
    const [first, ...rest] = hungry;
    if (first === undefined) break;
    const next = rest.reduce((least, index) => (level(index) < level(least) ? index : least), first);
    shares[next] = (shares[next] ?? 0) + 1;
  }
  return shares;
}

describe('places', () => {
  test('are dealt one by one to the one that has the least', () => {
    fc.assert(
      fc.property(claims, fc.nat(60), (all, capacity) => {
        expect(fairShare(all, capacity)).toEqual(dealtOneByOne(all, capacity));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('the split of standby', () => {
  const buffers = fc.array(
    fc.record({ buffer: fc.oneof(fc.constant('*' as const), fc.integer({ min: 1, max: 100 })) }),
    { minLength: 1, maxLength: 8 },
  );

  test('gives out every agent, and to each image its share rounded down or up', () => {
    fc.assert(
      fc.property(buffers, fc.nat(10_000), (images, count) => {
        const shares = splitStandby(count, images);
        const percentages = images.reduce((sum, { buffer }) => sum + (buffer === '*' ? 0 : buffer), 0);
        const equal = images.filter(({ buffer }) => buffer === '*').length;
        const total = equal > 0 ? Math.max(100, percentages) : percentages;
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(count);
        images.forEach(({ buffer }, index) => {
          const percentage = buffer === '*' ? Math.max(0, 100 - percentages) / equal : buffer;
          expect(Math.abs((shares[index] ?? 0) - (count * percentage) / total)).toBeLessThan(1);
        });
      }),
    );
  });

  test('gives nothing where every buffer is 0', () => {
    expect(splitStandby(5, [{ buffer: 0 }, { buffer: 0 }])).toEqual([0, 0]);
  });
});

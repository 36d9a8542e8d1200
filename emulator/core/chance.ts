import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Chance } from './context.ts';

/**
 * A source of chance from `seed`. `life` is how often the cloud has been started on the same state: each start draws
 * another sequence, else a restarted cloud would hand out the identifiers of its first life again.
 */
export function createChance(seed: number, life = 0): Chance {
  const generator = xoroshiro128plus(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(life, 0xc2b2ae35));
  const word = (): number => generator.next() >>> 0;
  return {
    uniform: () => ((word() >>> 6) * 2 ** 27 + (word() >>> 5)) / 2 ** 53,
    uuid() {
      const bytes = Buffer.alloc(16);
      for (let index = 0; index < 16; index += 4) bytes.writeUInt32BE(word(), index);
      bytes[6] = (bytes[6]! & 0x0f) | 0x40;
      bytes[8] = (bytes[8]! & 0x3f) | 0x80;
      const hex = bytes.toString('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    },
  };
}

/** A normally distributed number, mean 0 and deviation 1 (Box–Muller). */
export function normal(chance: Chance): number {
  return Math.sqrt(-2 * Math.log(1 - chance.uniform())) * Math.cos(2 * Math.PI * chance.uniform());
}

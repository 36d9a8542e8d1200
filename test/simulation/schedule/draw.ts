import { createChance } from '../../../emulator/core/chance.ts';

const second = 1_000;
export const minute = 60 * second;

/** Draws from one seed. Equal seeds and equal calls give equal answers, on any machine. */
export interface Draw {
  /** From 0 (included) to 1 (not included). */
  uniform(): number;
  /** Whether something with this probability happens. */
  happens(probability: number): boolean;
  /** A whole number, both ends included. */
  whole(least: number, most: number): number;
  /** Like `whole`, but small numbers as often as large ones: each doubling is equally likely. `least` is above 0. */
  scaled(least: number, most: number): number;
  /** Whole seconds, in milliseconds, small ones as often as large ones. */
  time(leastMs: number, mostMs: number): number;
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T;
  /** Some of the items, in their order, each with this probability. */
  some<T>(items: readonly T[], probability: number): T[];
  /** An independent source: what one part draws then leaves the other parts of the schedule as they are. */
  part(name: string): Draw;
}

/** The draws of one seed. */
export function createDraw(seed: number, path = ''): Draw {
  const chance = createChance(mixed(`${seed}${path}`));
  // The generator's first numbers still show its seed.
  for (let skipped = 0; skipped < 8; skipped++) chance.uniform();
  const uniform = () => chance.uniform();
  const whole = (least: number, most: number) => least + Math.floor(uniform() * (most - least + 1));
  const scaled = (least: number, most: number) => Math.min(most, Math.round(least * (most / least) ** uniform()));
  return {
    uniform,
    happens: (probability) => uniform() < probability,
    whole,
    scaled,
    time: (leastMs, mostMs) => scaled(Math.round(leastMs / second), Math.round(mostMs / second)) * second,
    pick: (items) => {
      const item = items[whole(0, items.length - 1)];
      if (item === undefined) throw new RangeError('There is nothing to draw from.');
      return item;
    },
    some: (items, probability) => items.filter(() => uniform() < probability),
    part: (name) => createDraw(seed, `${path}/${name}`),
  };
}

/**
 * FNV-1a, then the finish of MurmurHash3, 32 bits: without the latter the parts of one seed, and one part of
 * neighbouring seeds, would draw alike.
 */
function mixed(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

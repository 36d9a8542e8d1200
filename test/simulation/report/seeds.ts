/** The generator takes 32 bits; beyond, two seeds would be one. */
const highest = 2 ** 31 - 1;

/** Seeds in one run at most; a mistyped range must not begin a run of days. */
const seedsMax = 1_000_000;

/**
 * Reads `7`, `1..200` or `1..200,999`.
 *
 * @throws RangeError that says what would be right
 */
export function parseSeeds(text: string): number[] {
  const seeds = text.split(',').flatMap((part) => {
    const match = /^\s*(\d+)(?:\.\.(\d+))?\s*$/.exec(part);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (!match || last < first || last > highest || last - first >= seedsMax) {
      throw new RangeError(
        `"${part}" names no seeds. Write 7, 1..200 or 1..200,999: whole numbers up to ${highest}, the smaller one first.`,
      );
    }
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return [...new Set(seeds)];
}

import type { PlanningImage } from './types.ts';

/**
 * How many of the standby agents each image gets, in the order of the images. `*` images share equally what the
 * percentages leave. Agents are whole: each image gets the whole part of its share, and what is left goes to the largest
 * fractions, to the first image where fractions are equal, because the first image also serves the jobs that name none.
 *
 * Percentages that do not total 100 are taken as weights; the rule that they must is a rule of the pool document.
 *
 * @param count standby agents in all, a whole number from 0
 */
export function splitStandby(count: number, images: readonly Pick<PlanningImage, 'buffer'>[]): number[] {
  const weights = wholeWeights(images);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return images.map(() => 0);
  const shares = weights.map((weight) => Math.floor((count * weight) / total));
  const left = count - shares.reduce((sum, share) => sum + share, 0);
  const byFraction = weights
    .map((weight, index) => ({ index, fraction: (count * weight) % total }))
    .toSorted((a, b) => b.fraction - a.fraction || a.index - b.index);
  for (const { index } of byFraction.slice(0, left)) shares[index] = (shares[index] ?? 0) + 1;
  return shares;
}

/** Weights in whole numbers, so that no rounding of a third of a percent decides who gets an agent. */
function wholeWeights(images: readonly Pick<PlanningImage, 'buffer'>[]): number[] {
  const equal = images.filter(({ buffer }) => buffer === '*').length;
  const scale = Math.max(1, equal);
  const percentages = images.reduce((sum, { buffer }) => sum + (buffer === '*' ? 0 : buffer), 0);
  const rest = Math.max(0, 100 - percentages);
  return images.map(({ buffer }) => (buffer === '*' ? rest : buffer * scale));
}

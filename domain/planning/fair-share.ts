/** One that wants something: how much it has already, and how much more it wants. Whole numbers from 0. */
export interface Claim {
  has: number;
  wants: number;
}

/**
 * Deals out a capacity one by one, each time to the claim that has the least; where several have equally little, to the
 * first of them. Answers how much each claim gets, in the order of the claims.
 *
 * Planning deals machines by this rule. It starves nobody: with a fan-out of 500 jobs on one image, a single job of
 * another image gets the next place that becomes free. A proportional rule would give that place to the fan-out again
 * and again. It also needs no history, and what was dealt before never makes a later deal take it back.
 */
export function fairShare(claims: readonly Claim[], capacity: number): number[] {
  const wanted = claims.reduce((sum, { wants }) => sum + wants, 0);
  if (wanted <= capacity) return claims.map(({ wants }) => wants);
  const level = highestLevel(claims, capacity);
  const shares = claims.map((claim) => shareAt(claim, level));
  let left = capacity - shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share, index) => {
    const claim = claims[index];
    if (left <= 0 || !claim || claim.has + share !== level || share === claim.wants) return share;
    left -= 1;
    return share + 1;
  });
}

/** The highest level to which all claims can be filled; found by halving, because capacities reach 10,000. */
function highestLevel(claims: readonly Claim[], capacity: number): number {
  let low = 0;
  let high = claims.reduce((most, { has }) => Math.max(most, has), 0) + capacity;
  while (low < high) {
    const level = low + Math.ceil((high - low) / 2);
    const needed = claims.reduce((sum, claim) => sum + shareAt(claim, level), 0);
    if (needed <= capacity) low = level;
    else high = level - 1;
  }
  return low;
}

function shareAt({ has, wants }: Claim, level: number): number {
  return Math.min(wants, Math.max(0, level - has));
}

import { closureFor, describeClosed, type Closure } from './closures.ts';
import type { Place, Placement } from './place.ts';

/** Where to make the next machine, or why nowhere for now. */
export type Choice =
  | { placement: Placement }
  | {
      /** The first place to open again: when, and why it is closed. Milliseconds since the epoch. */
      until: number;
      code: string;
      message: string;
    };

/** Closed places that one sentence names; the rest are counted. */
const namedMax = 3;

/**
 * The most preferred open place. As entries of the cache expire by themselves, the pool returns to what it prefers
 * without anybody's doing. Pure: equal inputs give equal answers.
 *
 * @param places the preferred first; at least one
 * @param now milliseconds since the epoch
 */
export function choosePlacement(
  places: readonly Place[],
  closures: readonly Closure[],
  image: string,
  now: number,
): Choice {
  const closed: { place: Place; closure: Closure }[] = [];
  for (const place of places) {
    const closure = closureFor(closures, place, image, now);
    if (!closure) return { placement: { ...place, why: closed.length === 0 ? 'first choice' : named(closed) } };
    closed.push({ place, closure });
  }
  const [first, ...others] = closed;
  if (!first) throw new RangeError('There is no place to choose from.');
  const next = others.reduce((one, other) => (other.closure.until < one.closure.until ? other : one), first);
  const { until, code, message } = next.closure;
  const all = closed.length === 1 ? '' : `No size, zone, priority or region is open: ${named(closed)}. `;
  return { until, code, message: `${all}The first to open again: ${message}` };
}

function named(closed: readonly { place: Place; closure: Closure }[]): string {
  const sentences = closed.slice(0, namedMax).map(({ place, closure }) => describeClosed(place, closure));
  const more = closed.length - sentences.length;
  return [...sentences, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

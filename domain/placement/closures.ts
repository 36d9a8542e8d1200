import { describePlace, placesMax, type Place } from './place.ts';
import { refusalRule, type Refusal, type ScopePart } from './refusals.ts';

/** What is closed: every place that agrees in all the given parts. */
export type Scope = Partial<Record<ScopePart, string>>;

/** One entry of the negative cache. */
export interface Closure {
  scope: Scope;
  /** Milliseconds since the epoch; from then on the place is asked again. */
  until: number;
  /** The surfaced error code, such as `QuotaExceeded`. */
  code: string;
  /** Shortened. */
  message: string;
}

/** A whole message of Azure would fill the pool's state; the agent's own history has it. */
const messageMax = 240;

/** Stands for a machine that names no zone. */
const noZone = '';

/**
 * What a refused create closes; undefined where it says nothing about the place, such as an agent that did not connect.
 *
 * @param now milliseconds since the epoch
 * @param longestMs the longest time for which anything is closed
 */
export function closureOf(
  refusal: Refusal,
  place: Place,
  image: string,
  now: number,
  longestMs = Infinity,
): Closure | undefined {
  const rule = refusalRule(refusal, place);
  if (!rule) return undefined;
  const parts = partsOf(place, image);
  const { code, message } = refusal;
  return {
    scope: Object.fromEntries(rule.closes.map((part) => [part, parts[part]])),
    until: now + Math.min(rule.ttlMs, longestMs),
    code,
    message: message.length > messageMax ? `${message.slice(0, messageMax)}…` : message,
  };
}

/** The entry that keeps a place closed the longest; undefined where it is open. */
export function closureFor(
  closures: readonly Closure[],
  place: Place,
  image: string,
  now: number,
): Closure | undefined {
  const parts = partsOf(place, image);
  let longest: Closure | undefined;
  for (const closure of closures) {
    if (closure.until <= now || closure.until <= (longest?.until ?? now)) continue;
    const inScope = Object.entries(closure.scope).every(([part, value]) => parts[part as ScopePart] === value);
    if (inScope) longest = closure;
  }
  return longest;
}

/** The most entries of a cache: one for each place, since entries that speak of one image only are widened beyond it. */
export const closuresMax = placesMax;

/**
 * The cache with one more entry. Only entries that keep some place closed the longest are kept, so what has expired or
 * matches no place any more is gone. Where refusals of single images would make them too many, those close their places
 * for every image: a search that forgot a closed place would come back to it for ever.
 */
export function withClosure(
  closures: readonly Closure[],
  added: Closure,
  places: readonly Place[],
  now: number,
): Closure[] {
  const needed = neededOf([...closures, added], places, now);
  return needed.length <= closuresMax ? needed : neededOf(needed.map(forEveryImage), places, now);
}

function neededOf(all: readonly Closure[], places: readonly Place[], now: number): Closure[] {
  const images = [...imagesOf(all), anyOther];
  const needed = new Set(images.flatMap((image) => places.map((place) => closureFor(all, place, image, now))));
  return all.filter((closure) => needed.has(closure));
}

/** The images that some entry speaks of. */
export function imagesOf(closures: readonly Closure[]): string[] {
  return [...new Set(closures.flatMap(({ scope: { image } }) => (image === undefined ? [] : [image])))];
}

/** Stands for every image that no entry speaks of. No image has this name. */
export const anyOther = '';

function forEveryImage({ scope, ...rest }: Closure): Closure {
  const { image: _, ...others } = scope;
  return { scope: others, ...rest };
}

function partsOf({ vmSize, zone = noZone, priority, location, subnetId }: Place, image: string) {
  return { image, vmSize, zone, priority, location, subnetId } satisfies Record<ScopePart, string>;
}

/** A closed place in words. */
export function describeClosed(place: Place, { until, code }: Closure): string {
  return `${describePlace(place)} is closed until ${new Date(until).toISOString()} (${code})`;
}

import type { AgentReport, PlacementView, PoolState } from '../messages.ts';
import type { Hold } from '../planning/types.ts';
import { withAttempt } from './attempts.ts';
import { choosePlacement, type Choice } from './choose.ts';
import { anyOther, closureFor, closureOf, imagesOf, withClosure } from './closures.ts';
import { placesOf, type Placement } from './place.ts';

/**
 * How placement follows from what a pool is told. A pool with one place keeps no cache: its failures hold the image as
 * `domain/pool-state.ts` says.
 */

type Placing = Pick<PoolState, 'specification' | 'closures' | 'attempts'>;

/** Where the next machine of an image goes; undefined where the specification leaves no choice. */
export function nextPlacement(
  { specification, closures = [] }: Placing,
  image: string,
  now: number,
): Choice | undefined {
  if (!specification?.placement) return undefined;
  const places = placesOf(specification);
  return choosePlacement(places, places.length === 1 ? [] : closures, image, now);
}

/**
 * Chooses where the next machine of an image goes, and writes it down. Answers undefined where every place is closed, and
 * no placement where the specification leaves no choice.
 */
export function takePlace(state: Placing, image: string, now: number): { placement?: Placement } | undefined {
  const choice = nextPlacement(state, image, now);
  if (!choice) return {};
  if (!('placement' in choice)) return undefined;
  noteAsked(state, choice.placement, image, now);
  return choice;
}

/** Writes down that a machine was asked for. */
export function noteAsked(state: Placing, placement: Placement, image: string, now: number): void {
  const attempt = { at: now, image, outcome: 'asked' as const, why: placement.why };
  state.attempts = withAttempt(state.attempts ?? [], placement, attempt);
}

/**
 * Takes a failure over that speaks about a place: the place is closed for a while, and the image goes on elsewhere.
 * Answers false where the failure holds the image instead.
 */
export function takeRefusal(
  state: Placing,
  { failure, placement }: Pick<AgentReport, 'failure' | 'placement'>,
  image: string,
  now: number,
  longestMs?: number,
): boolean {
  const { specification } = state;
  if (!failure || !placement || !specification?.placement) return false;
  const places = placesOf(specification);
  const closure = places.length === 1 ? undefined : closureOf(failure, placement, image, now, longestMs);
  if (!closure) return false;
  const attempt = { at: now, image, outcome: 'refused' as const, why: failure.azureCode ?? failure.code };
  state.attempts = withAttempt(state.attempts ?? [], placement, attempt);
  state.closures = withClosure(state.closures ?? [], closure, places, now);
  return true;
}

/** A hold for each image that has no open place. */
export function placementHolds(state: Placing, now: number): Hold[] {
  const { specification, closures = [] } = state;
  if (!specification?.placement || closures.length === 0) return [];
  const spoken = new Set(imagesOf(closures));
  const others = nextPlacement(state, anyOther, now);
  return specification.images
    .flatMap(({ aliases }) => aliases)
    .flatMap((image) => {
      const choice = spoken.has(image) ? nextPlacement(state, image, now) : others;
      if (!choice || 'placement' in choice) return [];
      return [{ image, until: choice.until, code: choice.code, message: choice.message }];
    });
}

/** What people see of it. */
export function placementView(
  { specification, closures = [], attempts = [] }: Placing,
  now: number,
): { placement?: PlacementView } {
  if (!specification?.placement) return {};
  const image = specification.images[0]?.name ?? anyOther;
  const all = placesOf(specification);
  const places = all.map((place) => {
    const closure = all.length === 1 ? undefined : closureFor(closures, place, image, now);
    if (!closure) return place;
    const { until, code, message } = closure;
    return { ...place, closed: { until, code, message } };
  });
  return { placement: { places, attempts } };
}

import { describePlace } from '../../../domain/placement/place.ts';
import type { PoolDetails } from '../../sdk/index.ts';
import { moment } from '../render.ts';

/** Attempts that people are shown; `--output json` has all that the pool remembers. */
const attemptsShown = 8;

/**
 * Where a pool makes machines, as lines with a title: each place with what closes it and until when, then the last
 * attempts, the newest first. Nothing for a pool that has one place only.
 */
export function placementFacts({ placement }: Pick<PoolDetails, 'placement'>): [string, string][] {
  if (!placement) return [];
  const { places, attempts } = placement;
  return [
    ...places.map(({ closed, ...place }): [string, string] => {
      const state =
        closed === undefined ? 'open' : `closed until ${moment(closed.until)}: ${closed.code}: ${closed.message}`;
      return ['place', `${describePlace(place)}: ${state}`];
    }),
    ...attempts
      .slice(-attemptsShown)
      .toReversed()
      .map(({ at, image, outcome, why, count, ...place }): [string, string] => {
        const times = count === 1 ? '' : `${count} times, last `;
        return ['attempt', `${outcome} ${times}${moment(at)}: ${image}, ${describePlace(place)}: ${why}`];
      }),
  ];
}

import { fairShare } from './fair-share.ts';
import { splitStandby } from './standby-split.ts';
import type { Tallies, Tally } from './tally.ts';
import type { PlanningAgent, PlanningInput } from './types.ts';

/** What one image may have within the pool's maximum, and what it lacks. */
export interface Allotment {
  tally: Tally;
  /** The image's part of the standby count. */
  standby: number;
  /** Ready and creating agents that stay whatever standby wants: those that serve queued jobs, and all in creation. */
  reserved: number;
  /** Ready agents that stay for standby. */
  kept: number;
  /** Ready agents that nothing wants any more. */
  surplus: number;
  /** Queued jobs that no ready or creating agent will serve. */
  unmet: number;
  /** Queued jobs that get a place as soon as another machine has left it. */
  displacing: number;
  /** Standby agents that are not there, beyond those for queued jobs. */
  missing: number;
  /** To create or to wake now, for jobs and for standby. */
  createForDemand: number;
  createForStandby: number;
  /** Parked agents to wake now: they come before new ones. */
  wakeForDemand: PlanningAgent[];
  wakeForStandby: PlanningAgent[];
}

/**
 * Allots the places of the pool to its images. First what cannot or must not go: busy agents, agents in creation, ready
 * agents that a queued job is about to take. Then queued jobs. Standby gets the rest: it yields to jobs, or a pool whose
 * maximum is filled with standby agents of one image would never serve a job of another.
 *
 * Returning machines are left out of the allotment, for they soon make room by themselves; they do count when it comes to
 * what can be created in this moment. Parked agents hold no place; one that is woken takes one, as a new machine does.
 */
export function allot(input: PlanningInput, { images, strays, agents }: Tallies): Allotment[] {
  const { maximumConcurrency: maximum, standby } = input;
  const split = splitStandby(Math.min(standby.count, maximum), images);
  const needs = images.map((tally, index) => need(tally, split[index] ?? 0, standby.counts));
  const staying =
    sum(images.map(({ busy }) => busy)) +
    sum(needs.map(({ reserved }) => reserved)) +
    strays.filter(({ phase }) => phase === 'busy').length;

  const places = Math.max(0, maximum - staying);
  const granted = fairShare(
    demandClaims(needs, (index) => needs[index]?.unmet ?? 0),
    places,
  );

  const forStandby = places - sum(granted);
  // Machines that are there before machines that are not: to retire one only to create another would help nobody.
  const kept = fairShare(
    needs.map(({ missing, spare }) => ({ has: 0, wants: Math.min(missing, spare) })),
    forStandby,
  );
  const added = fairShare(
    needs.map(({ tally, missing }, index) => ({
      has: kept[index] ?? 0,
      wants: tally.hold ? 0 : missing - (kept[index] ?? 0),
    })),
    forStandby - sum(kept),
  );

  const room = Math.max(0, maximum - agents.length);
  const createForDemand = fairShare(
    demandClaims(needs, (index) => granted[index] ?? 0),
    room,
  );
  const createForStandby = fairShare(
    added.map((wants, index) => ({ has: kept[index] ?? 0, wants })),
    room - sum(createForDemand),
  );

  return needs.map(({ spare, missing, ...rest }, index) => {
    const forDemand = createForDemand[index] ?? 0;
    const standing = createForStandby[index] ?? 0;
    const { parked } = rest.tally;
    return {
      ...rest,
      missing: missing - (kept[index] ?? 0),
      kept: kept[index] ?? 0,
      surplus: spare - (kept[index] ?? 0),
      createForDemand: forDemand,
      createForStandby: standing,
      wakeForDemand: parked.slice(0, forDemand),
      wakeForStandby: parked.slice(forDemand, forDemand + standing),
      displacing: (granted[index] ?? 0) - forDemand,
    };
  });
}

interface Need {
  tally: Tally;
  standby: number;
  reserved: number;
  /** Ready agents beyond the queued jobs. */
  spare: number;
  unmet: number;
  /** Free agents that standby wants beyond `reserved` and `unmet`. */
  missing: number;
}

/**
 * What one image needs by itself. `total` is compared image by image, because buffers are: busy agents of one image are
 * no standby for the jobs of another.
 */
function need(tally: Tally, standby: number, counts: 'total' | 'idle'): Need {
  const { queued, busy, creating } = tally;
  const ready = tally.ready.length;
  const serving = Math.min(queued, ready);
  const reserved = serving + creating;
  const unmet = Math.max(0, queued - ready - creating);
  const free = counts === 'idle' ? queued + standby : Math.max(queued, standby - busy);
  return {
    tally,
    standby,
    reserved,
    spare: ready - serving,
    unmet,
    missing: Math.max(0, free - reserved - unmet),
  };
}

/** Images compete for places by the agents that work for them already. A held image takes no place that it cannot use. */
function demandClaims(needs: readonly Need[], wants: (index: number) => number) {
  return needs.map(({ tally, reserved }, index) => ({
    has: tally.busy + reserved,
    wants: tally.hold ? 0 : wants(index),
  }));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

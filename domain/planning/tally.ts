import { leavingReason } from './leaving.ts';
import type { Hold, PlanningAgent, PlanningInput, Reason } from './types.ts';

/** What is there and what waits, for one image. */
export interface Tally {
  image: string;
  buffer: number | '*';
  queued: number;
  busy: number;
  /** Those that are being woken, too. */
  creating: number;
  /** Longest ready first. */
  ready: PlanningAgent[];
  /** Those that are worth waking, the last parked first: what they have kept is the freshest. */
  parked: PlanningAgent[];
  /** Nothing may be created before `until`. */
  hold?: Hold;
}

/** The pool, counted. */
export interface Tallies {
  /** In the order of the pool document. */
  images: Tally[];
  /** Demand for images that the pool does not have. */
  unknown: { image: string; queued: number }[];
  /** Agents of images that the pool does not have. */
  strays: PlanningAgent[];
  /** Agents that go whoever needs them, the longest in their phase first. They count as nobody's capacity. */
  leaving: { agent: PlanningAgent; reason: Reason }[];
  /** All agents but parked ones, each once: every one of them is a running machine, whatever its image and phase. */
  agents: PlanningAgent[];
  /** All parked agents, whatever their image: disks only. */
  parked: PlanningAgent[];
}

/**
 * Counts the input by image. What is named twice is counted once: of two images or agents with one name the first holds,
 * of two holds on one image the longer; demand adds up.
 */
export function tally(input: PlanningInput): Tallies {
  const byName = new Map<string, Tally>();
  for (const { name, buffer } of input.images) {
    if (byName.has(name)) continue;
    const hold = longestHold(input, name);
    const nothing = { queued: 0, busy: 0, creating: 0, ready: [], parked: [] };
    byName.set(name, { image: name, buffer, ...nothing, ...(hold ? { hold } : {}) });
  }
  const unknown = new Map<string, number>();
  for (const { image, queued } of input.demand) {
    const known = byName.get(image);
    if (known) known.queued = added(known.queued, queued);
    else if (queued > 0) unknown.set(image, added(unknown.get(image) ?? 0, queued));
  }
  const agents = [...new Map(input.agents.toReversed().map((agent) => [agent.name, agent])).values()].toReversed();
  const strays: PlanningAgent[] = [];
  const leaving: Tallies['leaving'] = [];
  for (const agent of agents) {
    const known = byName.get(agent.image);
    const reason = leavingReason(agent, input);
    if (!known) strays.push(agent);
    else if (reason) leaving.push({ agent, reason });
    else if (agent.phase === 'ready') known.ready.push(agent);
    else if (agent.phase === 'creating' || agent.phase === 'waking') known.creating += 1;
    else if (agent.phase === 'busy') known.busy += 1;
    else if (isWorthWaking(agent, input.now)) known.parked.push(agent);
  }
  for (const { ready, parked } of byName.values()) {
    ready.sort(longestFirst);
    parked.sort((a, b) => longestFirst(b, a));
  }
  return {
    images: [...byName.values()],
    unknown: [...unknown].map(([image, queued]) => ({ image, queued })),
    strays: strays.toSorted(longestFirst),
    leaving: leaving.toSorted((a, b) => longestFirst(a.agent, b.agent)),
    agents: agents.filter(({ phase }) => phase !== 'parked'),
    parked: agents.filter(({ phase }) => phase === 'parked'),
  };
}

/** A parked agent whose life ends sooner than this would hardly be up again before it has to go. */
const leastLifeMs = 600_000;

function isWorthWaking({ phase, endsAt = Infinity }: PlanningAgent, now: number): boolean {
  return phase === 'parked' && endsAt - now >= leastLifeMs;
}

/** By the moment, then by name: equal moments are common, and the order must not depend on the roster's. */
export function longestFirst(a: PlanningAgent, b: PlanningAgent): number {
  return a.since - b.since || (a.name < b.name ? -1 : 1);
}

/** Stays a whole number, so that the order of absurd counts changes nothing. */
function added(a: number, b: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, a + b);
}

function longestHold({ holds, now }: PlanningInput, name: string): Hold | undefined {
  let longest: Hold | undefined;
  for (const hold of holds) {
    const concerns = hold.image === undefined || hold.image === name;
    if (concerns && hold.until > now && hold.until > (longest?.until ?? now)) longest = hold;
  }
  return longest;
}

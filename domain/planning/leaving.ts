import type { PlanningAgent, PlanningInput, Reason } from './types.ts';
import { lifetimeReason, lostReason, noParkingReason, usedReason } from './wording.ts';

/** Phases in which an agent has neither a job nor somebody who waits for it to come up. */
const idle: ReadonlySet<PlanningAgent['phase']> = new Set(['ready', 'offline', 'parked']);

/**
 * Why an agent goes whoever needs it; undefined where it may stay. A busy agent has no such reason: it ends its job first,
 * also beyond its longest life. Nor has one that is coming up.
 */
export function leavingReason(agent: PlanningAgent, { now, stateful }: PlanningInput): Reason | undefined {
  const { phase, endsAt, servedAt, lost } = agent;
  if (!idle.has(phase)) return undefined;
  if (endsAt !== undefined && endsAt <= now) return lifetimeReason(endsAt);
  if (lost) return lostReason;
  if (servedAt !== undefined && !stateful) return usedReason;
  if (phase === 'parked' && !stateful?.park) return noParkingReason;
  return undefined;
}

/** When agents that are there now reach the end of their longest lives; milliseconds since the epoch. */
export function endsOfLives(agents: readonly PlanningAgent[], now: number): number[] {
  return agents.flatMap(({ phase, endsAt }) =>
    endsAt !== undefined && endsAt > now && idle.has(phase) ? [endsAt] : [],
  );
}

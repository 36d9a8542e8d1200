import type { Fault } from '../../emulator/core/context.ts';
import type { Draw } from '../simulation/schedule/draw.ts';
import { faultKinds } from '../simulation/schedule/faults.ts';
import type { ChaosFault } from './schedule.ts';

const second = 1_000;

/**
 * Kinds of the simulation's table that are left to the simulation, for here minutes are real: what an operator must mend
 * makes agents wait five minutes before each new try, and a stuck deletion is asked for again after five.
 */
const leftOut: ReadonlySet<string> = new Set(['roleLost', 'credential', 'stuckDelete']);

/** Share of the kinds that one schedule has. */
const share = 0.2;

/** A service that refuses everything does so for this long at most. */
const outageMsMost = 8 * second;

/** An agent that is doomed at its start must die before the quiet window. */
const dyingMs = 10 * second;

/** The faults of one schedule: some kinds, each a few times. */
export function drawFaults(draw: Draw, chaosMs: number): ChaosFault[] {
  return Object.entries(faultKinds).flatMap(([kind, { weight = 1, draw: drawKind }]) => {
    const own = draw.part(kind);
    if (leftOut.has(kind) || !own.happens(share * weight)) return [];
    const from = own.whole(0, Math.round(0.7 * chaosMs));
    return drawKind(own).map(({ match, effect, outageMs }): ChaosFault => {
      const fault = { match, effect: tamed(own, effect) };
      if (outageMs !== undefined) return { kind, from, until: from + Math.min(outageMs, outageMsMost), fault };
      const until = effect.kind === 'agentDies' ? Math.max(from + second, chaosMs - 2 * dyingMs) : chaosMs;
      return { kind, from, until, fault: { ...fault, times: own.scaled(1, 4) } };
    });
  });
}

/** The simulation's minutes cost nothing; here they are cut to seconds. */
function tamed(draw: Draw, effect: Fault['effect']): Fault['effect'] {
  switch (effect.kind) {
    case 'agentDies':
      return { ...effect, afterMs: draw.whole(0, dyingMs) };
    case 'staleList':
      return { ...effect, ageMs: Math.min(effect.ageMs, draw.whole(1, 20) * second) };
    case 'reject':
      return effect.retryAfterSeconds === undefined
        ? effect
        : { ...effect, retryAfterSeconds: Math.min(effect.retryAfterSeconds, 10) };
    default:
      return effect;
  }
}

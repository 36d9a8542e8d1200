import { defaultLimits } from '../../../domain/limits.ts';
import { minute } from './draw.ts';
import { quietMs } from './limits.ts';
import { documentOf } from './pool-documents.ts';
import type { Schedule } from './schedule.ts';

/**
 * What takes several steps in Azure and Azure DevOps, one after the other: a pool is made, an agent is made, serves and
 * returns, the pool is deleted. Every step of each can be met by name.
 */

/** The parts of a life, by when they begin; milliseconds after the start. */
export const phases = {
  'making the pool': 0,
  'an agent’s life': 3 * minute,
  'deleting the pool': 12 * minute,
} as const;

export type Phase = keyof typeof phases;

const chaosMs = 20 * minute;

/** What can happen to one step. */
export const mishaps = {
  /** It takes effect and nobody hears of it: whoever asked does it again. */
  'loses its answer': { effect: { kind: 'loseResponse' }, times: 1 },
  'is refused once': { effect: { kind: 'reject', status: 503, code: 'ServiceUnavailable' }, times: 1 },
  /** For a while, and for a reason that no repetition mends. */
  'is forbidden for three minutes': { effect: { kind: 'reject', status: 403, code: 'AuthorizationFailed' } },
} as const satisfies Record<string, object>;

const forbiddenMs = 3 * minute;

/** One step, and what happens to it. */
export interface Mishap {
  operation: string;
  phase: Phase;
  what: keyof typeof mishaps;
}

/** One pool from its document to its deletion, with one job between; nothing is broken but what is asked for. */
export function sagaOf(mishap?: Mishap): Schedule {
  const size = 'Standard_D2ads_v5';
  const pools = [
    { name: 'saga', document: documentOf({ name: 'saga', maximumConcurrency: 2, standby: 0, images: [0], size }) },
  ];
  const parts = {
    chaosMs,
    limits: { ...defaultLimits, observer: { ...defaultLimits.observer, intervalMs: 5_000, idleIntervalMs: 5_000 } },
    cloudScale: 1,
    pools,
    jobs: [{ at: phases['an agent’s life'], pool: 'saga', durationMs: minute }],
    verbs: [{ at: phases['deleting the pool'], kind: 'delete' as const, pool: 'saga' }],
    faults: mishap === undefined ? [] : [faultOf(mishap)],
  };
  return {
    version: 1,
    seed: 1,
    ...parts,
    endMs: chaosMs + Math.ceil(quietMs(parts) / minute) * minute,
    disturbances: [],
    engine: {
      loseTask: 0,
      evict: 0,
      refuseCall: 0,
      loseResult: 0,
      latencyMs: 20,
      suggestContinueAsNewEvents: 4_096,
      workers: 1,
    },
  };
}

function faultOf({ operation, phase, what }: Mishap): Schedule['faults'][number] {
  const mishap = mishaps[what];
  const from = phases[phase];
  const until = 'times' in mishap ? chaosMs : from + forbiddenMs;
  return { kind: what, from, until, fault: { match: { operation }, ...mishap } };
}

/** In which part of the life a moment is; milliseconds after the start. */
export function phaseAt(ms: number): Phase {
  const begun = (Object.keys(phases) as Phase[]).filter((phase) => phases[phase] <= ms);
  return begun.at(-1) ?? 'making the pool';
}

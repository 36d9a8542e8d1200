import { defaultLimits } from '../../../domain/limits.ts';
import { minute } from './draw.ts';
import { quietMs } from './limits.ts';
import { documentOf } from './pool-documents.ts';
import type { Schedule, ScheduledVerb } from './schedule.ts';

/** When the operators act: every pool has its standby agent ready by then. */
const verbAtMs = 6 * minute;

const chaosMs = 12 * minute;

/** Long enough that every job still runs when the machine under it would be deleted. */
const durationMs = 3 * minute;

/** What operators do in a storm. */
export const stormVerbs = {
  purge: (pool, at) => [{ at, kind: 'purge', pool, nths: 'all', force: false }],
  'purge by force': (pool, at) => [{ at, kind: 'purge', pool, nths: 'all', force: true }],
  drain: (pool, at) => [
    { at, kind: 'drain', pool },
    { at: at + 2 * minute, kind: 'resume', pool },
  ],
  delete: (pool, at) => [{ at, kind: 'delete', pool }],
} as const satisfies Record<string, (pool: string, at: number) => ScheduledVerb[]>;

/**
 * A storm of races: as many pools as moments, each with one agent that is ready. In each the operator acts in the same
 * instant, and its job is queued, and so assigned to the ready agent, at another moment around it. Nothing else is
 * broken.
 *
 * @param fromMs when the first pool's job comes, before (negative) or after the verb
 */
export function stormOf(
  verb: keyof typeof stormVerbs,
  { fromMs, stepMs, pools: count }: { fromMs: number; stepMs: number; pools: number },
): Schedule {
  const pools = Array.from({ length: count }, (_, index) => {
    const name = `storm-${index}`;
    const size = 'Standard_D2ads_v5';
    return { name, document: documentOf({ name, maximumConcurrency: 3, standby: 1, images: [0], size }) };
  });
  const parts = {
    chaosMs,
    limits: defaultLimits,
    cloudScale: 1,
    pools,
    jobs: pools.map(({ name }, index) => ({ at: verbAtMs + fromMs + index * stepMs, pool: name, durationMs })),
    verbs: pools
      .flatMap(({ name }): ScheduledVerb[] => [...stormVerbs[verb](name, verbAtMs)])
      .toSorted((a, b) => a.at - b.at),
    faults: [],
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
      // As between machines of one region: enough that whoever acts is not always first.
      latencyMs: 200,
      suggestContinueAsNewEvents: 4_096,
      workers: 2,
    },
  };
}

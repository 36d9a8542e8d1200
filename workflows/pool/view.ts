import type { PoolInput, PoolState, PoolView } from '../../domain/messages.ts';
import { placementHolds, placementView } from '../../domain/placement/pool-placement.ts';
import type { Plan } from '../../domain/planning/types.ts';
import { drainView } from '../../domain/verbs/drain.ts';
import { waitPercentiles } from '../../domain/wait-sketch.ts';

/** What the pool tells when asked. Its clock stands where the pool last did something. */
export function viewOf(
  { pool, limits }: PoolInput,
  state: PoolState,
  lastPlan: { at: number; plan: Plan } | undefined,
): PoolView {
  const now = Date.now();
  const draining = drainView(state, now, limits.agent.leaseMs);
  return {
    pool,
    status: state.status,
    ...(state.specification === undefined ? {} : { specification: state.specification }),
    specificationVersion: state.specificationVersion,
    ...(state.agentPoolId === undefined ? {} : { agentPoolId: state.agentPoolId }),
    agents: state.roster.map(({ n, i, p, s, k }) => ({
      name: n,
      image: i,
      phase: p,
      since: s,
      ...(k && p === 'kept' ? { kept: k } : {}),
    })),
    queued: state.queued,
    assigned: state.assigned,
    running: state.running,
    observedAt: state.observedAt,
    holds: [...state.holds, ...placementHolds(state, now)],
    ...placementView(state, now),
    totals: state.totals,
    ...(state.waits === undefined ? {} : { waits: waitPercentiles(state.waits) }),
    ...(draining === undefined ? {} : { drain: draining }),
    ...(lastPlan === undefined ? {} : { lastPlan: { at: lastPlan.at, ...lastPlan.plan } }),
  };
}

import type { Plan } from '../planning/types.ts';
import type { PoolState, RosterEntry } from '../messages.ts';

/** Machines that a pool keeps for inspection, the longest kept first. */
export function keptAgents({ roster }: Pick<PoolState, 'roster'>): RosterEntry[] {
  return roster.filter(({ p }) => p === 'kept').toSorted((a, b) => a.s - b.s || (a.n < b.n ? -1 : 1));
}

/**
 * Which kept machines must go now: all where the pool is being deleted; the oldest beyond the number that the pool
 * keeps; and one after the other where jobs or standby lack a place that they hold. Each with the reason.
 */
export function keptToRelease(state: PoolState, plan: Plan | undefined): { agent: string; reason: string }[] {
  const kept = keptAgents(state);
  if (kept.length === 0) return [];
  const releases = (entries: RosterEntry[], reason: string) => entries.map(({ n }) => ({ agent: n, reason }));
  if (state.status === 'Deleting') return releases(kept, 'the pool is being deleted');
  const surplus = kept.length - (state.specification?.retainedFailures?.count ?? 0);
  if (surplus > 0) return releases(kept.slice(0, surplus), 'a newer failed machine is kept in its place');
  const crowded = plan?.remarks.some(({ code }) => code === 'AtMaximum') ?? false;
  // A machine that is on its way out soon makes room by itself.
  if (!crowded || state.roster.some(({ p }) => p === 'returning')) return [];
  return releases(kept.slice(0, 1), 'its place is needed');
}

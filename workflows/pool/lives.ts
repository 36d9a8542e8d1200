import type { PoolState, RosterEntry } from '../../domain/messages.ts';
import type { Command } from '../../domain/planning/types.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';
import { demandSeenAt } from '../../domain/pool-state.ts';
import { askToPark, askToWake } from './agents.ts';

/** What the roster keeps of a new agent's life: nothing but its end, and only of a stateful one. */
export function lifeOf({ stateful }: PoolSpecification, createdAt: number): Pick<RosterEntry, 'l'> {
  return stateful === undefined ? {} : { l: createdAt + stateful.lifetimeMs };
}

/** Carries out a command on the machine of a stateful agent. Answers false when there is no such agent any more. */
export async function parkOrWake(
  pool: string,
  state: PoolState,
  { kind, agent, reason }: Extract<Command, { kind: 'park' | 'wake' }>,
  now: number,
): Promise<boolean> {
  const entry = state.roster.find(({ n }) => n === agent);
  if (!entry) return true;
  const isFirst = state.specification?.images[0]?.name === entry.i;
  const forDemand = kind === 'wake' && reason.code === 'Demand';
  const seenAt = forDemand ? (demandSeenAt(state, entry.i, isFirst) ?? state.observedAt) : undefined;
  entry.p = kind === 'park' ? 'parking' : 'waking';
  entry.s = now;
  const asked =
    kind === 'park'
      ? await askToPark(pool, agent, reason.message)
      : await askToWake(pool, agent, {
          reason: reason.message,
          decidedAt: now,
          ...(seenAt === undefined ? {} : { seenAt }),
        });
  if (!asked) state.roster = state.roster.filter(({ n }) => n !== agent);
  return asked;
}

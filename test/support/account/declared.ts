import type { PoolAccount } from '../../../domain/invariants/account.ts';
import type { PoolView } from '../../../domain/messages.ts';

/** What a pool document declares, read without the product's own reader. Standby is the most that its table names. */
export function declaredIn(document: unknown): Omit<PoolAccount['declared'][number], 'at'> {
  const { properties } = document as {
    properties: {
      maximumConcurrency: number;
      agentProfile: { kind: string; resourcePredictions?: { daysData?: Record<string, number>[] } };
    };
  };
  const counts = (properties.agentProfile.resourcePredictions?.daysData ?? []).flatMap((day) => Object.values(day));
  return {
    maximumConcurrency: properties.maximumConcurrency,
    stateless: properties.agentProfile.kind === 'Stateless',
    standby: Math.max(0, ...counts),
  };
}

/** What a pool says of itself. */
export function toldBy({
  totals,
  agents,
  holds,
  status,
}: PoolView): Required<Pick<PoolAccount, 'totals' | 'roster' | 'holds' | 'draining'>> {
  const held = holds.map(({ image, until, code }) => ({ ...(image === undefined ? {} : { image }), until, code }));
  return { totals, roster: agents.length, holds: held, draining: status === 'Draining' };
}

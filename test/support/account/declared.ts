import type { PoolAccount } from '../../../domain/invariants/account.ts';
import type { PoolView } from '../../../domain/messages.ts';

/** What a pool document declares, read without the product's own reader. Standby is the most that its table names. */
export function declaredIn(document: unknown): Omit<PoolAccount['declared'][number], 'at'> {
  const { properties } = document as {
    properties: {
      maximumConcurrency: number;
      agentProfile: {
        kind: string;
        maxAgentLifetime?: string;
        resourcePredictions?: { daysData?: Record<string, number>[] };
      };
      operatorProfile?: { park?: boolean; retainedFailures?: { count: number; timeSpan?: string } };
    };
  };
  const counts = (properties.agentProfile.resourcePredictions?.daysData ?? []).flatMap((day) => Object.values(day));
  const retained = properties.operatorProfile?.retainedFailures;
  return {
    maximumConcurrency: properties.maximumConcurrency,
    stateless: properties.agentProfile.kind === 'Stateless',
    standby: Math.max(0, ...counts),
    ...(retained ? { retained: { count: retained.count, timeSpanMs: spanMs(retained.timeSpan ?? '1.00:00:00') } } : {}),
    ...(properties.agentProfile.kind === 'Stateful'
      ? { lifetimeMs: spanMs(properties.agentProfile.maxAgentLifetime ?? '7.00:00:00') }
      : {}),
    ...(properties.operatorProfile?.park === undefined ? {} : { park: properties.operatorProfile.park }),
  };
}

/** Milliseconds of `d.hh:mm:ss` or `hh:mm:ss`. */
function spanMs(span: string): number {
  const [seconds = 0, minutes = 0, hours = 0, days = 0] = span.split(/[.:]/).map(Number).toReversed();
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000;
}

/** What a pool says of itself. */
export function toldBy({
  totals,
  agents,
  holds,
  status,
}: PoolView): Required<Pick<PoolAccount, 'totals' | 'roster' | 'holds' | 'kept' | 'draining'>> {
  const held = holds.map(({ image, until, code }) => ({ ...(image === undefined ? {} : { image }), until, code }));
  const kept = agents.filter(({ phase }) => phase === 'kept').map(({ name }) => name);
  return { totals, roster: agents.length, holds: held, kept, draining: status === 'Draining' };
}

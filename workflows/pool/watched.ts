import type { PoolInput } from '../../domain/messages.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';

/** How the organisation's workflow is asked to observe this pool. */
export function watched(
  { pool, limits }: PoolInput,
  { organization, machine: { subscriptionId } }: PoolSpecification,
  agentPoolId: number,
) {
  const { name, url } = organization;
  return { organization: name, url, pool: { pool, agentPoolId, machines: { subscriptionId } }, limits };
}

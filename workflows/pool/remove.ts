import type { PoolInput } from '../../domain/messages.ts';
import { organizationName } from '../../domain/names.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';
import { devops, engine } from '../activity-profiles.ts';

/** Ends the observation of the pool and removes what of it is in Azure DevOps. */
export async function removeAgentPool(
  { pool: name, installation }: PoolInput,
  specification: PoolSpecification,
): Promise<void> {
  await engine.unwatchPool.executeWithOptions({ summary: 'observe the pool no longer' }, [
    { organization: organizationName(specification.organization.url), pool: name },
  ]);
  await devops.removeAgentPool.executeWithOptions({ summary: 'remove the agent pool from Azure DevOps' }, [
    { installation, specification },
  ]);
}

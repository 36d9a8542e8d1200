import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { signalNames, workflowTypes, type OrganizationInput } from '../../domain/messages.ts';
import { taskQueues, workflowIds } from '../../domain/names.ts';
import { classified } from '../errors.ts';
import type { EngineActivities, ObservationSink } from '../interfaces.ts';

/** A delivery that takes longer is given up and made again by the observer's next look; milliseconds. */
const deliveryMs = 10_000;

const organizationAttribute = defineSearchAttributeKey('Organization', SearchAttributeType.KEYWORD);

/** Activities on the engine itself. */
export function createEngineActivities({ client }: { client: Client }): EngineActivities {
  return {
    async watchPool({ organization, url, pool, limits }) {
      // The first signal brings the pool, so that an organisation that exists and one that starts are told alike.
      const input: OrganizationInput = { organization, url, limits, pools: [] };
      await classified('Organization_Watch', () =>
        client.workflow.signalWithStart(workflowTypes.organization, {
          workflowId: workflowIds.organization(organization),
          taskQueue: taskQueues.workflows,
          args: [input],
          signal: signalNames.watchPool,
          signalArgs: [pool],
          staticSummary: `observes ${url}`,
          typedSearchAttributes: new TypedSearchAttributes([{ key: organizationAttribute, value: organization }]),
        }),
      );
    },

    async unwatchPool({ organization, pool }) {
      await classified('Organization_Unwatch', () =>
        signal(client, workflowIds.organization(organization), signalNames.unwatchPool, { pool }),
      );
    },

    async listOpenAgents({ pool }) {
      const query = `PoolName = ${quoted(pool)} AND WorkflowType = '${workflowTypes.agent}' AND ExecutionStatus = 'Running'`;
      const prefix = workflowIds.agent(pool, '');
      return await classified('Agents_ListOpen', async () => {
        const names: string[] = [];
        for await (const { workflowId } of client.workflow.list({ query })) {
          if (workflowId.startsWith(prefix)) names.push(workflowId.slice(prefix.length));
        }
        return names;
      });
    },
  };
}

/** Delivers observations as signals. A workflow that is not open is no failure; anything else throws. */
export function createObservationSink(client: Client): ObservationSink {
  return {
    pool: (pool, observation) => signal(client, workflowIds.pool(pool), signalNames.poolObserved, observation),
    agent: (pool, agent, observation) =>
      signal(client, workflowIds.agent(pool, agent), signalNames.agentObserved, observation),
    lease: (organization, requestId, observation) =>
      signal(client, workflowIds.lease(organization, requestId), signalNames.jobObserved, observation),
  };
}

async function signal(
  client: Client,
  workflowId: string,
  name: string,
  payload: unknown,
): Promise<'notFound' | undefined> {
  try {
    await client.withDeadline(Date.now() + deliveryMs, () =>
      client.workflow.getHandle(workflowId).signal(name, payload),
    );
    return undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'notFound';
    throw error;
  }
}

/** A text in a visibility query. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

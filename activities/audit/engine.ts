import { WorkflowNotFoundError, type Client, type WorkflowExecutionInfo } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { AgentState } from '../../domain/agent-state.ts';
import type { OpenAgent, OpenLease } from '../../domain/audit/listing.ts';
import { workflowTypes, type AgentView, type PoolView } from '../../domain/messages.ts';
import { agentOfWorkflowId } from '../../domain/names.ts';

/** A question to one workflow that takes longer is given up; milliseconds. */
const answerMs = 10_000;

const poolName = defineSearchAttributeKey('PoolName', SearchAttributeType.KEYWORD);
const agentState = defineSearchAttributeKey('AgentState', SearchAttributeType.KEYWORD);

/** Open agent workflows, from visibility: eventually consistent. */
export async function listOpenAgents(client: Client): Promise<OpenAgent[]> {
  const open = await listOpen(client, workflowTypes.agent);
  return open.flatMap(({ workflowId, startTime, typedSearchAttributes }) => {
    const named = agentOfWorkflowId(workflowId);
    if (!named) return [];
    const state = typedSearchAttributes.get(agentState) as AgentState | undefined;
    return [{ workflowId, ...named, state, startedAt: startTime.getTime() }];
  });
}

/** Open lease workflows, from visibility. */
export async function listOpenLeases(client: Client): Promise<OpenLease[]> {
  const open = await listOpen(client, workflowTypes.lease);
  return open.flatMap(({ workflowId, startTime, typedSearchAttributes }) => {
    const [, organization, requestId] = /^lease\/([^/]+)\/(\d+)$/.exec(workflowId) ?? [];
    if (organization === undefined) return [];
    const pool = typedSearchAttributes.get(poolName) ?? '';
    return [{ workflowId, organization, requestId: Number(requestId), pool, startedAt: startTime.getTime() }];
  });
}

/** Ids of the open pools' workflows. */
export async function listOpenPools(client: Client): Promise<string[]> {
  return (await listOpen(client, workflowTypes.pool)).map(({ workflowId }) => workflowId);
}

async function listOpen(client: Client, type: string): Promise<WorkflowExecutionInfo[]> {
  const query = `WorkflowType = '${type}' AND ExecutionStatus = 'Running'`;
  const found: WorkflowExecutionInfo[] = [];
  for await (const info of client.workflow.list({ query })) found.push(info);
  return found;
}

/** Whether a workflow is open, or how it ended, as the engine itself knows: no list that may lag. */
export async function standingOf(
  client: Client,
  workflowId: string,
): Promise<'open' | 'completed' | 'ended' | 'unknown'> {
  try {
    const { status } = await client.withDeadline(Date.now() + answerMs, () =>
      client.workflow.getHandle(workflowId).describe(),
    );
    if (status.name === 'COMPLETED') return 'completed';
    return status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW' || status.name === 'PAUSED'
      ? 'open'
      : 'ended';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'unknown';
    throw error;
  }
}

/** What a pool knows of itself. */
export async function viewPool(client: Client, workflowId: string): Promise<PoolView> {
  return await ask<PoolView>(client, workflowId);
}

/** What an agent knows of itself. */
export async function viewAgent(client: Client, workflowId: string): Promise<AgentView> {
  return await ask<AgentView>(client, workflowId);
}

async function ask<View>(client: Client, workflowId: string): Promise<View> {
  return await client.withDeadline(Date.now() + answerMs, () =>
    client.workflow.getHandle(workflowId).query<View>('view'),
  );
}

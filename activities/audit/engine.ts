import { WorkflowNotFoundError, type Client, type WorkflowExecutionInfo } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { AgentState } from '../../domain/agent-state.ts';
import type { LookedWorkflows } from '../../domain/audit/account.ts';
import type { OpenAgent, OpenLease } from '../../domain/audit/listing.ts';
import { workflowTypes, type AgentView, type PoolView } from '../../domain/messages.ts';
import { agentOfWorkflowId } from '../../domain/names.ts';

/** A question to one workflow that takes longer is given up; milliseconds. */
const answerMs = 10_000;

/** Failed workflows that are told: more of them are of one kind. */
const failedMax = 100;

const poolName = defineSearchAttributeKey('PoolName', SearchAttributeType.KEYWORD);
const agentState = defineSearchAttributeKey('AgentState', SearchAttributeType.KEYWORD);

/** Open agent workflows, from visibility: eventually consistent. */
export async function listOpenAgents(client: Client): Promise<OpenAgent[]> {
  const open = await listOpen(client, workflowTypes.agent);
  return open.flatMap(({ workflowId, startTime, typedSearchAttributes, historyLength }) => {
    const named = agentOfWorkflowId(workflowId);
    if (!named) return [];
    const state = typedSearchAttributes.get(agentState) as AgentState | undefined;
    return [{ workflowId, ...named, state, startedAt: startTime.getTime(), events: historyLength }];
  });
}

/** Open lease workflows, from visibility. */
export async function listOpenLeases(client: Client): Promise<OpenLease[]> {
  const open = await listOpen(client, workflowTypes.lease);
  return open.flatMap(({ workflowId, startTime, typedSearchAttributes, historyLength }) => {
    const [, organization, requestId] = /^lease\/([^/]+)\/(\d+)$/.exec(workflowId) ?? [];
    if (organization === undefined) return [];
    const pool = typedSearchAttributes.get(poolName) ?? '';
    return [
      {
        workflowId,
        organization,
        requestId: Number(requestId),
        pool,
        startedAt: startTime.getTime(),
        events: historyLength,
      },
    ];
  });
}

/** Ids of the open pools' workflows. */
export async function listOpenPools(client: Client): Promise<string[]> {
  return (await listOpen(client, workflowTypes.pool)).map(({ workflowId }) => workflowId);
}

/** Workflows that failed or timed out, as long as the engine keeps them; the newest, at most a hundred. */
export async function listFailed(client: Client): Promise<LookedWorkflows['failed']> {
  const found: LookedWorkflows['failed'] = [];
  const query = "ExecutionStatus IN ('Failed', 'TimedOut')";
  for await (const { workflowId, type, runId, startTime, closeTime } of client.workflow.list({ query })) {
    if (!Object.hasOwn(workflowTypes, type)) continue;
    const startedAt = startTime.getTime();
    found.push({ workflowId, type, runId, startedAt, closedAt: closeTime?.getTime() ?? startedAt });
    if (found.length >= failedMax) break;
  }
  return found;
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

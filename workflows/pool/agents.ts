import { getExternalWorkflowHandle, log, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { AgentInput } from '../../domain/messages.ts';
import type { WakeRequest } from '../../domain/stateful-messages.ts';
import { workflowIds } from '../../domain/names.ts';
import { agent } from '../agent.ts';
import { agentSearchAttributes } from '../agent/attributes.ts';
import { park, retire, wake } from '../messages.ts';

/**
 * Starts one agent that outlives this run of the pool: with any other close policy, the pool's continue-as-new would
 * terminate its agents. The name is new in every call, so an agent that exists already is this very one.
 */
export async function startAgent(input: AgentInput): Promise<void> {
  const { pool, agent: name } = input.identity;
  try {
    await startChild(agent, {
      workflowId: workflowIds.agent(pool, name),
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: `agent ${name} of pool ${pool}, image ${input.image}: ${input.reason}`.slice(0, 200),
      typedSearchAttributes: agentSearchAttributes(input),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    log.warn('agent was started already', { agent: name });
  }
}

/** Asks a stateful agent to park its machine; answers false when there is no such agent any more. */
export async function askToPark(pool: string, name: string, reason: string): Promise<boolean> {
  return await isAsked(name, getExternalWorkflowHandle(workflowIds.agent(pool, name)).signal(park, { reason }));
}

/** Asks a parked agent to start its machine; answers false when there is no such agent any more. */
export async function askToWake(pool: string, name: string, request: WakeRequest): Promise<boolean> {
  return await isAsked(name, getExternalWorkflowHandle(workflowIds.agent(pool, name)).signal(wake, request));
}

async function isAsked(agent: string, signal: Promise<void>): Promise<boolean> {
  try {
    await signal;
    return true;
  } catch (error) {
    log.info('agent is gone already', { agent, error: String(error) });
    return false;
  }
}

/**
 * Asks an agent to return; answers false when there is no such agent any more.
 *
 * @param force its job is cancelled first, not finished
 */
export async function retireAgent(pool: string, name: string, reason: string, force = false): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(workflowIds.agent(pool, name)).signal(retire, {
      reason,
      ...(force ? { force } : {}),
    });
    return true;
  } catch (error) {
    log.info('agent to retire is gone already', { agent: name, error: String(error) });
    return false;
  }
}

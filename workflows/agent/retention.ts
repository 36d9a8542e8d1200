import { condition, getExternalWorkflowHandle, log, upsertMemo } from '@temporalio/workflow';
import type { AgentInput, AgentObservation, AgentReport, LeaseOutcome } from '../../domain/messages.ts';
import { workflowIds } from '../../domain/names.ts';
import { devops, priorities } from '../activity-profiles.ts';
import { failureDetails } from '../failures.ts';
import { agentKept } from '../messages.ts';

/** What an agent knows of itself when it is about to return. */
export interface Ending {
  input: AgentInput;
  resourceId: string | undefined;
  registrationId: number | undefined;
  observation: AgentObservation | undefined;
  job: LeaseOutcome | undefined;
  failure: AgentReport['failure'];
  /** Somebody wants it gone. */
  retired: () => string | undefined;
  /** Shows that it is kept, and until when. */
  show: (why: string, until: number) => void;
}

/**
 * Whether the machine is worth a look: it is there, nobody wants it gone, and its agent did not connect, went away, or
 * was lost with its job. Only where the pool keeps such machines.
 */
export function isForInspection({ input, resourceId, observation, job, failure, retired }: Ending): boolean {
  if (!input.specification.retainedFailures || resourceId === undefined || retired() !== undefined) return false;
  if (job) return job.outcome === 'agentLost';
  return failure !== undefined || observation?.missing === true || observation?.online === false;
}

/**
 * Keeps the machine as it is until its time is over or somebody releases it. It is deregistered first, so that no job
 * can reach it: where the server refuses because a job runs, or Azure DevOps does not let us, it is not kept. Answers
 * why it then returns.
 */
export async function keepForInspection(ending: Ending, why: string): Promise<string> {
  const { input, registrationId, failure, retired, show } = ending;
  const { identity, specification } = input;
  const { timeSpanMs = 0 } = specification.retainedFailures ?? {};
  try {
    const { outcome } = await devops.deregisterAgent.executeWithOptions(
      { summary: `deregister ${identity.agent}, and keep its machine`, priority: { priorityKey: priorities.release } },
      [{ identity, ...(registrationId === undefined ? {} : { registrationId }) }],
    );
    if (outcome === 'busy') return why;
  } catch (error) {
    log.warn('a failed agent cannot be kept', { code: failureDetails(error).code });
    return why;
  }
  const until = Date.now() + timeSpanMs;
  show(`kept for inspection: ${why}`, until);
  upsertMemo({ kept: { why, until } });
  try {
    const pool = getExternalWorkflowHandle(workflowIds.pool(identity.pool));
    await pool.signal(agentKept, { agent: identity.agent, why, until, ...(failure ? { failure } : {}) });
  } catch (error) {
    log.info('no pool that could keep a machine', { error: String(error) });
    return why;
  }
  const released = await condition(() => retired() !== undefined, timeSpanMs, { summary: 'kept for inspection' });
  return released ? (retired() ?? why) : 'its time for inspection is over';
}

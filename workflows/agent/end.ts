import { workflowInfo } from '@temporalio/workflow';
import type { ReturnOutcome } from '../../activities/interfaces.ts';
import type { AgentReport, LeaseOutcome } from '../../domain/messages.ts';
import { machines, priorities } from '../activity-profiles.ts';
import type { AgentLife } from '../agent.ts';
import { failureReport } from './placement.ts';
import type { Ending } from './retention.ts';

/** Deregisters the agent, deletes its machine and verifies that nothing is left. */
export async function returnMachine(
  { input, machine, registrationId }: AgentLife,
  why: string,
): Promise<ReturnOutcome> {
  const { identity, limits } = input;
  return await machines.returnAgent.executeWithOptions(
    {
      summary: `return ${identity.agent}: ${why}`.slice(0, 200),
      scheduleToCloseTimeout: limits.returnMs,
      heartbeatTimeout: limits.heartbeatMs,
      priority: { priorityKey: priorities.release },
    },
    [
      {
        identity,
        workflowId: workflowInfo().workflowId,
        machine,
        ...(registrationId === undefined ? {} : { registrationId }),
      },
    ],
  );
}

/** What decides whether the machine is kept for inspection, and how it then shows. */
export function endingOf(life: AgentLife, job: LeaseOutcome | undefined): Ending {
  const { input, resourceId, registrationId, observation, failure } = life;
  const retired = () => life.retireReason;
  const show = (why: string, until: number) => {
    life.deadline = until;
    life.change({ registration: 'removed' }, why);
  };
  return { input, resourceId, registrationId, observation, job, failure, retired, show };
}

/** An agent's last word. A failure counts only where no job was served after it. */
export function reportOf(life: AgentLife, job: LeaseOutcome | undefined): AgentReport {
  const { failure, receipt, isStateful, told } = life;
  return {
    agent: life.input.identity.agent,
    outcome: failure && !job ? 'failed' : 'returned',
    ...(failure && !job ? failureReport(life.input, failure) : {}),
    // Azure may have reported the machine only after the lease began: the agent knows the rest of the receipt.
    ...(job ? { job: { ...job, receipt: { ...receipt, ...job.receipt } } } : {}),
    ...(isStateful ? { told } : {}),
  };
}

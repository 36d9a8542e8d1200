import { workflowInfo } from '@temporalio/workflow';
import type { ReturnOutcome } from '../../activities/interfaces.ts';
import { failureWith } from '../../domain/error-catalogue.ts';
import type { FailureDetails } from '../../domain/failure.ts';
import type { AgentReport, LeaseOutcome } from '../../domain/messages.ts';
import { machines, priorities } from '../activity-profiles.ts';
import type { AgentLife } from '../agent.ts';

/** Why an agent goes that never came online. */
export function didNotConnect(agent: string, connectMs: number): FailureDetails {
  const message = `${agent} did not connect to Azure DevOps within ${Math.round(connectMs / 60_000)} minutes.`;
  return failureWith('AgentDidNotConnect', message);
}

/** Deregisters the agent, deletes its machine and verifies that nothing is left. */
export async function returnMachine({ input, registrationId }: AgentLife, why: string): Promise<ReturnOutcome> {
  const { identity, specification, limits } = input;
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
        machine: specification.machine,
        ...(registrationId === undefined ? {} : { registrationId }),
      },
    ],
  );
}

/** An agent's last word. A failure counts only where no job was served after it. */
export function reportOf(life: AgentLife, job: LeaseOutcome | undefined): AgentReport {
  const { failure, receipt, isStateful, told } = life;
  return {
    agent: life.input.identity.agent,
    outcome: failure && !job ? 'failed' : 'returned',
    ...(failure && !job
      ? {
          failure: {
            code: failure.code,
            class: failure.class,
            message: failure.message,
            retryAfterMs: failure.retryAfterMs,
          },
        }
      : {}),
    // Azure may have reported the machine only after the lease began: the agent knows the rest of the receipt.
    ...(job ? { job: { ...job, receipt: { ...receipt, ...job.receipt } } } : {}),
    ...(isStateful ? { told } : {}),
  };
}

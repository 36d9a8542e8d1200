import { getExternalWorkflowHandle, log } from '@temporalio/workflow';
import type { FailureDetails } from '../../domain/failure.ts';
import type { AgentInput, AgentReport } from '../../domain/messages.ts';
import { describePlace, machineAt } from '../../domain/placement/place.ts';
import { workflowIds } from '../../domain/names.ts';
import type { MachineSpecification } from '../../domain/pool-specification.ts';
import { placeRefused } from '../messages.ts';

/** What an agent knows of its place. In a pool without a choice all of it is as the specification says. */

/** The machine, at the place that the pool chose. */
export function machineOf({ specification, placement }: AgentInput): MachineSpecification {
  return machineAt(specification.machine, placement);
}

/** The agent's place, for views and reports. */
export function placementOf({ placement }: AgentInput): Pick<AgentInput, 'placement'> {
  return placement === undefined ? {} : { placement };
}

/** Why it was asked for, and, where there was a choice, why there. */
export function whyOf({ reason, placement }: AgentInput): string {
  return placement === undefined ? reason : `${reason} ${describePlace(placement)}: ${placement.why}.`;
}

/** What the pool is told of a failure: with the place and Azure's own code, where the pool has other places to try. */
export function failureReport(
  { placement }: AgentInput,
  { code, class: kind, message, retryAfterMs, azureCode }: FailureDetails,
): Pick<AgentReport, 'failure' | 'placement'> {
  const failure = { code, class: kind, message, retryAfterMs };
  if (placement === undefined) return { failure };
  return { failure: { ...failure, ...(azureCode === undefined ? {} : { azureCode }) }, placement };
}

/**
 * Tells the pool at once that a place has no machine: to remove what a failed create left behind may take minutes, and
 * jobs need not wait for that. Nothing is told where there is no other place.
 */
export async function tellRefusal(input: AgentInput, failure: FailureDetails): Promise<void> {
  if (input.placement === undefined) return;
  const { pool, agent } = input.identity;
  try {
    await getExternalWorkflowHandle(workflowIds.pool(pool)).signal(placeRefused, {
      agent,
      outcome: 'failed',
      ...failureReport(input, failure),
    });
  } catch (error) {
    log.warn('no pool to tell of a refusal', { error: String(error) });
  }
}

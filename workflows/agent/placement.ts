import type { FailureDetails } from '../../domain/failure.ts';
import type { AgentInput, AgentReport } from '../../domain/messages.ts';
import { describePlace, machineAt } from '../../domain/placement/place.ts';
import type { MachineSpecification } from '../../domain/pool-specification.ts';

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

import { failureWith } from '../../domain/error-catalogue.ts';
import type { FailureDetails } from '../../domain/failure.ts';

/** How an agent fails whose machine was made and that Azure DevOps never saw. */
export function didNotConnect(agent: string, connectMs: number): FailureDetails {
  const message = `${agent} did not connect to Azure DevOps within ${Math.round(connectMs / 60_000)} minutes.`;
  return failureWith('AgentDidNotConnect', message);
}

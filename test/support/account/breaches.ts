import { knownErrorCodes } from '../../../domain/error-catalogue.ts';
import { installationLimits } from '../../../domain/installation.ts';
import { checkAccount } from '../../../domain/invariants/invariants.ts';
import type { Stack } from '../stack.ts';
import { accountOfStack, type StackFacts } from './of-stack.ts';

/** Invariants that are broken in a stack, and jobs that did not succeed: both must be empty. */
export async function breachesOf(stack: Stack, facts?: StackFacts): Promise<string[]> {
  const account = await accountOfStack(stack, facts);
  const rules = { limits: installationLimits(stack.installation), knownErrors: knownErrorCodes };
  return [
    ...checkAccount(account, rules).map(({ invariant, subject, message }) => `${invariant} ${subject}: ${message}`),
    ...account.jobs
      .filter(({ finishes: [finish] }) => finish?.result !== 'succeeded')
      .map(({ requestId, finishes: [finish] }) => `job request ${requestId} ended as ${finish?.result}`),
  ];
}

import { Context } from '@temporalio/activity';
import { classified, invalidPool } from '../errors.ts';
import type { AzureActivities } from '../interfaces.ts';
import { machineViolations } from './check.ts';
import { urgently, type AzureClients } from './clients.ts';

/** The quick activities on Azure. */
export function createAzureActivities({ azure }: { azure: AzureClients }): AzureActivities {
  return {
    checkMachine: ({ specification }) =>
      classified('checkMachine', async () => {
        const signal = Context.current().cancellationSignal;
        const violations = await urgently(() => machineViolations(azure, specification, signal));
        if (violations.length > 0) throw invalidPool(violations, specification.name);
      }),
  };
}

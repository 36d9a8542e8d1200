import { objectAt } from '../body.ts';
import type { Json } from '../body.ts';
import { ArmError } from '../errors.ts';

const identityType =
  /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/[^/]+$/i;

/** Checks the ids of user-assigned identities. Whether there are such identities is not checked: none are kept here. */
export function checkIdentity(identity: Json | undefined): void {
  const path = 'identity.userAssignedIdentities';
  for (const id of Object.keys(objectAt(identity, 'userAssignedIdentities') ?? {})) {
    if (!/^\/(subscriptions|providers)\/[^/]+\//i.test(id)) {
      throw new ArmError(400, {
        code: 'LinkedInvalidPropertyId',
        message: `Property id '${id}' at path '${path}' is invalid. Expect fully qualified resource Id that start with '/subscriptions/{subscriptionId}' or '/providers/{resourceProviderNamespace}/'.`,
      });
    }
    if (!identityType.test(id)) {
      throw new ArmError(400, {
        code: 'InvalidIdentityValues',
        message: `The identity '${id}' at path '${path}' is not a user-assigned identity.`,
      });
    }
  }
}

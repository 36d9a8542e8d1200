import { ClientSecretCredential, DefaultAzureCredential, type TokenCredential } from '@azure/identity';
import type { Installation, SecretReference } from '../../domain/installation.ts';

/** Who this worker is, by the installation document. */
export type AzureCredentialSettings = Pick<Installation['azure'], 'authorityHost' | 'credential'>;

/**
 * The credential for Azure and, where an organisation uses Entra ID, for Azure DevOps.
 *
 * An authority host of one's own (a sovereign cloud, the embedded one) turns off instance discovery: MSAL would else
 * ask the public cloud whether that host may issue tokens, and fail where it cannot be reached.
 *
 * @param readSecret reads a file or an environment variable; called once, at the start
 */
export function createAzureCredential(
  { authorityHost, credential }: AzureCredentialSettings,
  readSecret: (reference: SecretReference) => string,
): TokenCredential {
  const options = authorityHost === undefined ? {} : { authorityHost, disableInstanceDiscovery: true };
  if (credential.kind === 'default') return new DefaultAzureCredential(options);
  const { tenantId, clientId, secret } = credential;
  return new ClientSecretCredential(tenantId, clientId, readSecret(secret), options);
}

import type { TokenCredential } from '@azure/identity';
import { azureDevOpsScope, type DevOpsCredential } from '../activities/devops/connections.ts';
import type { Installation, SecretReference } from '../domain/installation.ts';

/** A personal access token is read again after this long, so that a rotated one is taken up without a restart. */
const rereadMs = 60_000;

/**
 * Answers what proves us to an organisation: the personal access token that the installation names for it, or else an
 * Entra ID token, which the credential keeps and renews by itself.
 */
export function createDevOpsCredentials(
  installation: Installation,
  credential: TokenCredential,
  readSecret: (reference: SecretReference) => string,
): (url: string) => Promise<DevOpsCredential> {
  const read = new Map<string, { token: string; at: number }>();
  return async (url) => {
    const organization = installation.azureDevOps.organizations.find((known) => sameUrl(known.url, url));
    if (organization?.credential.kind === 'personalAccessToken') {
      const known = read.get(url);
      if (known && Date.now() - known.at < rereadMs) return { kind: 'basic', token: known.token };
      const token = readSecret(organization.credential.token);
      read.set(url, { token, at: Date.now() });
      return { kind: 'basic', token };
    }
    const token = await credential.getToken(azureDevOpsScope);
    if (!token) throw new Error(`Entra ID gave no token for ${url}.`);
    return { kind: 'bearer', token: token.token };
  };
}

function sameUrl(one: string, other: string): boolean {
  const plain = (url: string) => url.replace(/\/+$/, '').toLowerCase();
  return plain(one) === plain(other);
}

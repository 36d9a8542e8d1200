import type { ProxyCredential } from '../activities/azure/bootstrap/proxy-files.ts';
import { ownFailure } from '../activities/errors.ts';
import type { Installation, SecretReference } from '../domain/installation.ts';

/**
 * Reads the proxy credential of a name, each time anew, so that a rotated password reaches the next machine.
 *
 * @throws ApplicationFailure `SecretNotFound` where a pool was accepted when the installation still had that name, or
 * where its place is empty
 */
export function createProxyCredentials(
  { proxyCredentials = {} }: Pick<Installation, 'proxyCredentials'>,
  readSecret: (reference: SecretReference) => string,
): (name: string) => ProxyCredential {
  return (name) => {
    const found = Object.hasOwn(proxyCredentials, name) ? proxyCredentials[name] : undefined;
    if (found !== undefined) return { userName: found.userName, password: readSecret(found.password) };
    throw ownFailure('SecretNotFound', `The installation document has no proxyCredentials named '${name}' any more.`);
  };
}

import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { Chance, Store } from './context.ts';

/** What a cloud is from its first start on: made once, then kept with its state. Holds secrets. */
export interface CloudIdentity {
  tenantId: string;
  clientId: string;
  clientSecret: string;
  /** Object id of the service principal of `clientId`. */
  principalId: string;
  /** Client id and object id of the managed identity that the instance metadata service serves. */
  managedIdentityClientId: string;
  managedIdentityPrincipalId: string;
  subscriptionId: string;
  resourceGroup: string;
  location: string;
  organization: string;
  project: string;
  pipeline: string;
  personalAccessToken: string;
  /** RSA private key of the token issuer, PEM (PKCS #8). */
  signingKey: string;
}

/** Clouds that end with the process share one key: making one takes longer than a simulated day. */
let sharedKey: string | undefined;

function newSigningKey(): string {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

/** The identity that `store` holds, made now when it holds none. */
export function loadIdentity(store: Store, chance: Chance, lasting: boolean): CloudIdentity {
  const kept = store.collection<CloudIdentity>('cloud');
  const known = kept.get('identity');
  if (known !== undefined) return known;
  const identity: CloudIdentity = {
    tenantId: chance.uuid(),
    clientId: chance.uuid(),
    clientSecret: randomBytes(30).toString('base64url'),
    principalId: chance.uuid(),
    managedIdentityClientId: chance.uuid(),
    managedIdentityPrincipalId: chance.uuid(),
    subscriptionId: chance.uuid(),
    resourceGroup: 'agents',
    location: 'westeurope',
    organization: 'contoso',
    project: 'samples',
    pipeline: 'workload',
    personalAccessToken: randomBytes(39).toString('base64url'),
    signingKey: lasting ? newSigningKey() : (sharedKey ??= newSigningKey()),
  };
  kept.put('identity', identity);
  return identity;
}

/** The public half of the signing key as a JSON web key without `kid`. */
export function publicJwk(signingKey: string): { kty: string; n: string; e: string } {
  const { kty, n, e } = createPublicKey(signingKey).export({ format: 'jwk' });
  if (kty === undefined || n === undefined || e === undefined) throw new Error('The signing key is not an RSA key.');
  return { kty, n, e };
}

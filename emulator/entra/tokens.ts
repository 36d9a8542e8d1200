import { createHash, createPublicKey } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { CloudContext } from '../core/context.ts';
import type { CloudIdentity } from '../core/facts.ts';

/** Lifetime of a token. Real ones live 60 to 90 minutes. */
export const tokenSeconds = 3599;

/** What a token says. */
export interface Claims {
  aud: string;
  iss: string;
  iat: number;
  nbf: number;
  exp: number;
  appid: string;
  oid: string;
  sub: string;
  tid: string;
  idtyp: 'app';
  ver: '1.0';
}

/** Issues and checks the access tokens of the cloud. */
export interface Tokens {
  readonly keyId: string;
  issue(audience: string, appId: string, principalId: string): string;
  /** The claims of a valid, unexpired `Bearer` header for one of `audiences`; undefined otherwise. */
  verify(authorization: string | null | undefined, audiences: readonly string[]): Claims | undefined;
}

/** Verified tokens that are remembered: checking a signature costs more than the rest of a call. */
const remembered = 512;

/** Azure Resource Manager, under each name that clients use. Source: the metadata endpoint's `audiences`. */
export const armAudiences = ['https://management.azure.com', 'https://management.core.windows.net'] as const;

/** Azure DevOps Services: its application id in every tenant. Source: Microsoft's documentation of Entra authentication. */
export const azureDevOpsAudiences = [
  '499b84ac-1321-427f-aa17-267ca6975798',
  'https://app.vssps.visualstudio.com',
] as const;

/** The issuer over the cloud's signing key. */
export function createTokens(context: Pick<CloudContext, 'clock'>, identity: CloudIdentity): Tokens {
  const publicKey = createPublicKey(identity.signingKey);
  const keyId = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
    .slice(0, 27);
  const verified = new Map<string, Claims>();
  const seconds = (): number => Math.floor(context.clock.now() / 1000);

  function claimsOf(token: string): Claims | undefined {
    const known = verified.get(token);
    if (known !== undefined) return known;
    try {
      const claims = jwt.verify(token, publicKey, { algorithms: ['RS256'], clockTimestamp: seconds() });
      if (typeof claims === 'string') return undefined;
      if (verified.size >= remembered) verified.clear();
      verified.set(token, claims as unknown as Claims);
      return claims as unknown as Claims;
    } catch {
      return undefined;
    }
  }

  return {
    keyId,
    issue(audience, appId, principalId) {
      const now = seconds();
      const claims: Claims = {
        aud: audience,
        iss: `https://sts.windows.net/${identity.tenantId}/`,
        iat: now,
        nbf: now,
        exp: now + tokenSeconds,
        appid: appId,
        oid: principalId,
        sub: principalId,
        tid: identity.tenantId,
        idtyp: 'app',
        ver: '1.0',
      };
      return jwt.sign(claims, identity.signingKey, { algorithm: 'RS256', keyid: keyId });
    },
    verify(authorization, audiences) {
      const token = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined) return undefined;
      const claims = claimsOf(token);
      if (claims === undefined || claims.exp <= seconds()) return undefined;
      const audience = claims.aud.replace(/\/+$/, '').toLowerCase();
      return audiences.some((wanted) => wanted.replace(/\/+$/, '').toLowerCase() === audience) ? claims : undefined;
    },
  };
}

import { createPublicKey } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Organization } from './organization.ts';
import type { AgentRecord } from './records.ts';

/** Who calls. An agent is known by its registration, a job by the request that it runs. */
export type Identity =
  | { kind: 'controller'; key: string }
  | { kind: 'agent'; key: string; agentId: number }
  | { kind: 'job'; key: string; requestId: number };

/** Lifetime of an agent's token. Short, so that a copied one is worth little. */
export const agentTokenSeconds = 3_000;

/** Lifetime of a job's token: no job outlives two days. */
export const jobTokenSeconds = 172_800;

const issuer = 'agents';

/** A token for an agent, by the client id of its registration, or for one job. `now` is milliseconds since the epoch. */
export function signToken(
  organization: Organization,
  who: { agentId: number; clientId: string } | { requestId: number },
  now: number,
): string {
  const iat = Math.floor(now / 1000);
  const exp = iat + ('agentId' in who ? agentTokenSeconds : jobTokenSeconds);
  return jwt.sign({ iss: issuer, iat, exp, ...who }, organization.record.tokenKey, { algorithm: 'HS256' });
}

/** Whether the header carries a token of this kind, be it good or not. */
export function isAgentToken(authorization: string): boolean {
  const token = jwt.decode(authorization.slice('Bearer '.length));
  return typeof token === 'object' && token?.iss === issuer;
}

/** Who the token speaks for; undefined when it is forged, too old, or its registration was replaced or removed. */
export function readToken(organization: Organization, authorization: string, now: number): Identity | undefined {
  const claims = verified(authorization.slice('Bearer '.length), organization.record.tokenKey, 'HS256', now);
  if (typeof claims === 'string') return undefined;
  const { requestId, agentId, clientId } = claims;
  if (typeof requestId === 'number') return { kind: 'job', key: `job ${requestId}`, requestId };
  if (typeof agentId !== 'number' || organization.agents.get(agentId)?.clientId !== clientId) return undefined;
  return { kind: 'agent', key: `agent ${agentId}`, agentId };
}

/** The claims of a token, or why it is not good. */
function verified(token: string, key: jwt.Secret, algorithm: jwt.Algorithm, now: number): jwt.JwtPayload | string {
  try {
    const claims = jwt.verify(token, key, { algorithms: [algorithm], clockTimestamp: Math.floor(now / 1000) });
    return typeof claims === 'string' ? 'The token has no claims.' : claims;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * Checks the assertion that an agent signs with its private key (RFC 7523). Answers its registration, or why not.
 * `path` is the path of the token endpoint in lower case, which the assertion must be meant for.
 */
export function checkAssertion(
  organization: Organization,
  assertion: string,
  path: string,
  now: number,
): { agent: AgentRecord; clientId: string } | { refused: string } {
  const claimed = jwt.decode(assertion);
  const clientId = typeof claimed === 'object' ? claimed?.iss : undefined;
  if (clientId === undefined) return { refused: 'The assertion must be a JSON web token with an issuer.' };
  const agent = [...organization.agents.values()].find((it) => it.clientId === clientId);
  if (agent?.publicKey === undefined) return { refused: `The client ${clientId} is not registered.` };
  const { exponent, modulus } = agent.publicKey;
  let key;
  try {
    key = createPublicKey({ format: 'jwk', key: { kty: 'RSA', n: base64url(modulus), e: base64url(exponent) } });
  } catch {
    return { refused: 'The registered key is not an RSA key.' };
  }
  const claims = verified(assertion, key, 'RS256', now);
  if (typeof claims === 'string') return { refused: `The assertion is refused: ${claims}.` };
  if (claims.sub !== clientId) return { refused: 'The subject must be the issuer.' };
  const { aud } = claims;
  if (typeof aud !== 'string' || !URL.canParse(aud) || new URL(aud).pathname.toLowerCase() !== path) {
    return { refused: 'The audience must be the address of this endpoint.' };
  }
  return { agent, clientId };
}

function base64url(base64: string): string {
  return Buffer.from(base64, 'base64').toString('base64url');
}

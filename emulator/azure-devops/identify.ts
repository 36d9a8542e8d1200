import { createHash, timingSafeEqual } from 'node:crypto';
import { Refusal } from './errors.ts';
import type { Operation, Service } from './operation.ts';
import { isAgentToken, readToken, type Identity } from './tokens.ts';

/** What proves a controller. */
export interface Credentials {
  personalAccessToken: string;
  verifyBearer: (authorization: string) => boolean | Promise<boolean>;
}

/** Who calls; refuses those who are not known, and agents where only controllers may call. */
export async function identify(
  service: Service,
  credentials: Credentials,
  request: Request,
  operation: Operation | undefined,
): Promise<Identity> {
  if (operation?.anonymous) return { kind: 'controller', key: 'anonymous' };
  const authorization = request.headers.get('authorization') ?? '';
  const identity = await known(service, credentials, authorization);
  if (identity === undefined) {
    throw new Refusal(
      'UnauthorizedRequestException',
      "TF400813: The user '' is not authorized to access this resource.",
    );
  }
  if (identity.kind !== 'controller' && operation !== undefined && operation.forAgents !== true) {
    throw new Refusal(
      'AccessDeniedException',
      `Access denied. ${identity.key} needs permissions to perform this action.`,
    );
  }
  return identity;
}

async function known(service: Service, credentials: Credentials, authorization: string): Promise<Identity | undefined> {
  if (/^basic /i.test(authorization)) {
    const given = Buffer.from(authorization.slice('basic '.length), 'base64').toString();
    const token = given.slice(given.indexOf(':') + 1);
    return same(token, credentials.personalAccessToken) ? { kind: 'controller', key: 'token' } : undefined;
  }
  if (!/^bearer /i.test(authorization)) return undefined;
  if (isAgentToken(authorization)) {
    return readToken(service.organization, authorization, service.context.clock.now());
  }
  return (await credentials.verifyBearer(authorization)) ? { kind: 'controller', key: 'principal' } : undefined;
}

function same(given: string, expected: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

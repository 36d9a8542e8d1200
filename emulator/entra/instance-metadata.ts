import { Hono } from 'hono';
import type { Context } from 'hono';
import type { CloudContext } from '../core/context.ts';
import type { CloudIdentity } from '../core/facts.ts';
import { tokenSeconds } from './tokens.ts';
import type { Tokens } from './tokens.ts';

/**
 * Tokens of a managed identity, over plain HTTP as on a machine: the instance metadata service (header `Metadata:
 * true`) and the address that App Service gives in `IDENTITY_ENDPOINT`. Source: "How to use managed identities for Azure
 * resources on an Azure VM to acquire an access token".
 */
export function createInstanceMetadata(context: CloudContext, identity: CloudIdentity, tokens: Tokens): Hono {
  const app = new Hono();

  function token(c: Context, permitted: boolean): Response {
    if (!permitted) {
      return c.json({ error: 'invalid_request', error_description: 'Required metadata header not specified' }, 400);
    }
    const resource = c.req.query('resource');
    if (resource === undefined || resource === '') {
      return c.json(
        { error: 'invalid_request', error_description: "Required query variable 'resource' is missing" },
        400,
      );
    }
    const wanted = c.req.query('client_id') ?? identity.managedIdentityClientId;
    if (wanted.toLowerCase() !== identity.managedIdentityClientId) {
      return c.json({ error: 'invalid_request', error_description: 'Identity not found' }, 400);
    }
    const now = Math.floor(context.clock.now() / 1000);
    return c.json({
      access_token: tokens.issue(resource, identity.managedIdentityClientId, identity.managedIdentityPrincipalId),
      client_id: identity.managedIdentityClientId,
      expires_in: String(tokenSeconds),
      expires_on: String(now + tokenSeconds),
      ext_expires_in: String(tokenSeconds),
      not_before: String(now),
      resource,
      token_type: 'Bearer',
    });
  }

  for (const path of ['/metadata/identity/oauth2/token', '/metadata/identity/oauth2/token/']) {
    app.get(path, (c) => token(c, c.req.header('metadata')?.toLowerCase() === 'true'));
  }
  app.get('/msi/token', (c) => token(c, c.req.header('x-identity-header') !== undefined));
  return app;
}

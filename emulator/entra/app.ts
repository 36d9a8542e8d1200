import { timingSafeEqual } from 'node:crypto';
import { Hono } from 'hono';
import type { Context } from 'hono';
import jwt from 'jsonwebtoken';
import { recordingCall } from '../core/calls.ts';
import type { CloudContext } from '../core/context.ts';
import { publicJwk } from '../core/facts.ts';
import type { CloudIdentity } from '../core/facts.ts';
import { metadataEndpoints } from './metadata-endpoints.ts';
import { tokenSeconds } from './tokens.ts';
import type { Tokens } from './tokens.ts';

/** Tenant names that stand for "whichever tenant the account is in". */
const anyTenant = new Set(['common', 'organizations', 'consumers']);

/** An error as Entra ID words it. Source: "Microsoft Entra authentication and authorization error codes". */
interface EntraError {
  status: number;
  error: string;
  code: number;
  text: string;
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** The one resource of a scope. The Go SDK asks for the scopes of OpenID Connect beside it. */
function resourceOf(scope: string): string | undefined {
  const wanted = scope
    .split(/\s+/)
    .filter((part) => !['', 'openid', 'offline_access', 'profile', 'email'].includes(part));
  return wanted.length === 1 ? /^(\S+)\/\.default$/.exec(wanted[0] ?? '')?.[1] : undefined;
}

/** The sign-in service: discovery, keys and tokens. Shares the port of Azure Resource Manager. */
export function createEntra(context: CloudContext, identity: CloudIdentity, tokens: Tokens): Hono {
  const app = new Hono({ getPath: (request) => new URL(request.url).pathname.toLowerCase() });
  const jwk = { ...publicJwk(identity.signingKey), use: 'sig', kid: tokens.keyId, x5t: tokens.keyId, alg: 'RS256' };

  function refuse(c: Context, { status, error, code, text }: EntraError): Response {
    const trace = context.chance.uuid();
    const correlation = c.req.header('client-request-id') ?? context.chance.uuid();
    const timestamp = `${new Date(context.clock.now()).toISOString().slice(0, 19).replace('T', ' ')}Z`;
    return c.json(
      {
        error,
        error_description: `AADSTS${String(code)}: ${text} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
        error_codes: [code],
        timestamp,
        trace_id: trace,
        correlation_id: correlation,
        error_uri: `${new URL(c.req.url).origin}/error?code=${String(code)}`,
      },
      status as 400,
    );
  }

  const unknownTenant = (c: Context, tenant: string): Response =>
    refuse(c, {
      status: 400,
      error: 'invalid_request',
      code: 90002,
      text: `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
    });

  function discovery(c: Context, version: 'v1' | 'v2'): Response {
    const tenant = c.req.param('tenant') ?? '';
    const known = tenant === identity.tenantId || anyTenant.has(tenant);
    if (!known) return unknownTenant(c, tenant);
    const { origin, host } = new URL(c.req.url);
    const base = `${origin}/${tenant}`;
    const named = tenant === identity.tenantId ? tenant : '{tenantid}';
    const middle = version === 'v2' ? '/oauth2/v2.0' : '/oauth2';
    return c.json({
      token_endpoint: `${base}${middle}/token`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
      jwks_uri: `${base}/discovery${version === 'v2' ? '/v2.0' : ''}/keys`,
      response_modes_supported: ['query', 'fragment', 'form_post'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
      issuer: version === 'v2' ? `${origin}/${named}/v2.0` : `https://sts.windows.net/${named}/`,
      authorization_endpoint: `${base}${middle}/authorize`,
      device_authorization_endpoint: `${base}${middle}/devicecode`,
      end_session_endpoint: `${base}${middle}/logout`,
      claims_supported: ['sub', 'iss', 'aud', 'exp', 'iat', 'tid', 'ver', 'oid', 'appid'],
      tenant_region_scope: 'EU',
      cloud_instance_name: host,
      cloud_graph_host_name: host,
      msgraph_host: host,
    });
  }

  function clientError(form: URLSearchParams): EntraError | undefined {
    const clientId = form.get('client_id') ?? '';
    if (form.get('grant_type') !== 'client_credentials') {
      const text = `The app requested an unsupported grant type '${form.get('grant_type') ?? ''}'. Only client_credentials is emulated.`;
      return { status: 400, error: 'unsupported_grant_type', code: 70003, text };
    }
    if (clientId.toLowerCase() !== identity.clientId) {
      const text = `Application with identifier '${clientId}' was not found in the directory '${identity.tenantId}'.`;
      return { status: 400, error: 'unauthorized_client', code: 700016, text };
    }
    const assertion = form.get('client_assertion');
    if (assertion !== null) {
      // Which issuer a federated credential trusts is the operator's business; the claims must still fit together.
      const claims = jwt.decode(assertion);
      const fits = claims !== null && typeof claims === 'object' && (claims.exp ?? 0) * 1000 > context.clock.now();
      const text = 'Client assertion failed signature validation, has expired or is malformed.';
      return fits ? undefined : { status: 401, error: 'invalid_client', code: 700027, text };
    }
    const secret = form.get('client_secret');
    if (secret === null) {
      const text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
      return { status: 401, error: 'invalid_client', code: 7000218, text };
    }
    const text = `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`;
    return same(secret, identity.clientSecret)
      ? undefined
      : { status: 401, error: 'invalid_client', code: 7000215, text };
  }

  /** Basic authentication is the other way to send the same two values. */
  function withBasic(c: Context, form: URLSearchParams): URLSearchParams {
    const encoded = /^Basic (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (encoded === undefined) return form;
    const [id = '', ...secret] = Buffer.from(encoded, 'base64').toString().split(':');
    if (!form.has('client_id')) form.set('client_id', decodeURIComponent(id));
    if (!form.has('client_secret')) form.set('client_secret', decodeURIComponent(secret.join(':')));
    return form;
  }

  async function token(c: Context, version: 'v1' | 'v2'): Promise<Response> {
    const tenant = c.req.param('tenant') ?? '';
    if (tenant !== identity.tenantId) return unknownTenant(c, tenant);
    const form = withBasic(c, new URLSearchParams(await c.req.text()));
    const error = clientError(form);
    if (error !== undefined) return refuse(c, error);
    const scope = form.get('scope') ?? '';
    const resource = version === 'v1' ? form.get('resource') : resourceOf(scope);
    if (resource === undefined || resource === null || resource === '') {
      const text = `The provided value for the input parameter 'scope' is not valid. The scope '${scope}' must be a resource followed by /.default.`;
      return refuse(c, { status: 400, error: 'invalid_scope', code: 1002012, text });
    }
    const access = tokens.issue(resource, identity.clientId, identity.principalId);
    if (version === 'v2') {
      return c.json({
        token_type: 'Bearer',
        expires_in: tokenSeconds,
        ext_expires_in: tokenSeconds,
        access_token: access,
      });
    }
    const now = Math.floor(context.clock.now() / 1000);
    return c.json({
      token_type: 'Bearer',
      expires_in: String(tokenSeconds),
      ext_expires_in: String(tokenSeconds),
      expires_on: String(now + tokenSeconds),
      not_before: String(now),
      resource,
      access_token: access,
    });
  }

  const route = (
    method: string,
    path: string,
    operation: string,
    handler: (c: Context) => Response | Promise<Response>,
  ): void => {
    app.on(method, path, (c) => recordingCall(context, 'entra', operation, c.req.raw, () => handler(c)));
  };
  route('GET', '/:tenant/v2.0/.well-known/openid-configuration', 'OpenIdConfiguration_Get', (c) => discovery(c, 'v2'));
  route('GET', '/:tenant/.well-known/openid-configuration', 'OpenIdConfiguration_Get', (c) => discovery(c, 'v1'));
  route('GET', '/:tenant/discovery/v2.0/keys', 'Keys_List', (c) => c.json({ keys: [jwk] }));
  route('GET', '/:tenant/discovery/keys', 'Keys_List', (c) => c.json({ keys: [jwk] }));
  route('POST', '/:tenant/oauth2/v2.0/token', 'Token_Create', (c) => token(c, 'v2'));
  route('POST', '/:tenant/oauth2/token', 'Token_Create', (c) => token(c, 'v1'));
  route('GET', '/common/discovery/instance', 'Instance_Discover', (c) => {
    const { origin, host } = new URL(c.req.url);
    return c.json({
      tenant_discovery_endpoint: `${origin}/${identity.tenantId}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    });
  });
  route('GET', '/metadata/endpoints', 'Metadata_Endpoints', (c) =>
    c.json(metadataEndpoints(new URL(c.req.url), identity.tenantId)),
  );
  return app;
}

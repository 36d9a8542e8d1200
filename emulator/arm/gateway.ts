import type { Context, Hono } from 'hono';
import { ConnectionLost, callerOf } from '../core/calls.ts';
import { armAudiences } from '../entra/tokens.ts';
import type { Claims } from '../entra/tokens.ts';
import { objectAt, textAt } from './body.ts';
import { ArmError } from './errors.ts';
import type { ArmState } from './state.ts';
import { keyOf } from './table.ts';
import type { ComputePolicy } from './throttling.ts';

/** One call, past authentication and throttling. */
export interface Call {
  method: string;
  url: URL;
  /** Scheme and host that the client used: links in answers lead back to it. */
  origin: string;
  principal: Claims;
  subscriptionId: string;
  apiVersion: string;
  operation: string;
  /** A path parameter in the caller's casing. */
  param(name: string): string;
  /** The path in the caller's casing. */
  path: string;
  header(name: string): string | undefined;
  /** The parsed body; `{}` when there is none. Throws 400 when it is not a JSON object. */
  body: Record<string, unknown>;
}

/** What a handler answers. */
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** An operation of the API. */
export interface Route {
  /** A route for GET answers HEAD too. */
  method: 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  /** In Hono's notation; lower case but for parameter names, which are lower case too. */
  path: string;
  /** Name in the API's specification, such as `VirtualMachines_Get`. */
  operation: string;
  policy?: ComputePolicy;
  handler: (call: Call) => Answer;
}

/** Joins routes to the app: identifiers, faults, authentication, version, throttling, latency, ledger. */
export interface Gateway {
  add(route: Route): void;
  /** Answers calls that no route takes. */
  refuse(c: Context): Promise<Response>;
}

const bodyMethods = new Set(['PUT', 'PATCH', 'POST']);

function json(answer: Answer, headers: Record<string, string>): Response {
  if (answer.body === undefined) return new Response(null, { status: answer.status, headers });
  headers['content-type'] = 'application/json; charset=utf-8';
  return new Response(JSON.stringify(answer.body), { status: answer.status, headers });
}

/** The path parameters of a route in the caller's casing, by position: Azure's paths have no others. */
function parameterReader(pattern: string, path: string): (name: string) => string {
  return (name) => {
    const index = pattern.split('/').indexOf(`:${name}`);
    const segment = index < 0 ? undefined : path.split('/')[index];
    return segment === undefined ? '' : decodeURIComponent(segment);
  };
}

/** The call that makes machines: faults may strike it by what is asked for. */
const createOperation = 'VirtualMachines_CreateOrUpdate';

/** What faults can match of a create call; nothing of a body that is no JSON, which is refused later. */
export function placeOf(text: string): { vmSize?: string; zone?: string; priority?: string; location?: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return {};
  }
  const properties = objectAt(body, 'properties');
  const vmSize = textAt(objectAt(properties, 'hardwareProfile'), 'vmSize');
  const zones = (body as { zones?: unknown } | null)?.zones;
  const zone: unknown = Array.isArray(zones) ? zones[0] : undefined;
  const location = textAt(body, 'location');
  return {
    ...(vmSize === undefined ? {} : { vmSize }),
    ...(typeof zone === 'string' ? { zone } : {}),
    priority: textAt(properties, 'priority') ?? 'Regular',
    ...(location === undefined ? {} : { location }),
  };
}

/** The gateway over `app`. */
export function createGateway(state: ArmState, app: Hono): Gateway {
  const { context, tokens } = state;
  const audiences = [...armAudiences, context.addresses.arm];

  function authenticate(c: Context): Claims {
    const claims = tokens.verify(c.req.header('authorization'), audiences);
    if (claims !== undefined) return claims;
    const missing = c.req.header('authorization') === undefined;
    const challenge = `Bearer authorization_uri="${context.addresses.entra}/${state.identity.tenantId}", error="invalid_token", error_description="The access token is missing, expired, or not for this service."`;
    throw new ArmError(
      401,
      missing
        ? { code: 'AuthenticationFailed', message: "Authentication failed. The 'Authorization' header is missing." }
        : {
            code: 'InvalidAuthenticationToken',
            message:
              'The access token is invalid: it is expired, malformed, or was not issued for this service by the tenant of the subscription.',
          },
      { 'www-authenticate': challenge },
    );
  }

  async function readBody(c: Context, method: string): Promise<Record<string, unknown>> {
    if (!bodyMethods.has(method)) return {};
    const text = await c.req.text();
    if (text.trim() === '') return {};
    const invalid = (reason: string): ArmError =>
      new ArmError(400, {
        code: 'InvalidRequestContent',
        message: `The request content was invalid and could not be deserialized: '${reason}'.`,
      });
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw invalid(error instanceof Error ? error.message : 'not JSON');
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('not an object');
    return value as Record<string, unknown>;
  }

  /** The machine whose own limits a call draws on: that of its path, or that of the operation which it asks for. */
  function throttledResource(param: (name: string) => string, path: string): string | undefined {
    if (param('vm') !== '') return keyOf(path.split('/').slice(0, 9).join('/'));
    const operation = param('operation');
    return operation === '' ? undefined : state.operations.get(operation)?.resourceId.toLowerCase();
  }

  async function serve(c: Context, route: Omit<Route, 'path'> & { pattern: string }): Promise<Response> {
    const request = c.req.raw;
    const url = new URL(request.url);
    const { operation, pattern } = route;
    const { method } = request;
    const param = parameterReader(pattern, url.pathname);
    const machineName = param('vm');
    const subject = {
      service: 'arm' as const,
      method,
      path: url.pathname,
      operation,
      ...(machineName ? { machineName } : {}),
      ...(operation === createOperation ? placeOf(await c.req.text()) : {}),
    };
    const headers: Record<string, string> = {
      'x-ms-request-id': context.chance.uuid(),
      'x-ms-correlation-request-id': c.req.header('x-ms-correlation-request-id') ?? context.chance.uuid(),
      'x-ms-routing-request-id': `${state.identity.location.toUpperCase()}:${new Date(context.clock.now()).toISOString()}`,
      'cache-control': 'no-cache',
      date: new Date(context.clock.now()).toUTCString(),
    };
    const clientRequestId = c.req.header('x-ms-client-request-id');
    if (clientRequestId !== undefined && c.req.header('x-ms-return-client-request-id') === 'true') {
      headers['x-ms-client-request-id'] = clientRequestId;
    }

    let answer: Answer;
    let faultId: string | undefined;
    let lost = false;
    try {
      const delay = context.latencies.sample('armCall');
      // A timer costs more than it delays when the cloud is scaled down.
      if (delay >= 1) await context.clock.sleep(delay);
      const rejection = context.faults.strike(['reject'], subject);
      if (rejection !== undefined) {
        faultId = rejection.id;
        const { status, code, message, retryAfterSeconds, details } = rejection.effect;
        throw new ArmError(
          status,
          { code, message: message ?? `${code} (injected).`, ...(details === undefined ? {} : { details }) },
          retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
        );
      }
      const principal = authenticate(c);
      const apiVersion = url.searchParams.get('api-version');
      if (apiVersion === null || apiVersion === '') {
        throw new ArmError(400, {
          code: 'MissingApiVersionParameter',
          message: 'The api-version query parameter (?api-version=) is required for all requests.',
        });
      }
      const subscriptionId = param('subscription');
      if (subscriptionId !== '' && subscriptionId.toLowerCase() !== state.identity.subscriptionId) {
        throw new ArmError(404, {
          code: 'SubscriptionNotFound',
          message: `The subscription '${subscriptionId}' could not be found.`,
        });
      }
      const body = await readBody(c, method);
      Object.assign(
        headers,
        state.throttle.take({
          method,
          subscriptionId,
          principalId: principal.oid,
          location: param('location') || state.identity.location,
          ...(route.policy === undefined
            ? {}
            : { compute: { policy: route.policy, resource: throttledResource(param, url.pathname) } }),
        }),
      );
      answer = route.handler({
        method,
        url,
        origin: url.origin,
        principal,
        subscriptionId,
        apiVersion,
        operation,
        param,
        path: url.pathname,
        header: (name) => c.req.header(name),
        body,
      });
      const loss = context.faults.strike(['loseResponse'], subject);
      if (loss !== undefined) {
        lost = true;
        faultId = loss.id;
      }
    } catch (error) {
      if (!(error instanceof ArmError)) throw error;
      answer = { status: error.status, body: { error: error.body }, headers: error.headers };
      headers['x-ms-failure-cause'] = 'service';
    }
    context.ledger.record({
      kind: 'call',
      at: context.clock.now(),
      service: 'arm',
      caller: callerOf(request),
      method,
      path: url.pathname,
      operation,
      status: answer.status,
      ...(faultId === undefined ? {} : { fault: faultId }),
    });
    if (lost) throw new ConnectionLost();
    return json(answer, Object.assign(headers, answer.headers));
  }

  return {
    add({ path, ...route }) {
      app.on(route.method, path, (c) => serve(c, { ...route, pattern: path }));
    },
    refuse: (c) =>
      serve(c, {
        method: 'GET',
        pattern: '/subscriptions/:subscription',
        operation: 'NotEmulated',
        handler: ({ method, path }) => {
          throw new ArmError(501, {
            code: 'NotEmulated',
            message: `The embedded cloud does not emulate ${method} ${path}. What it emulates is in docs/embedded-cloud.md.`,
          });
        },
      }),
  };
}

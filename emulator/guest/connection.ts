import jwt from 'jsonwebtoken';
import { agentHeader } from '../core/calls.ts';
import type { BootedMachine, MachineContext, Handler } from '../core/context.ts';
import type { AgentConfiguration } from './configuration.ts';

/** The header that tells the ledger which machine calls. */
const machineHeader = 'x-emulated-machine';

/** An answer of the server, read. */
export interface Reply {
  status: number;
  /** Undefined for an empty answer. */
  json: unknown;
  typeKey: string | undefined;
  retryAfterMs: number | undefined;
}

/** The server does not accept who the agent is: a real agent stops. */
export class CredentialRefused extends Error {
  override readonly name = 'CredentialRefused';
}

/** The server is away; whoever is patient tries again. */
export class ServerAway extends Error {
  override readonly name = 'ServerAway';
}

export interface CallOptions {
  query?: Record<string, string | number>;
  json?: unknown;
  text?: string;
  signal?: AbortSignal;
  /** The token of a job; else the agent's own. */
  token?: string;
}

/** The agent's way to the server. */
export interface Connection {
  /** One call. Rejects where the connection breaks. */
  call(method: string, url: string, options?: CallOptions): Promise<Reply>;
  /** Calls again, with pauses, where the server is away or asks to wait. Answers its last word. */
  persist(method: string, url: string, options?: CallOptions): Promise<Reply>;
  /** A pause of 5 to 15 seconds, as the agent makes between polls and after failures. */
  pause(): Promise<void>;
}

/** Tries of a call that fails for no fault of its own. */
const mostTries = 10;

/** A token is renewed this long before its end. */
const marginMs = 300_000;

/** Connects the agent of a machine; everything ends with `signal`. */
export function connect(
  context: MachineContext,
  server: Handler,
  machine: BootedMachine,
  configuration: AgentConfiguration,
  signal: AbortSignal,
): Connection {
  const { clock, chance, latencies } = context;
  const identity = { [agentHeader]: '1', [machineHeader]: machine.id };
  let own: { token: string; until: number } | undefined;

  async function send(request: Request): Promise<Reply> {
    const response = await server(request);
    const text = await response.text();
    signal.throwIfAborted();
    const json: unknown = text === '' ? undefined : JSON.parse(text);
    const typeKey = typeof json === 'object' && json !== null && 'typeKey' in json ? String(json.typeKey) : undefined;
    const seconds = response.headers.get('retry-after');
    return {
      status: response.status,
      json,
      typeKey,
      retryAfterMs: seconds === null ? undefined : Number(seconds) * 1000,
    };
  }

  async function ownToken(): Promise<string> {
    if (own !== undefined && own.until - marginMs > clock.now()) return own.token;
    const { authorizationUrl, clientId, key } = configuration;
    const iat = Math.floor(clock.now() / 1000);
    const assertion = jwt.sign(
      { iss: clientId, sub: clientId, aud: authorizationUrl, iat, nbf: iat, exp: iat + 300, jti: chance.uuid() },
      key,
      { algorithm: 'RS256' },
    );
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    });
    const headers = { ...identity, 'content-type': 'application/x-www-form-urlencoded' };
    const reply = await send(new Request(authorizationUrl, { method: 'POST', headers, body: form.toString() }));
    if (reply.status === 400 || reply.status === 401 || reply.status === 404) {
      throw new CredentialRefused(`No token for ${clientId}: ${JSON.stringify(reply.json)}`);
    }
    if (reply.status !== 200) throw new ServerAway(`No token: status ${reply.status}`);
    const { access_token, expires_in } = { access_token: '', expires_in: 0, ...Object(reply.json) };
    own = { token: String(access_token), until: clock.now() + Number(expires_in) * 1000 };
    return own.token;
  }

  async function call(method: string, url: string, options: CallOptions = {}): Promise<Reply> {
    const target = new URL(url);
    target.searchParams.set('api-version', '7.1-preview.1');
    for (const [name, value] of Object.entries(options.query ?? {})) target.searchParams.set(name, String(value));
    const body = options.text ?? (options.json === undefined ? undefined : JSON.stringify(options.json));
    const headers = {
      ...identity,
      accept: 'application/json',
      authorization: `Bearer ${options.token ?? (await ownToken())}`,
      ...(body !== undefined && {
        'content-type': options.text === undefined ? 'application/json' : 'application/octet-stream',
      }),
    };
    const reply = await send(
      new Request(target, {
        method,
        headers,
        ...(body !== undefined && { body }),
        ...(options.signal && { signal: options.signal }),
      }),
    );
    if (reply.status === 401 && options.token === undefined) {
      own = undefined;
      throw new CredentialRefused(`The server no longer knows ${configuration.agentName}.`);
    }
    return reply;
  }

  async function pause(atLeastMs = 0): Promise<void> {
    await clock.sleep(Math.max(atLeastMs, (5_000 + chance.uniform() * 10_000) * latencies.scale), signal);
  }

  return {
    call,
    pause: () => pause(),
    async persist(method, url, options) {
      for (let tries = 1; ; tries += 1) {
        let reply: Reply | undefined;
        try {
          reply = await call(method, url, options);
          if (reply.status !== 429 && reply.status < 500) return reply;
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof CredentialRefused || tries >= mostTries) throw error;
        }
        if (reply !== undefined && tries >= mostTries) return reply;
        await pause(reply?.retryAfterMs);
      }
    },
  };
}

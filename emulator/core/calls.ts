import type { CloudContext, Fault, Service } from './context.ts';

/** Only the agents that run on emulated machines send this header. */
export const agentHeader = 'x-emulated-agent';

/** Thrown instead of an answer when a fault cuts the connection. A server destroys the socket; a caller sees a rejection. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  /** What Node's own network errors carry, so that clients classify it alike. */
  readonly code = 'ECONNRESET';

  constructor() {
    super('The connection was cut before the answer (injected).');
  }
}

/** Who called. */
export function callerOf(request: Request): 'controller' | 'agent' {
  return request.headers.get(agentHeader) === '1' ? 'agent' : 'controller';
}

/**
 * Answers a call and enters it in the ledger, with the faults that meet every service: rejection before the effect, and
 * a lost response after it.
 */
export async function recordingCall(
  context: CloudContext,
  service: Service,
  operation: string,
  request: Request,
  answer: () => Response | Promise<Response>,
  reject: (fault: Extract<Fault['effect'], { kind: 'reject' }>) => Response | Promise<Response> = rejected,
): Promise<Response> {
  const { pathname } = new URL(request.url);
  const subject = { service, method: request.method, path: pathname, operation };
  const rejection = context.faults.strike(['reject'], subject);
  const response = rejection ? await reject(rejection.effect) : await answer();
  const lost = rejection ? undefined : context.faults.strike(['loseResponse'], subject);
  const fault = rejection ?? lost;
  context.ledger.record({
    kind: 'call',
    at: context.clock.now(),
    service,
    caller: callerOf(request),
    method: request.method,
    path: pathname,
    operation,
    status: response.status,
    ...(fault ? { fault: fault.id } : {}),
  });
  if (lost) throw new ConnectionLost();
  return response;
}

function rejected(effect: Extract<Fault['effect'], { kind: 'reject' }>): Response {
  return Response.json(
    { error: effect.code, error_description: effect.message ?? effect.code },
    {
      status: effect.status,
      headers: effect.retryAfterSeconds === undefined ? {} : { 'retry-after': String(effect.retryAfterSeconds) },
    },
  );
}

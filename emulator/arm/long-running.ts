import { placeOf } from './gateway.ts';
import type { Answer, Call } from './gateway.ts';
import type { Operations } from './operations.ts';
import type { OperationAction, OperationRecord } from './records.ts';
import type { ArmState } from './state.ts';

/** What Microsoft.Compute asks clients to wait between polls. Source: its `Retry-After: 10` on creates. */
const pollSeconds = 10;

/** Headers that lead to the status of an operation. */
export function operationHeaders(
  state: ArmState,
  call: Call,
  operation: Pick<OperationRecord, 'id' | 'subscriptionId' | 'provider' | 'location'>,
): Record<string, string> {
  const base = `${call.origin}/subscriptions/${operation.subscriptionId}/providers/${operation.provider}/locations/${operation.location}/operations/${operation.id}`;
  const query = `?p=${operation.id}&api-version=${encodeURIComponent(call.apiVersion)}&t=${String(state.context.clock.now())}`;
  return {
    'azure-asyncoperation': `${base}${query}`,
    // After a PUT or PATCH clients read the resource itself; a Location would send them elsewhere for it.
    ...(call.method === 'PUT' || call.method === 'PATCH' ? {} : { location: `${base}${query}&monitor=true` }),
    ...retryAfter(state),
  };
}

/** `Retry-After`, scaled, but at least the one second that it can express. */
export function retryAfter(state: ArmState): Record<string, string> {
  const seconds = Math.round(pollSeconds * state.context.latencies.scale);
  return { 'retry-after': String(Math.max(1, seconds)) };
}

/** Begins an operation for a call, and answers with its headers. */
export function begin(
  state: ArmState,
  operations: Operations,
  call: Call,
  resource: { id: string; location: string; name: string; subscriptionId: string },
  provider: string,
  action: OperationAction,
  durationMs: number,
  failure?: OperationRecord['error'],
): Record<string, string> {
  const operation = operations.begin({
    subscriptionId: resource.subscriptionId,
    location: resource.location,
    provider,
    resourceId: resource.id,
    action,
    method: call.method,
    durationMs,
    ...(failure === undefined ? {} : { failure }),
    subject: {
      service: 'arm',
      method: call.method,
      path: call.path,
      operation: call.operation,
      ...(provider === 'Microsoft.Compute' ? { machineName: resource.name } : {}),
      ...(action.kind === 'createMachine' ? placeOf(JSON.stringify(call.body)) : {}),
    },
  });
  return operationHeaders(state, call, operation);
}

/** The status of an operation: as a body, or, with `monitor=true`, as the status of the answer. */
export function operationStatus(state: ArmState, call: Call): Answer {
  const operation = state.operations.get(call.param('operation'));
  if (operation === undefined) {
    return {
      status: 404,
      body: { error: { code: 'NotFound', message: `The operation '${call.param('operation')}' was not found.` } },
    };
  }
  const running = operation.status === 'InProgress';
  if (call.url.searchParams.get('monitor') === 'true') {
    if (running) return { status: 202, headers: operationHeaders(state, call, operation) };
    if (operation.status !== 'Succeeded') return { status: 409, body: { error: operation.error } };
    return { status: operation.method === 'DELETE' ? 204 : 200 };
  }
  return {
    status: 200,
    body: {
      name: operation.id,
      status: operation.status,
      startTime: new Date(operation.startedAt).toISOString(),
      ...(operation.endedAt === undefined ? {} : { endTime: new Date(operation.endedAt).toISOString() }),
      ...(operation.error === undefined || running ? {} : { error: operation.error }),
    },
    ...(running ? { headers: retryAfter(state) } : {}),
  };
}

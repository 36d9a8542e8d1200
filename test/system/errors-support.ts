import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import { failureOf } from '../../activities/errors.ts';
import type { CallName } from '../../activities/errors/calls.ts';
import { hintOf, isRetried, surfacedErrors, type SurfacedErrorCode } from '../../domain/error-catalogue.ts';
import type { OwnErrorCode } from '../../domain/errors/own-errors.ts';

/** Stands in every message that a fault sends, in each form in which secrets travel. None of it may come out again. */
export const canary = `ODPCANARY${'s3cret'.repeat(8)}`;
export const canaries = `See https://user:${canary}@h.example/p?sig=${canary} (Bearer ${canary}, eyJ${canary}.${canary}).`;

/** What a failure must be, beyond what the catalogue says of its code. */
export interface Expected {
  code: SurfacedErrorCode;
  call?: CallName;
  /** What the row says instead of its code's own hint; `any` where the row is not known. */
  hint?: string | undefined;
  /** The answer's own `Retry-After`. */
  retryAfterMs?: number;
  /** What Azure had accepted before it failed is never tried again. */
  accepted?: boolean;
}

/** Holds a failure to the catalogue: code, class, whether and when it is tried again, hint, and no secret in it. */
export function expectFailure(error: unknown, { code, call, hint, retryAfterMs, accepted = false }: Expected): void {
  if (!(error instanceof ApplicationFailure)) throw new Error(`expected ${code}, not ${String(error)}`);
  const known = surfacedErrors[code];
  const retried = isRetried(code) && !accepted;
  const delay = retryAfterMs ?? known.retryAfterMs ?? 0;
  const details = failureOf(error);
  expect({ type: error.type, ...details }).toMatchObject({
    type: code,
    code,
    class: known.class,
    retryAfterMs: delay,
    ...(call === undefined ? {} : { call }),
  });
  expect({ nonRetryable: error.nonRetryable ?? false, delay: error.nextRetryDelay ?? 0 }).toEqual({
    nonRetryable: !retried,
    delay: retried ? delay : 0,
  });
  if (hint === 'any') expect(details?.hint).toMatch(/^[A-Z].*\.$/);
  else expect(details?.hint.startsWith(hint ?? hintOf(code) ?? 'none')).toBe(true);
  expect(details?.message).toMatch(/\S.*\.$/s);
  expect(JSON.stringify([error.message, error.stack, error.details])).not.toContain(canary);
}

/** The error with which a promise is rejected. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => {
      throw new Error(`expected a failure, not ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}

/** An engine that answers every call with one gRPC status. The real client speaks to it. */
export async function startRefusingEngine(): Promise<{
  address: string;
  /** How the following calls are answered: a gRPC status, or a connection that is cut. */
  answer(next: { status: number; message?: string } | 'cut'): void;
  close(): Promise<void>;
}> {
  let next: { status: number; message?: string } | 'cut' = { status: 14 };
  const server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    // What a server can do is asked once, before the first call.
    const handshake = headers[':path']?.endsWith('/GetSystemInfo') === true;
    const answer = handshake ? { status: 12 } : next;
    if (answer === 'cut') return stream.session?.destroy();
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': String(answer.status),
        'grpc-message': encodeURIComponent(answer.message ?? ''),
      },
      { endStream: true },
    );
  });
  server.on('sessionError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: (given) => (next = given),
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Own errors that only workflows raise; activities raise the others. */
export const raisedByWorkflows = [
  'PoolIsBeingDeleted',
  'PoolNotCreated',
  'InvalidRequest',
  'ApplyFailed',
  'NothingToApprove',
  'AgentDidNotConnect',
  'TimedOut',
] as const satisfies readonly OwnErrorCode[];

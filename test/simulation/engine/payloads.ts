import { defaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import type { Failure, Payload } from './sdk.ts';

/** Values as they travel: through the SDK's own converter, so that what JSON loses is lost here too. */
export const encode = (value: unknown): Payload => defaultPayloadConverter.toPayload(value) ?? {};
export const encodeAll = (values: readonly unknown[]): Payload[] => values.map(encode);
export const decode = (payload: Payload | null | undefined): unknown =>
  payload?.metadata ? defaultPayloadConverter.fromPayload(payload) : undefined;
export const decodeAll = (payloads: readonly Payload[] | null | undefined): unknown[] => (payloads ?? []).map(decode);

/** An error as a worker sends it. */
export const failureOf = (error: unknown): Failure =>
  defaultFailureConverter.errorToFailure(error, defaultPayloadConverter);

/** A failure as a client receives it. */
export const errorOf = (failure: Failure): Error =>
  defaultFailureConverter.failureToError(failure, defaultPayloadConverter);

/** Search attributes by name; all of ours are single keywords. */
export function decodeSearchAttributes(fields: Record<string, Payload> | null | undefined): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [name, payload] of Object.entries(fields ?? {})) {
    const value: unknown = JSON.parse(Buffer.from(payload.data ?? []).toString('utf8') || 'null');
    const [first] = Array.isArray(value) ? (value as unknown[]) : [value];
    if (typeof first === 'string') attributes[name] = first;
  }
  return attributes;
}

/** Text that is equal for equal data, whatever carries it: for comparing what an instance did with what it does again. */
export function stable(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    // Of the sandbox's own realm, so `instanceof` would not know it.
    if (ArrayBuffer.isView(part)) return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('latin1');
    if (typeof part === 'object' && part !== null && 'low' in part && 'high' in part) {
      return `${String(part.high)}:${String(part.low)}`;
    }
    return part;
  });
}

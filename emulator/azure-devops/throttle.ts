import type { Clock } from '../core/context.ts';
import { errorBody } from './errors.ts';

/** The window in which Azure DevOps counts: five minutes, sliding. */
const windowMs = 300_000;

/** Counts calls by identity. */
export interface Throttle {
  /**
   * Counts one call. Answers the headers to send with it once most of the budget is used, and whether it is refused.
   */
  count(identity: string): { refused: boolean; headers: Record<string, string> };
}

/**
 * A stand-in for the real budget of 200 throughput units per five minutes, whose prices nobody publishes: every call
 * costs the same. As on a live server, delays are announced on answers with status 200 before calls are refused.
 */
export function createThrottle(clock: Clock, limit: number): Throttle {
  const buckets = new Map<string, { used: number; at: number }>();
  return {
    count(identity) {
      if (!Number.isFinite(limit)) return { refused: false, headers: {} };
      const now = clock.now();
      const before = buckets.get(identity) ?? { used: 0, at: now };
      const drained = Math.max(0, before.used - ((now - before.at) * limit) / windowMs);
      const refused = drained + 1 > limit;
      const used = refused ? drained : drained + 1;
      buckets.set(identity, { used, at: now });
      if (used < limit * 0.8) return { refused, headers: {} };
      const secondsToHalf = Math.ceil(((used - limit / 2) * windowMs) / limit / 1000);
      return { refused, headers: delayHeaders(refused ? secondsToHalf : 5, limit, limit - used, now) };
    },
  };
}

/** What Azure DevOps says to a caller that it slows down. `now` is milliseconds since the epoch. */
export function delayHeaders(
  retryAfterSeconds: number,
  limit: number,
  remaining: number,
  now: number,
): Record<string, string> {
  return {
    'retry-after': String(retryAfterSeconds),
    'x-ratelimit-resource': 'Services/v2',
    'x-ratelimit-delay': String(Math.min(30, retryAfterSeconds)),
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(Math.max(0, Math.floor(remaining))),
    'x-ratelimit-reset': String(Math.ceil(now / 1000) + retryAfterSeconds),
  };
}

/** The body of a refusal for too many calls. */
export function blockedBody(): Record<string, unknown> {
  return errorBody(
    'RequestBlockedException',
    'TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource Services/v2 in namespace User.',
  );
}

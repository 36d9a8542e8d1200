/**
 * What Azure DevOps says about its budget: 200 throughput units in a sliding window of five minutes per identity. It
 * delays first, and says so on answers with status 200; only later does it refuse (429, `TF400733`).
 */

/** Headers of an answer, lower case, as Node gives them. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The sliding window that the server counts in: no answer asks for a longer pause than it. */
const windowMs = 300_000;

/** Pause when the budget is used up and the server names no time. */
const exhaustedMs = 30_000;

/**
 * How long to leave the organisation alone after an answer, in milliseconds; 0 when the server is content.
 *
 * @param headers of any answer, also of a successful one
 * @param now milliseconds since the epoch
 */
export function pauseAfter(headers: AnswerHeaders, now: number): number {
  const retryAfter = headers['retry-after'];
  const asked = typeof retryAfter === 'string' ? retryAfterMs(retryAfter, now) : undefined;
  if (asked !== undefined) return Math.min(asked, windowMs);

  // A delayed answer means that the budget is overdrawn: the same delay again, spent here instead of in a socket.
  const delay = numeric(headers['x-ratelimit-delay']);
  if (delay !== undefined && delay > 0) return Math.min(delay * 1_000, windowMs);

  const remaining = numeric(headers['x-ratelimit-remaining']);
  if (remaining === undefined || remaining > 0) return 0;
  const reset = numeric(headers['x-ratelimit-reset']);
  const untilReset = reset === undefined ? exhaustedMs : reset * 1_000 - now;
  return Math.min(Math.max(untilReset, 0), exhaustedMs);
}

/** `Retry-After` in both of its forms: seconds, or an HTTP date. */
function retryAfterMs(value: string, now: number): number | undefined {
  const seconds = Number(value);
  if (value.trim() !== '' && Number.isFinite(seconds)) return Math.max(seconds * 1_000, 0);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(date - now, 0);
}

function numeric(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

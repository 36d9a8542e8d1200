import { z } from 'zod';
import { text } from '../validation/bounded.ts';

/** A list of 1 to `maximum` items. */
export function list<T extends z.ZodType>(item: T, maximum: number) {
  return z
    .array(item)
    .min(1, 'It needs at least one item.')
    .max(maximum, `It must have at most ${grouped(maximum)} items.`);
}

/** An agent pool's name in Azure DevOps, as the product limits it. */
export function alias() {
  return text(128).regex(
    /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/,
    'It must have letters, digits and hyphens only, and begin and end with a letter or digit.',
  );
}

const day = 24 * 3_600_000;
const week = 7 * day;

/**
 * Milliseconds of a .NET `TimeSpan`, `d.hh:mm:ss` or `hh:mm:ss`, as ARM writes durations.
 *
 * @returns `undefined` when the text is no such duration
 */
export function timeSpanMs(span: string): number | undefined {
  const match = /^(?:(\d{1,8})\.)?([01]?\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.\d{1,7})?$/.exec(span);
  if (!match) return undefined;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0'] = match;
  return Number(days) * day + Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1_000;
}

/** A duration of at most seven days. */
export function timeSpanOfAWeek() {
  return z.string().superRefine((span, context) => {
    const duration = timeSpanMs(span);
    if (duration === undefined) {
      context.addIssue({ code: 'custom', message: 'It must be a duration d.hh:mm:ss, such as 0.08:00:00.' });
    } else if (duration > week) {
      context.addIssue({
        code: 'custom',
        params: { rule: 'OutOfRange' },
        message: 'It must be at most seven days, 7.00:00:00.',
      });
    }
  });
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}

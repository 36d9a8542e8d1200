import { z } from 'zod';

/** A string of 1 to `maximum` characters; what is longer is not looked at any further. */
export function text(maximum: number) {
  return z
    .string()
    .min(1, { error: 'It must not be empty.', abort: true })
    .max(maximum, { error: `It must have at most ${maximum.toLocaleString('en-US')} characters.`, abort: true });
}

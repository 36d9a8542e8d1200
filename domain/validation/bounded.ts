import { z } from 'zod';

/** A string of 1 to `maximum` characters; what is longer is not looked at any further. */
export function text(maximum: number) {
  return z
    .string()
    .min(1, { error: 'It must not be empty.', abort: true })
    .max(maximum, { error: `It must have at most ${maximum.toLocaleString('en-US')} characters.`, abort: true });
}

/** A whole number within bounds, both included. */
export function int(minimum: number, maximum: number) {
  const sentence = `It must be a whole number from ${minimum.toLocaleString('en-US')} to ${maximum.toLocaleString('en-US')}.`;
  // Zod bounds `int` by what JavaScript counts exactly and says so in its own words; ours name the real bounds.
  const error = ({ code }: { code?: string }) => (code === 'invalid_type' ? undefined : sentence);
  return z.int({ error, abort: true }).min(minimum, sentence).max(maximum, sentence);
}

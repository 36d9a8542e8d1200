import { InvalidArgumentError } from 'commander';

/** Parsers of options and arguments; each says what would be right. */

/** A whole number from 1. */
export function positiveInteger(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < 1) {
    throw new InvalidArgumentError('It must be a whole number from 1.');
  }
  return number;
}

/** A number above 0. */
export function positiveNumber(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number <= 0) {
    throw new InvalidArgumentError('It must be a number above 0.');
  }
  return number;
}

/** A TCP port; 0 would be a free one, which nobody could find again. */
export function port(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1 || number > 65_535) {
    throw new InvalidArgumentError('It must be a port from 1 to 65535.');
  }
  return number;
}

const unitSeconds = { s: 1, m: 60, h: 3_600 } as const;

/** A duration such as `30s`, `5m`, `2h` or plain seconds; answers seconds. At most two days, which no job outlives. */
export function seconds(value: string): number {
  const match = /^(\d+(?:\.\d+)?)([smh]?)$/.exec(value);
  const unit = (match?.[2] || 's') as keyof typeof unitSeconds;
  const number = match === null ? 0 : Number(match[1]) * unitSeconds[unit];
  if (number <= 0 || number > 48 * 3_600) {
    throw new InvalidArgumentError('It must be a time such as 30s, 5m or 2h, at most 48h.');
  }
  return number;
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * A deadline: a moment in ISO 8601, or a duration from now such as `90m`, `8h` or `2d`; answers milliseconds since the
 * epoch.
 */
export function deadline(now: () => number): (value: string) => number {
  return (value) => {
    const match = /^(\d{1,9}(?:\.\d{1,9})?)([mhd])$/.exec(value);
    if (match) return Math.round(now() + Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]);
    const at = /^\d{4}-\d{2}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(at)) return at;
    throw new InvalidArgumentError(
      'It must be a moment such as 2026-11-02T08:00:00Z, or a time such as 90m, 8h or 2d.',
    );
  };
}

/** A moment in ISO 8601; answers milliseconds since the epoch. */
export function instant(value: string): number {
  const at = /^\d{4}-\d{2}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) throw new InvalidArgumentError('It must be a moment such as 2026-11-02T08:00:00Z.');
  return at;
}

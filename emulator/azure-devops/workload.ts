import { normal } from '../core/chance.ts';
import type { Chance } from '../core/context.ts';
import { asObject, textAt, type Input } from './input.ts';
import type { RequestRecord, TaskResult } from './records.ts';
import { toResult } from './sessions.ts';

/** Half of the jobs without a stated duration are shorter. An assumption: an ordinary build with tests. */
const medianMs = 150_000;

/** Deviation of the logarithm of durations: job lengths have long tails. */
const spread = 0.8;

/** Nothing runs longer than two days. */
const longestMs = 172_800_000;

/**
 * What a build's parameters ask its one job to do: `{"durationSeconds": "30", "result": "failed"}`, or
 * `{"script": "make test"}`, a shell script that machines which are processes run.
 */
export function workOf(parameters: string | undefined, chance: Chance): RequestRecord['work'] {
  const given = read(parameters);
  const drawn = medianMs * Math.exp(spread * normal(chance));
  const asked = given['durationSeconds'] === undefined ? Number.NaN : Number(given['durationSeconds']) * 1_000;
  const durationMs = Number.isFinite(asked) && asked >= 0 ? asked : drawn;
  const result: TaskResult = toResult(given['result']) ?? 'succeeded';
  const script = textAt(given, 'script');
  return {
    durationMs: Math.round(Math.min(durationMs, longestMs)),
    result,
    ...(script === undefined ? {} : { script }),
  };
}

function read(parameters: string | undefined): Input {
  try {
    return asObject(JSON.parse(parameters ?? '{}'));
  } catch {
    return {};
  }
}

import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Schedule } from '../schedule/schedule.ts';

/** A schedule that once failed, kept to be run for ever. */
export interface Regression {
  /** What it broke. */
  invariant: string;
  /** Commit at which it did. */
  foundAt: string;
  /** What the failure was, and how it was mended once it is. */
  note: string;
  schedule: Schedule;
}

/** Where they are kept. */
export const regressionsFolder = fileURLToPath(new URL('../regressions', import.meta.url));

/** Every kept schedule with the name of its file. */
export function readRegressions(folder: string = regressionsFolder): { file: string; regression: Regression }[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => ({ file, regression: JSON.parse(readFileSync(join(folder, file), 'utf8')) as Regression }));
}

/** Keeps a schedule; answers the file. An earlier one of the same invariant and seed is replaced. */
export async function saveRegression(regression: Regression, folder: string = regressionsFolder): Promise<string> {
  const { invariant, schedule } = regression;
  const file = join(folder, `${invariant.replaceAll(/[^\w-]/g, '-')}-${schedule.seed}.json`);
  await mkdir(folder, { recursive: true });
  // Formatted as everything else here is, so that it can be committed as it stands.
  const { format } = await import('prettier');
  await writeFile(file, await format(JSON.stringify(regression), { parser: 'json', printWidth: 120 }));
  return file;
}

/** A schedule from a file: a kept one, or the schedule alone. */
export function readSchedule(text: string): { schedule: Schedule; regression?: Regression } {
  const value = JSON.parse(text) as Partial<Regression> & Partial<Schedule>;
  const schedule = value.schedule ?? (value as Schedule);
  if (schedule.version !== 1) {
    throw new RangeError('It is no schedule of version 1: it needs version, seed, pools, jobs, faults and the rest.');
  }
  return value.schedule === undefined ? { schedule } : { schedule, regression: value as Regression };
}

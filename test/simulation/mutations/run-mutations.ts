import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeMutant, misfit } from './mutant.ts';
import { mutations, type Mutation } from './mutations.ts';

const execute = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** How one planted bug fared. */
export interface MutationResult {
  mutation: string;
  bug: string;
  caught: boolean;
  /** That seed fails without the bug too, so that it proves nothing about it. */
  failsAnyway?: true;
  /** The seed that caught it, and what it broke. */
  seed?: number;
  broke?: string[];
  /** Seeds that were run. */
  seeds: number;
  seconds: number;
}

/** The part of the summary of `npm run simulate` that is read here. */
interface Summary {
  schedules: number;
  seconds: number;
  failedSeeds: number[];
  broken: Record<string, number>;
}

/** Which mutations to run: all, or those named. Throws a RangeError for a name that is not there. */
export function chooseMutations(names: readonly string[] | undefined): readonly Mutation[] {
  if (names === undefined) return mutations;
  return names.map((name) => {
    const found = mutations.find((mutation) => mutation.name === name);
    if (found) return found;
    throw new RangeError(`There is no mutation ${name}. There are ${mutations.map((one) => one.name).join(', ')}.`);
  });
}

/** Plants one bug in a copy of the product and simulates there until a seed breaks. */
export async function runMutation(mutation: Mutation, seeds: string, workers: number): Promise<MutationResult> {
  const wrong = await misfit(mutation);
  if (wrong !== undefined) throw new RangeError(`The mutation ${mutation.name} does not fit the product: ${wrong}`);
  const mutant = await makeMutant(mutation);
  try {
    const { schedules, seconds, failedSeeds, broken } = await simulateIn(mutant.folder, seeds, workers);
    const [seed] = failedSeeds;
    const failsAnyway = seed !== undefined && (await simulateIn(root, String(seed), 1)).failedSeeds.length > 0;
    return {
      mutation: mutation.name,
      bug: mutation.bug,
      caught: seed !== undefined && !failsAnyway,
      ...(failsAnyway ? { failsAnyway } : {}),
      ...(seed === undefined ? {} : { seed, broke: Object.keys(broken) }),
      seeds: schedules,
      seconds,
    };
  } finally {
    await mutant.remove();
  }
}

async function simulateIn(folder: string, seeds: string, workers: number): Promise<Summary> {
  const args = ['test/simulation/main.ts', `--seeds=${seeds}`, `--workers=${workers}`, '--no-shrink', '--json'];
  const flags = ['--disable-warning=ExperimentalWarning'];
  const options = { cwd: folder, maxBuffer: 2 ** 26 };
  // A mutant that is caught ends with 1, and its summary is on standard output all the same.
  const { stdout } = await execute(process.execPath, [...flags, ...args], options).catch((error: unknown) => {
    const { stdout: text = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    if (text === '') throw new Error(`The simulation did not run: ${stderr.slice(-2_000)}`, { cause: error });
    return { stdout: text };
  });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Summary;
}

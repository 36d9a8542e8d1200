import { parseArgs } from 'node:util';
import { burst } from './burst.ts';
import { detect } from './detect.ts';
import { machineFacts } from './machine.ts';
import { recovery } from './recovery.ts';
import { steady } from './steady.ts';

/**
 * `npm run bench -- NAME [options]`: measures the whole system against the embedded cloud and prints one line of JSON
 * with its inputs, its results and the machine. Nothing here passes or fails.
 */
const benches: Record<string, (inputs: Record<string, string>) => Promise<Measured>> = {
  burst,
  detect,
  recovery,
  steady,
};

/** What a bench answers: what it was given and what it saw. */
export interface Measured {
  inputs: Record<string, unknown>;
  results: Record<string, unknown>;
}

const usage = `usage: npm run bench -- NAME [--option value]...
  burst   --jobs 500 --duration 10 --scale 0.1
          jobs queued at once on an empty pool: last create call, jobs finished, calls and history events per agent
  detect  --trace FILE --minutes 10 --from 2020-05-12T14:00:00Z --scale 0.1
          time from a job's queueing to its create call, under a trace at real speed
  recovery --agents 200 --jobs 40 --duration 10 --scale 0.1
          the worker killed, then the engine, in the middle of work: time until nothing is pending from before
  steady  --agents 1000 --minutes 5 --scale 0.1
          calls per minute, processor time and memory while agents stand idle`;

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: Object.fromEntries(
      ['jobs', 'duration', 'scale', 'trace', 'minutes', 'from', 'agents'].map((name) => [
        name,
        { type: 'string' as const },
      ]),
    ),
  });
  const [name = ''] = positionals;
  const bench = benches[name];
  if (!bench) {
    process.stderr.write(`error: there is no bench named "${name}"\n${usage}\n`);
    return 2;
  }
  const measured = await bench(values as Record<string, string>);
  process.stdout.write(`${JSON.stringify({ bench: name, ...measured, machine: machineFacts() })}\n`);
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);

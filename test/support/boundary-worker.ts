import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parseInstallation } from '../../domain/installation.ts';
import { startWorkers } from '../../workers/workers.ts';

/**
 * The worker process with one addition: at each boundary of an activity (before it runs, and after it ran but before
 * anybody learns of it) it asks the test at `--boundary URL` and waits for the answer. The test may meanwhile kill any
 * process, this one too.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { installation: { type: 'string' }, boundary: { type: 'string' } } });
  const { installation: file, boundary } = values;
  if (!file || !boundary) throw new Error('needs --installation FILE and --boundary URL');
  const parsed = parseInstallation(JSON.parse(await readFile(file, 'utf8')));
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  const ask = async (activity: string, side: 'before' | 'after') => {
    await fetch(`${boundary}/${side}/${activity}`, { method: 'POST' });
  };
  const { finished } = await startWorkers(parsed.installation, {
    activityInterceptors: [
      ({ info: { activityType } }) => ({
        inbound: {
          async execute(input, next) {
            await ask(activityType, 'before');
            const result = await next(input);
            await ask(activityType, 'after');
            return result;
          },
        },
      }),
    ],
  });
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
  await finished;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);

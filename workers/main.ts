import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { parseInstallation } from '../domain/installation.ts';
import { startWorkers } from './workers.ts';

/**
 * The worker process: polls every task queue of one installation until it is told to stop. Prints one JSON line on
 * standard output when it is ready; everything else goes to standard error.
 */
const usage = 'usage: node workers/main.ts --installation FILE';

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { installation: { type: 'string' } } });
  const file = values.installation ?? process.env['ODP_INSTALLATION'];
  if (!file) {
    process.stderr.write(`error: no installation document was given\nhint: ${usage}, or set ODP_INSTALLATION\n`);
    return 2;
  }
  const parsed = parseInstallation(parse(await readFile(file, 'utf8')));
  if ('violations' in parsed) {
    for (const { path, message } of parsed.violations) process.stderr.write(`error: ${file}: ${path}: ${message}\n`);
    return 2;
  }
  const workers = await startWorkers(parsed.installation);
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid })}\n`);
  await workers.finished;
  return 0;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`error: the worker stopped: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);

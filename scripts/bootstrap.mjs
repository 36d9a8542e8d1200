#!/usr/bin/env node
// The way in after a clone: `node scripts/bootstrap.mjs COMMAND [arguments]`, with the commands of the table
// below. Runs on Node 20 or later without any dependency, finds or fetches what is missing, says each step, and hands
// over.
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './lib/dependencies.mjs';
import { handOver } from './lib/hand-over.mjs';
import { ensureNode } from './lib/node.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @type {Record<string, (args: string[]) => string[]>} */
const commands = {
  start: (args) => ['client/cli/main.ts', 'up', ...args],
  odp: (args) => ['client/cli/main.ts', ...args],
  test: (args) => ['scripts/test.ts', ...args],
  check: (args) => ['scripts/check.ts', ...args],
  bench: (args) => ['bench/main.ts', ...args],
  simulate: (args) => ['test/simulation/main.ts', ...args],
  chaos: (args) => ['test/chaos/main.ts', ...args],
  record: (args) => ['scripts/record-histories.ts', ...args],
};

const [name = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (!command) {
  process.stderr.write(`usage: node scripts/bootstrap.mjs ${Object.keys(commands).join('|')} [arguments]\n`);
  process.exit(2);
}

/** Standard output belongs to the command; `odp … --output json` must stay readable by programs. @param {string} line */
const log = (line) => process.stderr.write(`${line}\n`);
try {
  const node = await ensureNode(log);
  await ensureDependencies(root, node, log);
  process.exitCode = await handOver(node, command(args), root);
} catch (error) {
  log(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

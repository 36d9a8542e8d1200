#!/usr/bin/env node
import { processIo } from './io.ts';
import { run } from './run.ts';

const code = await run(process.argv.slice(2), processIo());
// What is still open (idle connections, a killed child's pipes) must not keep the process; what was printed must go out.
process.exitCode = code;
process.stdout.write('', () => process.exit(code));

/**
 * Runs the tests: `node scripts/test.ts [jest arguments]`. Ends with one line `N passed, N failed, N skipped` and with
 * jest's exit code.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopTestEngine } from '../test/support/engine-process.ts';
import { variables } from '../test/support/variables.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'odp-test-'));
const reportFolder = await mkdtemp(join(tmpdir(), 'odp-report-'));
const report = join(reportFolder, 'jest.json');

// ESM-only packages load in jest only with this flag.
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const child = spawn(
  process.execPath,
  [join(root, 'node_modules/jest/bin/jest.js'), '--json', `--outputFile=${report}`, ...process.argv.slice(2)],
  {
    cwd: root,
    // With --json jest writes its report on stdout too; people read stderr.
    stdio: ['inherit', 'ignore', 'inherit'],
    env: {
      ...process.env,
      [variables.folder]: folder,
      NODE_OPTIONS: [process.env.NODE_OPTIONS, ...flags].filter(Boolean).join(' '),
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
const code = await new Promise<number>((resolve) => {
  child.on('error', () => resolve(1));
  child.on('exit', (exitCode) => resolve(exitCode ?? 1));
});
// Jest's own tear-down does this; it does not run when jest was ended by a signal.
await stopTestEngine(folder);

interface Summary {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numRuntimeErrorTestSuites: number;
}

let summary: Summary | undefined;
try {
  summary = JSON.parse(await readFile(report, 'utf8')) as Summary;
} catch {
  process.stderr.write('jest ended without a report\n');
}
await rm(reportFolder, { recursive: true, force: true });
// A file that cannot be loaded has no test that could fail; it still counts as one failure.
const failed = summary ? summary.numFailedTests + summary.numRuntimeErrorTestSuites : 1;
process.stdout.write(
  `${summary?.numPassedTests ?? 0} passed, ${failed} failed, ${summary?.numPendingTests ?? 0} skipped\n`,
);
process.exit(code === 0 && failed > 0 ? 1 : code);

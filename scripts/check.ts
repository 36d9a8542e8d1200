/** Runs every check that needs no engine, all of them even when one fails: types, build, lint, layout, shell scripts. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onSearchPath } from '../client/engine/executable.ts';

const shellScripts = [
  'deploy/temporal/setup-schema.sh',
  'deploy/temporal/create-namespace.sh',
  'activities/azure/bootstrap/linux.sh',
];
const root = fileURLToPath(new URL('..', import.meta.url));
/** A command, and the exit code that is right for it. */
type Step = { name: string; command: [string, ...string[]]; right: number };
const npm = (script: string): Step => ({ name: script, command: ['npm', 'run', '--silent', script], right: 0 });
const steps: Step[] = [npm('typecheck'), npm('build')];
// What the container runs. Without an installation document it says so and ends with 2, after every module was loaded.
steps.push({ name: 'built worker starts', command: [process.execPath, 'dist/workers/main.js'], right: 2 });
steps.push(npm('lint'), npm('format'));
const [shellcheck] = await onSearchPath('shellcheck', process.env);
if (shellcheck) steps.push({ name: 'shellcheck', command: [shellcheck, '.ci/run', ...shellScripts], right: 0 });
else process.stdout.write('shellcheck: not on PATH, shell scripts are not checked\n');

const environment = { ...process.env };
delete environment['ODP_INSTALLATION'];
let failed = 0;
for (const { name, command, right } of steps) {
  const [program, ...args] = command;
  const started = Date.now();
  const { status } = spawnSync(program, args, {
    cwd: root,
    env: environment,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  const verdict = status === right ? 'passed' : 'FAILED';
  process.stdout.write(`${name}: ${verdict} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
  if (status !== right) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);

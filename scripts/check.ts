/** Runs every check that needs no engine, all of them even when one fails: types, build, lint, layout, shell scripts. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onSearchPath } from '../client/engine/executable.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const scripts = ['typecheck', 'build', 'lint', 'format'];
const commands: [string, ...string[]][] = scripts.map((script) => ['npm', 'run', '--silent', script]);
const [shellcheck] = await onSearchPath('shellcheck', process.env);
if (shellcheck) commands.push([shellcheck, '.ci/run']);
else process.stdout.write('shellcheck: not on PATH, shell scripts are not checked\n');

let failed = 0;
for (const [command, ...args] of commands) {
  const started = Date.now();
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  const name = command === 'npm' ? args.at(-1) : command;
  process.stdout.write(
    `${name}: ${status === 0 ? 'passed' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`,
  );
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);

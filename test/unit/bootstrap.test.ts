import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What the bootstrap does runs in processes of its own here, as after a clone. */
const library = (name: string) => pathToFileURL(join(process.cwd(), 'scripts', 'lib', name)).href;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odp-bootstrap-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function run(script: string, environment: NodeJS.ProcessEnv = process.env) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    env: environment,
  });
  return { status, stdout, stderr };
}

describe('the bootstrap', () => {
  test('names its commands when it is called without one', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/bootstrap.mjs'], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/usage: .*start\|odp\|test\|check\|bench/);
  });

  test.each([
    ['v20.20.2', false],
    ['v24.8.0', false],
    ['v24.9.0', true],
    ['v24.21.0', true],
    ['v25.0.0', false],
  ])('runs the project on Node %s: %s', (version, right) => {
    const { stdout } = run(`import { suits } from '${library('node.mjs')}'; console.log(suits('${version}'))`);
    expect(stdout.trim()).toBe(String(right));
  });
});

describe('installed dependencies', () => {
  const wanted = {
    '': { version: '1.0.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/a-darwin': { version: '1.0.0', integrity: 'sha512-d', optional: true },
  };

  async function installed(present: Record<string, unknown> | undefined): Promise<string> {
    await writeFile(join(folder, 'package-lock.json'), JSON.stringify({ packages: wanted }));
    await mkdir(join(folder, 'node_modules'));
    if (present) {
      await writeFile(join(folder, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: present }));
    }
    const script = `import { installed } from '${library('dependencies.mjs')}'; console.log(await installed('${folder}'))`;
    return run(script).stdout.trim();
  }

  test('are those of the lock file, without the binaries of other platforms', async () => {
    expect(await installed({ 'node_modules/a': wanted['node_modules/a'] })).toBe('true');
  });

  test('are not those of another version, nor what an interrupted install left', async () => {
    expect(await installed({ 'node_modules/a': { version: '1.0.1', integrity: 'sha512-b' } })).toBe('false');
    await rm(join(folder, 'node_modules'), { recursive: true });
    expect(await installed(undefined)).toBe('false');
  });
});

describe('npm that fails', () => {
  const callNpm = `import { runNpm } from '${library('npm.mjs')}';
    await runNpm(['ci'], '.').catch(({ message }) => console.log(message));`;

  async function withNpm(output: string): Promise<string> {
    const npm = join(folder, 'npm');
    await writeFile(npm, `#!/bin/sh\necho '${output}' >&2\nexit 1\n`, { mode: 0o755 });
    return run(callNpm, { PATH: folder }).stdout;
  }

  test('is quoted, with what to do about it', async () => {
    expect(await withNpm('npm error code ENOTFOUND')).toMatch(/npm ci failed.*ENOTFOUND.*hint: .*cannot be reached/s);
    expect(await withNpm('npm error Missing: x@1 from lock file')).toMatch(/hint: .*do not agree/s);
  });

  test('that is not there is asked for', () => {
    expect(run(callNpm, { PATH: folder }).stdout).toMatch(/npm is not on PATH; install it/);
  });
});

describe('the command that takes over', () => {
  const start = async (body: string) => {
    await writeFile(join(folder, 'child.mjs'), body);
    return spawn(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        `import { handOver } from '${library('hand-over.mjs')}';
         process.exitCode = await handOver(process.execPath, ['child.mjs', 'one', 'two'], '${folder}');`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
  };
  const end = (child: Awaited<ReturnType<typeof start>>) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return new Promise<{ code: number | null; output: string }>((resolve) => {
      child.on('close', (code) => resolve({ code, output }));
    });
  };

  test('gets the arguments, and its exit code is kept', async () => {
    const { code, output } = await end(await start('console.log(process.argv.slice(2).join()); process.exitCode = 7;'));
    expect({ code, output }).toEqual({ code: 7, output: 'one,two\n' });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('hears %s once, although npm sends it twice', async (signal) => {
    const child = await start(`
      let heard = 0;
      process.on('${signal}', () => { heard += 1; if (heard === 1) setTimeout(() => { console.log('heard ' + heard); process.exit(3); }, 300); });
      setInterval(() => {}, 1000);
      console.log('ready');
    `);
    const ended = end(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill(signal);
    if (signal === 'SIGINT') setTimeout(() => child.kill(signal), 50);
    expect(await ended).toEqual({ code: 3, output: 'ready\nheard 1\n' });
  });

  test('that is killed leaves the exit code of its signal', async () => {
    const { code } = await end(await start("process.kill(process.pid, 'SIGKILL');"));
    expect(code).toBe(137);
  });
});

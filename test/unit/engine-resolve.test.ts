import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { cacheFolder, withLock } from '../../client/engine/cache.mjs';
import { EngineNotFound, resolveEngine } from '../../client/engine/resolve.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'odp-engine-'));
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

/** A file that answers `--version` as the temporal command does, or as told. */
async function command(path: string, answer = 'temporal version 9.9.9 (Server 9.9.9)', code = 0): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${answer}'\nexit ${code}\n`);
  await chmod(path, 0o755);
  return path;
}

/** Nothing of the machine's own is found in this environment, and nothing can be fetched. */
const bare = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  HOME: home,
  XDG_CACHE_HOME: join(home, 'cache'),
  PATH: join(home, 'empty'),
  // The SDK's download obeys this; nobody listens on that port.
  HTTPS_PROXY: 'http://127.0.0.1:9',
  ...more,
});

async function resolve(environment: NodeJS.ProcessEnv, executable?: string) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const engine = await resolveEngine({ environment, log, ...(executable ? { executable } : {}) });
  return { engine, lines };
}

describe('the engine that is used', () => {
  test('is the executable that was named, before an address in the environment', async () => {
    const path = await command(join(home, 'named', 'temporal'));
    const { engine } = await resolve(bare({ TEMPORAL_ADDRESS: 'other:7233' }), path);
    expect(engine).toEqual({ kind: 'executable', path, source: '--temporal' });
  });

  test('is never another one than the executable that was named', async () => {
    await command(join(home, 'bin', 'temporal'));
    const wrong = await command(join(home, 'named', 'temporal'), 'something else');
    const environment = bare({ PATH: join(home, 'bin') });
    await expect(resolve(environment, wrong)).rejects.toThrow(/--temporal .* is not the temporal command/);
    const missing = { ...environment, TEMPORAL_CLI: join(home, 'missing') };
    await expect(resolve(missing)).rejects.toThrow(EngineNotFound);
  });

  test('is the address in the environment, with its namespace and key', async () => {
    const { engine } = await resolve(
      bare({ TEMPORAL_ADDRESS: 'engine:7233', TEMPORAL_NAMESPACE: 'pools', TEMPORAL_API_KEY: 'key' }),
    );
    expect(engine).toMatchObject({ kind: 'address', address: 'engine:7233', namespace: 'pools', apiKey: 'key' });
  });

  test('is reached with the certificate files that the environment names, by their new and their old names', async () => {
    for (const name of ['ca', 'certificate', 'key']) await writeFile(join(home, name), `content of ${name}`);
    for (const [authority, certificate, key] of [
      ['TEMPORAL_TLS_SERVER_CA_CERT_PATH', 'TEMPORAL_TLS_CLIENT_CERT_PATH', 'TEMPORAL_TLS_CLIENT_KEY_PATH'],
      ['TEMPORAL_TLS_CA', 'TEMPORAL_TLS_CERT', 'TEMPORAL_TLS_KEY'],
    ] as const) {
      const { engine } = await resolve(
        bare({
          TEMPORAL_ADDRESS: 'engine:7233',
          [authority]: join(home, 'ca'),
          [certificate]: join(home, 'certificate'),
          [key]: join(home, 'key'),
        }),
      );
      expect(engine).toMatchObject({
        namespace: 'default',
        tls: {
          serverRootCACertificate: Buffer.from('content of ca'),
          clientCertPair: { crt: Buffer.from('content of certificate'), key: Buffer.from('content of key') },
        },
      });
    }
  });

  test('is the first on PATH that answers as the temporal command', async () => {
    await command(join(home, 'first', 'temporal'), 'broken', 1);
    const path = await command(join(home, 'second', 'temporal'));
    const { engine, lines } = await resolve(
      bare({ PATH: ['first', 'second'].map((x) => join(home, x)).join(delimiter) }),
    );
    expect(engine).toEqual({ kind: 'executable', path, source: 'PATH' });
    expect(lines[0]).toMatch(/not by PATH: .*first.*broken/);
  });

  test('is the one that was fetched before, when PATH has none', async () => {
    const environment = bare();
    const path = await command(join(cacheFolder(environment), 'engine', 'temporal'));
    const { engine } = await resolve(environment);
    expect(engine).toEqual({ kind: 'executable', path, source: 'cache' });
  });

  test('is built with Go when it cannot be downloaded, and kept', async () => {
    // Stands for the Go toolchain: it writes a command where `go install` would.
    const go = join(home, 'go', 'go');
    await command(go);
    await writeFile(
      go,
      `#!/bin/sh\necho "$@" > '${home}/arguments'\nprintf '#!/bin/sh\\necho temporal version built\\n' > "$GOBIN/temporal"\n`,
    );
    const environment = bare({ PATH: [join(home, 'go'), '/usr/bin', '/bin'].join(delimiter) });
    const { engine, lines } = await resolve(environment);
    expect(engine).toMatchObject({ kind: 'executable', source: 'go install' });
    expect(await readFile(join(home, 'arguments'), 'utf8')).toMatch(
      /^install github\.com\/temporalio\/cli\/cmd\/temporal@v[\d.]+\n$/,
    );
    expect(lines.join('\n')).toMatch(/not by Temporal SDK download: .+/);
    expect((await resolve(environment)).engine).toMatchObject({ source: 'cache' });
  });

  test('is missed with every reason and what to install', async () => {
    const failure = await resolve(bare()).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EngineNotFound);
    const { message } = failure as Error;
    for (const part of [
      'PATH: no temporal',
      'cache:',
      'SDK download:',
      'no go on PATH',
      'no python3',
      'TEMPORAL_ADDRESS',
    ]) {
      expect(message).toContain(part);
    }
  });
});

describe('a lock between processes', () => {
  test('lets one task run at a time', async () => {
    let running = 0;
    let most = 0;
    const task = async () => {
      most = Math.max(most, ++running);
      await new Promise((done) => setTimeout(done, 20));
      running -= 1;
    };
    await Promise.all([1, 2, 3].map(() => withLock(join(home, 'lock'), () => {}, task)));
    expect(most).toBe(1);
  });

  test('is taken over from a process that died, and given back after a failure', async () => {
    const folder = join(home, 'lock');
    await mkdir(folder);
    // No process has this id: it is above the highest that Linux and macOS give.
    await writeFile(join(folder, 'pid'), '99999999');
    await expect(
      withLock(
        folder,
        () => {},
        () => Promise.reject(new Error('task failed')),
      ),
    ).rejects.toThrow('task failed');
    expect(
      await withLock(
        folder,
        () => {},
        () => Promise.resolve('free'),
      ),
    ).toBe('free');
  });
});

describe('the cache folder', () => {
  test.each([
    ['linux', { HOME: '/h' }, '/h/.cache/open-devops-pools'],
    ['linux', { HOME: '/h', XDG_CACHE_HOME: '/x' }, '/x/open-devops-pools'],
    ['darwin', { HOME: '/h' }, '/h/Library/Caches/open-devops-pools'],
  ] as const)('on %s with %j is %s', (platform, environment, folder) => {
    expect(cacheFolder(environment, platform)).toBe(folder);
  });
});

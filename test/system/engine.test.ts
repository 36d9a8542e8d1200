import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { runCommand } from '../../client/engine/command.ts';
import { startDevServer, type DevServer, type DevServerOptions } from '../../client/engine/dev-server.ts';
import { resolveEngine } from '../../client/engine/resolve.ts';
import { ensureSearchAttributes } from '../../client/engine/search-attributes.ts';
import { searchAttributeNames } from '../../domain/names.ts';
import { freePort } from '../support/engine-process.ts';
import { testEngine } from '../support/engine.ts';

let executable: string;
let folder: string;
let server: DevServer | undefined;

beforeAll(async () => {
  const { TEMPORAL_ADDRESS: _, ...environment } = process.env;
  const engine = await resolveEngine({ environment, log: () => {} });
  if (engine.kind !== 'executable') throw new Error('an address was found where an executable was asked for');
  executable = engine.path;
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odp-dev-server-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function start(more: Partial<DevServerOptions> = {}): Promise<DevServer> {
  server = await startDevServer({
    executable,
    ip: '127.0.0.1',
    port: await freePort(),
    uiPort: await freePort(),
    databaseFile: join(folder, 'state', 'engine.db'),
    namespace: 'default',
    searchAttributes: searchAttributeNames,
    logFile: join(folder, 'logs', 'engine.log'),
    ...more,
  });
  return server;
}

async function connected<T>(address: string, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

const namesIn = (namespace: string) => async (connection: Connection) => {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.keys(customAttributes);
};

describe('the dev server', () => {
  test('serves at once, with our search attributes and its Web UI', async () => {
    const { address, uiAddress } = await start();
    expect(await connected(address, namesIn('default'))).toEqual(expect.arrayContaining([...searchAttributeNames]));
    expect((await fetch(uiAddress)).status).toBe(200);
  });

  test('ends when it is stopped, and is the same engine when it starts again', async () => {
    const first = await start({ headless: true });
    await connected(first.address, (connection) =>
      connection.workflowService.registerNamespace({
        namespace: 'kept',
        workflowExecutionRetentionPeriod: { seconds: 604_800 } as never,
      }),
    );
    await first.stop();
    await first.exited;
    expect(() => process.kill(first.pid, 0)).toThrow();
    const second = await start({ headless: true });
    const described = await connected(second.address, (connection) =>
      connection.workflowService.describeNamespace({ namespace: 'kept' }),
    );
    expect(described.namespaceInfo?.name).toBe('kept');
  });

  test('says the end of its log when it cannot start', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    await expect(start({ port })).rejects.toThrow(
      /before it served\nthe end of .*engine\.log:\n.*address already in use/s,
    );
    taken.close();
  });

  test('keeps its log from other users', async () => {
    await start({ headless: true });
    const { mode } = await stat(join(folder, 'logs', 'engine.log'));
    expect(mode & 0o077).toBe(0);
  });
});

describe('search attributes of an engine that somebody else runs', () => {
  test('are added where they are missing, and a second time nothing changes', async () => {
    const { address } = await start({ headless: true, searchAttributes: [] });
    await connected(address, async (connection) => {
      await ensureSearchAttributes(connection, 'default');
      await ensureSearchAttributes(connection, 'default');
      expect(await namesIn('default')(connection)).toEqual(expect.arrayContaining([...searchAttributeNames]));
    });
  });

  test('are refused when one exists with another type', async () => {
    const { address } = await start({ headless: true, searchAttributes: [] });
    await connected(address, async (connection) => {
      const integer = 3;
      await connection.operatorService.addSearchAttributes({
        namespace: 'default',
        searchAttributes: { VmSize: integer },
      });
      await expect(ensureSearchAttributes(connection, 'default')).rejects.toThrow(/another type than Keyword: VmSize/);
    });
  });
});

describe('deploy/temporal/create-namespace.sh', () => {
  test('makes the namespace with its search attributes, and repeats without harm', async () => {
    const { address } = testEngine();
    const namespace = `deployed-${process.pid}`;
    const environment = {
      PATH: `${join(executable, '..')}:/usr/bin:/bin`,
      HOME: folder,
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      SEARCH_ATTRIBUTES: searchAttributeNames.join(' '),
    };
    for (let time = 0; time < 2; time++) {
      const { succeeded, output } = await runCommand('/bin/sh', ['deploy/temporal/create-namespace.sh'], {
        environment,
        limitMs: 60_000,
      });
      expect([succeeded, output]).toEqual([true, expect.any(String)]);
    }
    await connected(address, async (connection) => {
      expect(await namesIn(namespace)(connection)).toEqual(expect.arrayContaining([...searchAttributeNames]));
      const { config } = await connection.workflowService.describeNamespace({ namespace });
      expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(7 * 86_400);
    });
  }, 120_000);
});

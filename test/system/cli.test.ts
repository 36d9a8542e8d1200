import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from '../../client/sdk/index.ts';
import { createNamespace, type TestNamespace } from '../support/namespace.ts';

const main = 'client/cli/main.ts';
let folder: string;
let engine: TestNamespace;
let installation: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odp-cli-'));
  engine = await createNamespace();
  installation = join(folder, 'installation.json');
  await writeFile(installation, JSON.stringify(document(engine)));
}, 60_000);
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true });
});

function document({ address, namespace }: { address: string; namespace: string }) {
  return {
    name: 'test',
    engine: { address, namespace },
    azure: {
      subscriptionId: '00000000-0000-0000-0000-000000000001',
      resourceGroup: 'agents',
      credential: { kind: 'default' },
    },
  };
}

const place = () => ({ address: engine.address, namespace: engine.namespace });

/** Runs the command line as a process of its own. */
async function odp(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  return await new Promise((resolve) => {
    const env = { ...process.env, ODP_INSTALLATION: installation, NODE_OPTIONS: '' };
    execFile(process.execPath, [main, ...args], { env }, (error, output, errors) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, output, errors });
    });
  });
}

describe('the command line as a process', () => {
  test('lists nothing as a table with titles, as an empty JSON array, and ends with 0', async () => {
    const pool = `none-${process.pid}`;
    const [table, json] = await Promise.all([
      odp('agent', 'list', '--pool', pool),
      odp('agent', 'list', '--pool', pool, '--output', 'json'),
    ]);
    expect(table).toEqual({ code: 0, output: 'AGENT  POOL  IMAGE  STATE  SIZE  AGE\n', errors: '' });
    expect(json).toEqual({ code: 0, output: '[]\n', errors: '' });
  }, 60_000);

  test.each([
    [['pool', 'show', 'nobody']],
    [['pool', 'delete', 'nobody']],
    [['pool', 'explain', 'nobody']],
    [['agent', 'show', 'nobody']],
    [['job', 'show', '4242424242']],
    [['job', 'list', '--pool', 'nobody']],
    [['job', 'queue', '--image', 'ubuntu', '--pool', 'nobody']],
  ])(
    '%p ends with 3, on standard error only',
    async (args) => {
      const { code, output, errors } = await odp(...args);
      expect({ code, output }).toEqual({ code: 3, output: '' });
      expect(errors).toMatch(/^error: .+\n(hint: .+\n)?$/);
    },
    60_000,
  );

  test('says that the engine cannot be reached, and what to do', async () => {
    const file = join(folder, 'nowhere.json');
    await writeFile(file, JSON.stringify(document({ address: '127.0.0.1:1', namespace: 'default' })));
    const { code, output, errors } = await odp('pool', 'list', '--installation', file);
    expect({ code, output }).toEqual({ code: 1, output: '' });
    expect(errors).toMatch(/^error: The engine cannot be reached: .+\nhint: Start it with `odp up`/);
  }, 60_000);

  test('ends quietly when its reader stops reading', async () => {
    const child = spawn(process.execPath, [main, 'completion', 'fish'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let errors = '';
    child.stderr.on('data', (part: Buffer) => (errors += part.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
  }, 60_000);

  test('ends a watch with 130 on Ctrl-C', async () => {
    const env = { ...process.env, ODP_INSTALLATION: installation, NODE_OPTIONS: '' };
    const child = spawn(process.execPath, [main, 'pool', 'list', '--watch'], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const code = new Promise((resolve) => child.once('close', resolve));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    child.kill('SIGINT');
    expect(await code).toBe(130);
  }, 60_000);
});

describe('the typed client', () => {
  test('says that no worker answers, and does not wait for ever', async () => {
    await using odp = await connect({ ...place(), timeoutMs: 1_000 });
    const name = `lonely-${process.pid}`;
    await expect(odp.pools.apply({ name })).rejects.toMatchObject({ code: 'NoWorker' });
    await odp.client.workflow.getHandle(`pool/${name}`).terminate();
    await expect(odp.pools.show(name)).rejects.toMatchObject({ code: 'NotFound' });
  }, 60_000);

  test('quotes what people type into a search', async () => {
    await using odp = await connect(place());
    await expect(odp.agents.list({ pool: "x' OR WorkflowType = 'agent" })).resolves.toEqual([]);
    await expect(odp.jobs.list({ pool: String.raw`\'` })).resolves.toEqual([]);
  }, 60_000);

  test('refuses a document without a name before it calls the engine', async () => {
    await using odp = await connect(place());
    await expect(odp.pools.apply({ properties: {} })).rejects.toMatchObject({
      code: 'InvalidPool',
      details: [{ target: 'name' }],
    });
  }, 60_000);
});

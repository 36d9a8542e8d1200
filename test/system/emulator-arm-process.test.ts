import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ComputeManagementClient } from '@azure/arm-compute';
import { createDefaultHttpClient } from '@azure/core-rest-pipeline';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { ClientSecretCredential, ManagedIdentityCredential } from '@azure/identity';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { ServedFacts } from '../../emulator/serve.ts';
import { machineIn } from '../support/embedded-azure.ts';

const fast = { updateIntervalInMs: 20 };
const running = new Set<ChildProcess>();
const folders: string[] = [];

/** Starts the cloud as a process, and waits for its ready line. */
async function start(
  state: string,
  ...flags: string[]
): Promise<{ facts: ServedFacts; process: ChildProcess; output: () => string }> {
  const child = spawn(process.execPath, ['emulator/main.ts', '--state', state, '--scale', '0.005', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  running.add(child);
  let output = '';
  return new Promise((resolve, reject) => {
    child.once('exit', (status) => {
      running.delete(child);
      reject(new Error(`The cloud ended with ${String(status)} before it was ready.`));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (!output.includes('\n')) return;
      resolve({ facts: JSON.parse(output) as ServedFacts, process: child, output: () => output });
    });
  });
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (status) => {
      running.delete(child);
      resolve(status);
    });
    child.kill(signal);
  });
}

/** The real transport over TLS that trusts the cloud's authority. */
function transport(facts: ServedFacts): HttpClient {
  const client = createDefaultHttpClient();
  const ca = readFileSync(facts.caCertificateFile, 'utf8');
  return {
    sendRequest(request) {
      request.tlsSettings = { ca };
      return client.sendRequest(request);
    },
  };
}

function clientOf(facts: ServedFacts): ComputeManagementClient {
  const httpClient = transport(facts);
  const credential = new ClientSecretCredential(
    facts.tenantId,
    facts.clientId,
    readFileSync(facts.clientSecretFile, 'utf8'),
    {
      authorityHost: facts.entra,
      disableInstanceDiscovery: true,
      httpClient,
      retryOptions: { maxRetries: 0 },
    },
  );
  return new ComputeManagementClient(credential, facts.subscriptionId, {
    endpoint: facts.arm,
    httpClient,
    retryOptions: { maxRetries: 0 },
  });
}

function newState(): string {
  const folder = mkdtempSync(join(tmpdir(), 'embedded-cloud-'));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  await Promise.all([...running].map((child) => end(child, 'SIGKILL')));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('the cloud as a process', () => {
  test('serves the real client, prints one line, keeps its secrets to itself, and ends on SIGTERM', async () => {
    const { facts, process: child, output } = await start(newState());
    const client = clientOf(facts);
    const machine = machineIn(facts.subnetId, facts.location, 'one');
    expect((await client.virtualMachines.createOrUpdate('agents', 'one', machine, fast)).provisioningState).toBe(
      'Succeeded',
    );
    await client.virtualMachines.delete('agents', 'one', fast);
    const secret = readFileSync(facts.clientSecretFile, 'utf8');
    expect(statSync(facts.clientSecretFile).mode & 0o777).toBe(0o600);
    expect(await end(child, 'SIGTERM')).toBe(0);
    expect(output().trim().split('\n')).toHaveLength(1);
    expect(output()).not.toContain(secret);
  });

  test('is the same cloud after it was killed in the middle of creations: what it acknowledged goes on', async () => {
    const state = newState();
    const first = await start(state, '--scale', '0.02');
    const { facts } = first;
    const client = clientOf(facts);
    const names = Array.from({ length: 20 }, (_, index) => `m${String(index)}`);
    const serialized = await Promise.all(
      names.map(async (name) => {
        const machine = machineIn(facts.subnetId, facts.location, name);
        const poller = client.virtualMachines.createOrUpdate('agents', name, machine, fast);
        await poller.submitted();
        return poller.serialize();
      }),
    );
    expect(serialized).toHaveLength(names.length);
    await end(first.process, 'SIGKILL');

    const port = (address: string): string => new URL(address).port;
    const second = await start(
      state,
      '--arm-port',
      port(facts.arm),
      '--azure-devops-port',
      port(facts.azureDevOps),
      '--control-port',
      port(facts.control),
    );
    expect(second.facts).toEqual(facts);
    // The same client, with the token of the first life, follows the operations that began in it.
    const { restorePoller } = await import('@azure/arm-compute');
    for (const kept of serialized) {
      const machine = await restorePoller(client, kept, client.virtualMachines.createOrUpdate, fast).pollUntilDone();
      expect(machine.provisioningState).toBe('Succeeded');
    }
    const ledger = (await (await fetch(`${facts.control}/ledger?kind=machine`)).json()) as {
      entries: { sequence: number; event: string; id: string }[];
    };
    const count = (event: string): number => ledger.entries.filter((entry) => entry.event === event).length;
    expect([count('createAccepted'), count('created')]).toEqual([names.length, names.length]);
    const ids = ledger.entries.map(({ sequence }) => sequence);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('cuts the connection of a lost answer', async () => {
    const { facts } = await start(newState());
    const client = clientOf(facts);
    await fetch(`${facts.control}/faults`, {
      method: 'POST',
      body: JSON.stringify({
        match: { operation: 'VirtualMachines_CreateOrUpdate' },
        effect: { kind: 'loseResponse' },
        times: 1,
      }),
    });
    const machine = machineIn(facts.subnetId, facts.location, 'one');
    await expect(
      client.virtualMachines.createOrUpdate('agents', 'one', machine, fast).submitted(),
    ).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await client.virtualMachines.get('agents', 'one')).name).toBe('one');
  });

  test('gives tokens of a managed identity over plain HTTP', async () => {
    const { facts } = await start(newState());
    process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] = facts.control;
    try {
      const { token } = await new ManagedIdentityCredential().getToken('https://management.azure.com/.default');
      const httpClient = transport(facts);
      const client = new ComputeManagementClient(
        { getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 60_000 }) },
        facts.subscriptionId,
        { endpoint: facts.arm, httpClient },
      );
      await expect(client.virtualMachines.list('agents').next()).resolves.toEqual({ done: true, value: undefined });
    } finally {
      delete process.env['AZURE_POD_IDENTITY_AUTHORITY_HOST'];
    }
  });

  test('says what is wrong with its flags', async () => {
    await expect(start(newState(), '--scale', '0')).rejects.toThrow('ended with 2');
  });
});

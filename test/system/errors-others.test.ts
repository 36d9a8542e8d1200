import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { ClientSecretCredential } from '@azure/identity';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { createAgentActivities } from '../../activities/agent.ts';
import { listOwnAgentPools } from '../../activities/audit/devops.ts';
import { createAzureClients } from '../../activities/azure/clients.ts';
import { createDevOpsActivities } from '../../activities/devops/activities.ts';
import { createDevOpsConnections } from '../../activities/devops/connections.ts';
import { createAgentRegistrar } from '../../activities/devops/registrar.ts';
import { classified } from '../../activities/errors.ts';
import { calls, type CallName } from '../../activities/errors/calls.ts';
import type { ErrorRow } from '../../activities/errors/row.ts';
import { errorTable } from '../../activities/errors/table.ts';
import { createEngineActivities } from '../../activities/temporal/activities.ts';
import { defaultLimits } from '../../domain/limits.ts';
import type { Fault } from '../../emulator/core/context.ts';
import { describeMatch } from '../../scripts/errors-reference.ts';
import { inProcessTransport } from '../support/azure-in-process.ts';
import { certificateFaults, startServerWith, type CertificateFault } from '../support/broken-certificates.ts';
import { attempt, closeCloud, cloud, keys, newInput, registrar } from './activities-azure-support.ts';
import { identity, poolSpecification, startAzureDevOps, type TestAzureDevOps } from './activities-devops-support.ts';
import { canaries, expectFailure, rejection, startRefusingEngine } from './errors-support.ts';

/**
 * Every refusal of Azure DevOps, Entra ID and the engine in the error table, and every way in which the network fails,
 * provoked: each row has its samples here, by what it matches; a row without one fails.
 */

const rowsOf = (service: ErrorRow['service']) => errorTable.filter((row) => row.service === service);

/** Pairs each row of a service with its samples, and holds the samples to be complete. */
function cases<S extends { name: string }>(service: ErrorRow['service'], samples: Record<string, S[]>) {
  const rows = rowsOf(service);
  const pairs = rows.flatMap((row) =>
    (samples[describeMatch(row)] ?? []).map((sample) => ({ row, sample, name: sample.name })),
  );
  test('has samples for every row, and for no other', () => {
    expect(Object.keys(samples).toSorted()).toEqual(rows.map(describeMatch).toSorted());
    expect(rows.filter((row) => !pairs.some((pair) => pair.row === row))).toEqual([]);
  });
  return pairs;
}

let devops: TestAzureDevOps;
beforeAll(async () => {
  devops = await startAzureDevOps();
});
afterAll(async () => {
  await devops.close();
  closeCloud();
});

const publicKey = { exponent: 'AQAB', modulus: Buffer.alloc(256, 7).toString('base64') };

describe('every refusal of Azure DevOps', () => {
  const refused = (status: number, code = 'NeverHeardOf', text = '') => ({
    name: `${status} ${text || code}`,
    effect: { kind: 'reject', status, code, message: `${text}: refused. ${canaries}` } satisfies Fault['effect'],
  });

  const pairs = cases('Azure DevOps', {
    '`TF400733`': [refused(503, 'RequestBlockedException', 'TF400733')],
    '429': [refused(429, 'TooManyRequests')],
    '`TF400813`, `TF401019`': [refused(400, 'Unauthorized', 'TF400813'), refused(400, 'Unauthorized', 'TF401019')],
    '401, 203, 302': [refused(401), refused(203), refused(302)],
    '403': [refused(403, 'AccessDeniedException')],
    '404': [refused(404, 'ProjectDoesNotExistException')],
    '409': [refused(409)],
    '408, 500–599': [refused(408), refused(500), refused(503), refused(599)],
    '400–499': [refused(400, 'VssPropertyValidationException'), refused(499)],
    'anything else': [refused(307)],
  });

  /** The activity that makes each call, and the operation to refuse. */
  const provoke: Partial<Record<CallName, { operation: string; run: () => Promise<unknown> }>> = {
    Agents_Update: {
      operation: 'Agents_Update',
      run: () =>
        createDevOpsActivities({ connections: devops.connections }).disableAgent({
          identity: identity(devops.url, 1),
          registrationId: 1,
        }),
    },
    Agents_Add: {
      operation: 'Agents_Add',
      run: () => createAgentRegistrar(devops.connections).register(identity(devops.url, 1), publicKey, {}),
    },
    Pools_Prepare: {
      operation: 'Projects_List',
      run: () =>
        createDevOpsActivities({ connections: devops.connections }).prepareAgentPool({
          installation: 'test',
          specification: poolSpecification(devops.url),
        }),
    },
    Pools_Remove: {
      operation: 'Projects_List',
      async run() {
        const input = { installation: 'test', specification: poolSpecification(devops.url) };
        const activities = createDevOpsActivities({ connections: devops.connections });
        const faults = devops.faults.list();
        devops.faults.clear();
        await activities.prepareAgentPool(input);
        for (const fault of faults) devops.faults.add(fault);
        await activities.removeAgentPool(input);
      },
    },
    Pools_List: {
      operation: 'Pools_List',
      run: () => classified('Pools_List', () => listOwnAgentPools(devops.connections.to(devops.url), 'test')),
    },
  };

  const byCall = pairs.flatMap(({ row, sample }) =>
    (row.calls ?? ['Agents_Update' as const]).map((call) => ({ row, sample, call, name: `${call}: ${sample.name}` })),
  );

  test.each(byCall)('$name is $row.code', async ({ row, sample, call }) => {
    const { operation, run } = provoke[call] ?? { operation: '', run: () => Promise.reject(new Error(`no ${call}`)) };
    devops.faults.clear();
    devops.faults.add({ match: { operation }, effect: sample.effect });
    expectFailure(await rejection(run()), { code: row.code, call, hint: row.hint });
    devops.faults.clear();
  });

  test('names its own time to wait, which wins', async () => {
    const effect = { kind: 'reject', status: 429, code: 'RequestBlockedException', retryAfterSeconds: 7 } as const;
    devops.faults.add({ match: { operation: 'Agents_Update' }, effect });
    const error = await rejection(provoke.Agents_Update?.run() ?? Promise.resolve());
    expectFailure(error, { code: 'Throttled', hint: 'This identity exceeded', retryAfterMs: 7_000 });
    devops.faults.clear();
  });
});

describe('every refusal of Microsoft Entra ID', () => {
  const refused = (status: number, error: string, text: string) => ({
    name: `${status} ${error} ${text}`.trim(),
    effect: { kind: 'reject', status, code: error, message: `${text}: refused. ${canaries}` } satisfies Fault['effect'],
    authority: undefined as string | undefined,
  });
  const coded = (code: string, status = 400) => refused(status, 'unauthorized_client', code);

  const pairs = cases('Microsoft Entra ID', {
    '429': [refused(429, 'temporarily_unavailable', '')],
    '`AADSTS7000222`': [coded('AADSTS7000222', 401)],
    '`AADSTS7000215`, `AADSTS700016`, `AADSTS90002`, `AADSTS700213`, `AADSTS70021`, `AADSTS500011`, `invalid_client`': [
      coded('AADSTS7000215', 401),
      coded('AADSTS700016'),
      coded('AADSTS90002'),
      coded('AADSTS700213'),
      coded('AADSTS70021'),
      coded('AADSTS500011'),
      refused(401, 'invalid_client', ''),
    ],
    '500–599': [refused(500, 'server_error', ''), refused(503, 'temporarily_unavailable', '')],
    'text `ECONNREFUSED|ENOTFOUND|ECONNRESET|ETIMEDOUT|EAI_AGAIN|network_error|endpoints_resolution_error`': [
      { ...refused(500, '', ''), name: 'an authority where nobody listens', authority: 'https://127.0.0.1:1' },
      { ...refused(500, '', ''), name: 'an authority without an address', authority: 'https://nowhere.invalid' },
    ],
    'anything else': [coded('AADSTS70003')],
  });

  test.each(pairs)('$name is $row.code', async ({ row, sample: { effect, authority } }) => {
    cloud.context.faults.clear();
    cloud.context.faults.add({ match: { service: 'entra', operation: 'Token_Create' }, effect });
    const { tenantId, clientId, clientSecret, arm, entra } = cloud.facts;
    const httpClient = inProcessTransport(cloud.arm);
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, {
      authorityHost: authority ?? entra,
      disableInstanceDiscovery: true,
      retryOptions: { maxRetries: 0 },
      ...(authority === undefined ? { httpClient } : {}),
    });
    const scope = 'https://management.azure.com/.default';
    const azure = createAzureClients({ endpoint: arm, scope, credential, userAgent: 'test', httpClient });
    const { provisionAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const { error } = await attempt(provisionAgent, newInput());
    expectFailure(error, { code: row.code, hint: row.hint });
    expect(JSON.stringify(error)).not.toContain(clientSecret);
    cloud.context.faults.clear();
  });
});

describe('every refusal of the engine', () => {
  const status = (number: number, name: string) => ({ name, answer: { status: number, message: canaries } as const });
  const pairs = cases('Temporal', {
    '`RESOURCE_EXHAUSTED`': [status(8, 'RESOURCE_EXHAUSTED')],
    '`INVALID_ARGUMENT`, `NOT_FOUND`, `PERMISSION_DENIED`, `UNAUTHENTICATED`, `UNIMPLEMENTED`': [
      status(3, 'INVALID_ARGUMENT'),
      status(5, 'NOT_FOUND'),
      status(7, 'PERMISSION_DENIED'),
      status(12, 'UNIMPLEMENTED'),
      status(16, 'UNAUTHENTICATED'),
    ],
    'anything else': [
      ...[
        [2, 'UNKNOWN'],
        [4, 'DEADLINE_EXCEEDED'],
        [6, 'ALREADY_EXISTS'],
        [9, 'FAILED_PRECONDITION'],
        [10, 'ABORTED'],
        [11, 'OUT_OF_RANGE'],
        [13, 'INTERNAL'],
        [14, 'UNAVAILABLE'],
        [15, 'DATA_LOSS'],
      ].map(([number, name]) => status(number as number, name as string)),
      { name: 'a connection that is cut', answer: 'cut' as const },
    ],
  });

  test.each(pairs)('$name is $row.code', async ({ row, sample }) => {
    const engine = await startRefusingEngine();
    // The client's own retries would only make the same answer late.
    const connection = Connection.lazy({ address: engine.address, interceptors: [] });
    try {
      engine.answer(sample.answer);
      const { watchPool } = createEngineActivities({ client: new Client({ connection }) });
      const pool = { pool: 'web', agentPoolId: 1 };
      const error = await rejection(
        watchPool({ organization: 'contoso', url: 'https://dev.azure.com/contoso', pool, limits: defaultLimits }),
      );
      expectFailure(error, { code: row.code, call: 'Organization_Watch' });
    } finally {
      await connection.close();
      await engine.close();
    }
  });
});

describe('every way in which the network fails', () => {
  const endpoint = (name: string, url: () => Promise<{ url: string; close?: () => Promise<void> }>) => ({ name, url });
  const broken = Object.keys(certificateFaults) as CertificateFault[];

  const pairs = cases('network', {
    [describeMatch({ codes: broken })]: broken.map((fault) => endpoint(fault, () => startServerWith(fault))),
    '`ENOTFOUND`, `EAI_AGAIN`': [
      endpoint('a name without an address', () => Promise.resolve({ url: 'https://nowhere.invalid' })),
    ],
    '`ECONNREFUSED`, `EHOSTUNREACH`, `ENETUNREACH`, `UND_ERR_CONNECT_TIMEOUT`': [
      endpoint('a port where nobody listens', () => Promise.resolve({ url: 'https://127.0.0.1:1' })),
    ],
    'anything else': [endpoint('a connection that is cut', () => startCuttingServer())],
  });

  test.each(pairs)('$name on the way to Azure is $row.code', async ({ row, sample }) => {
    const server = await sample.url();
    const credential = {
      getToken: () => Promise.resolve({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }),
    };
    const scope = `${server.url}/.default`;
    const azure = createAzureClients({ endpoint: server.url, scope, credential, userAgent: 'test' });
    const { returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const { error } = await attempt(returnAgent, newInput());
    expectFailure(error, { code: row.code, call: 'virtualMachines.get' });
    await server.close?.();
  });

  test.each(pairs)('$name on the way to Azure DevOps is $row.code', async ({ row, sample }) => {
    const server = await sample.url();
    const connections = createDevOpsConnections({
      credentialFor: () => Promise.resolve({ kind: 'basic', token: 'token' }),
    });
    const { disableAgent } = createDevOpsActivities({ connections });
    const error = await rejection(disableAgent({ identity: identity(`${server.url}/contoso`, 1), registrationId: 1 }));
    expectFailure(error, { code: row.code, call: 'Agents_Update' });
    await server.close?.();
  });
});

/** Takes connections and cuts each as soon as something comes. */
async function startCuttingServer(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.resetAndDestroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

test('names who answers each call', () => {
  for (const { service, calls: met } of errorTable) {
    for (const call of met ?? []) expect(`${call} ${calls[call].service}`).toBe(`${call} ${service}`);
  }
});

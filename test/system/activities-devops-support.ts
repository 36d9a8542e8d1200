import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve, type Http2Bindings, type HttpBindings } from '@hono/node-server';
import { createDevOpsConnections } from '../../activities/devops/connections.ts';
import { createAzureDevOps } from '../../emulator/azure-devops/app.ts';
import { ConnectionLost } from '../../emulator/core/calls.ts';
import { createChance } from '../../emulator/core/chance.ts';
import { createRealClock } from '../../emulator/core/clock.ts';
import type { CloudContext, Handler } from '../../emulator/core/context.ts';
import { createFaults } from '../../emulator/core/faults.ts';
import { createLatencies } from '../../emulator/core/latencies.ts';
import { createLedger } from '../../emulator/core/ledger.ts';
import { createMemoryStore } from '../../emulator/core/store.ts';
import type { AgentIdentity } from '../../domain/messages.ts';
import type { ImageSpecification, PoolSpecification } from '../../domain/pool-specification.ts';

const personalAccessToken = 'a-personal-access-token';

/** The embedded Azure DevOps on a socket, with connections to it and an account of its calls. */
export async function startAzureDevOps() {
  // The cloud needs its address, and the server something to serve.
  let handler: Handler = () => new Response(null, { status: 503 });
  /** Headers to add to the next answers. */
  const extraHeaders: Record<string, string>[] = [];
  const fetch = async (request: Request, { incoming }: HttpBindings | Http2Bindings): Promise<Response> => {
    try {
      const response = await handler(request);
      const extra = extraHeaders.shift();
      for (const [name, value] of Object.entries(extra ?? {})) response.headers.set(name, value);
      return response;
    } catch (error) {
      if (error instanceof ConnectionLost) incoming.socket.destroy();
      throw error;
    }
  };
  const server = serve({ fetch, port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;

  const clock = createRealClock();
  const chance = createChance(1);
  const store = createMemoryStore();
  const faults = createFaults(store, chance);
  const context: CloudContext = {
    clock,
    chance,
    store,
    faults,
    ledger: createLedger(store.ledger),
    latencies: createLatencies(chance, 0.001),
    addresses: { arm: origin, entra: origin, azureDevOps: origin, control: origin },
  };
  const devops = createAzureDevOps(context, {
    organization: 'contoso',
    projects: ['samples', 'tools'],
    personalAccessToken,
    verifyBearer: (authorization) => authorization === 'Bearer an-entra-token',
  });
  handler = devops.handler;
  const url = `${origin}/contoso`;
  const basic = `Basic ${Buffer.from(`:${personalAccessToken}`).toString('base64')}`;
  const connections = createDevOpsConnections({
    credentialFor: () => Promise.resolve({ kind: 'basic', token: personalAccessToken }),
  });

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await globalThis.fetch(`${url}/${path}`, {
      method,
      headers: { authorization: basic, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  return {
    url,
    context,
    faults,
    connections,
    extraHeaders,
    call,
    /** Names of the calls so far, without location look-ups. */
    calls: () => context.ledger.entries('call').map(({ operation }) => operation),
    async close() {
      devops.close();
      clock.close();
      server.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
export type TestAzureDevOps = Awaited<ReturnType<typeof startAzureDevOps>>;

/** Queues the pipeline `workload`, whose one job demands this image. */
export async function queueJob(devops: TestAzureDevOps, agentPoolId: number, image = 'ubuntu') {
  const [{ id: queueId } = { id: 0 }] = (
    await devops.call<{ value: { id: number }[] }>(
      'GET',
      `samples/_apis/distributedtask/queues?poolIds=${agentPoolId}&api-version=7.1`,
    )
  ).value;
  const [definition] = (
    await devops.call<{ value: { id: number }[] }>('GET', 'samples/_apis/build/definitions?api-version=7.1')
  ).value;
  return await devops.call<{ id: number }>('POST', 'samples/_apis/build/builds?api-version=7.1', {
    definition: { id: definition?.id },
    queue: { id: queueId },
    demands: [`ImageOverride -equals ${image}`],
  });
}

/** Plays the agent's side of the protocol, step by step. */
export async function connectAgent(devops: TestAzureDevOps, agentPoolId: number, id: number, name: string) {
  const pool = `_apis/distributedtask/pools/${agentPoolId}`;
  const version = 'api-version=7.1-preview.1';
  const { sessionId } = await devops.call<{ sessionId: string }>('POST', `${pool}/sessions?${version}`, {
    ownerName: 'machine',
    agent: { id, name },
  });
  const request = async () => {
    const { value } = await devops.call<{
      value: { requestId: number; lockToken?: string; reservedAgent?: { id: number } }[];
    }>('GET', `${pool}/jobrequests?completedRequestCount=0&${version}`);
    return value.find(({ reservedAgent }) => reservedAgent?.id === id);
  };
  const update = async (requestId: number, body: object) => {
    const lockToken = await lockTokenOf();
    await devops.call('PATCH', `${pool}/jobrequests/${requestId}?lockToken=${lockToken}&${version}`, body);
  };
  let message: { messageId: number; body: string } | undefined;
  const lockTokenOf = async () => {
    message ??= await devops.call('GET', `${pool}/messages?sessionId=${sessionId}&lastMessageId=0&${version}`);
    const { lockToken } = JSON.parse(message?.body ?? '{}') as { lockToken?: string };
    return lockToken ?? '';
  };
  return {
    /** Waits until the server has assigned a job. */
    assigned: () => until(request, 'a job is assigned'),
    receive: (requestId: number) => update(requestId, {}),
    finish: (requestId: number) => update(requestId, { finishTime: new Date().toISOString(), result: 'succeeded' }),
    disconnect: () => devops.call('DELETE', `${pool}/sessions/${sessionId}?${version}`),
  };
}

/** Polls until there is an answer; fails after ten seconds. */
export async function until<T>(probe: () => T | Promise<T>, what: string): Promise<NonNullable<T>> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`waited ten seconds in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function image(name: string, ...more: string[]): ImageSpecification {
  return {
    name,
    aliases: [name, ...more],
    reference: { kind: 'marketplace', publisher: 'Canonical', offer: 'ubuntu', sku: 'server', version: 'latest' },
    operatingSystem: 'Linux',
    buffer: '*',
  };
}

export function poolSpecification(url: string, fields: Partial<PoolSpecification['organization']> = {}) {
  return {
    name: 'web',
    organization: { url, name: 'contoso', projects: [], openAccess: true, agentPoolName: 'web', ...fields },
    maximumConcurrency: 4,
    standby: { count: 0, counts: 'total' },
    images: [image('ubuntu', 'ubuntu-24.04/latest')],
    machine: {
      subscriptionId: 's',
      resourceGroup: 'agents',
      location: 'westeurope',
      vmSize: 'Standard_D2ads_v5',
      osDiskStorageAccountType: 'Standard_LRS',
      subnetId: 'subnet',
      tags: {},
      workFolder: '_work',
    },
  } satisfies PoolSpecification;
}

export function identity(url: string, agentPoolId: number, agent = '0a1b2c3d4000001'): AgentIdentity {
  return { installation: 'test', pool: 'web', agent, organizationUrl: url, agentPoolId };
}

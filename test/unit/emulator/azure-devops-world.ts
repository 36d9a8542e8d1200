import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createAzureDevOps, type AzureDevOps, type AzureDevOpsOptions } from '../../../emulator/azure-devops/app.ts';
import { createChance } from '../../../emulator/core/chance.ts';
import { createVirtualClock, type VirtualClock } from '../../../emulator/core/clock.ts';
import type { BootedMachine, CloudContext, Guest } from '../../../emulator/core/context.ts';
import { createFaults, type FaultRegister } from '../../../emulator/core/faults.ts';
import { createLatencies } from '../../../emulator/core/latencies.ts';
import { createLedger } from '../../../emulator/core/ledger.ts';
import { createMemoryStore, type CloudStore } from '../../../emulator/core/store.ts';
import { createGuest } from '../../../emulator/guest/guest.ts';

/** Where the virtual Azure DevOps is, for clients and machines. */
export const organizationUrl = 'https://azure-devops.invalid/contoso';

export const personalAccessToken = 'a-token-of-the-test';

/** An embedded Azure DevOps with machines, under a virtual clock. */
export interface World {
  clock: VirtualClock;
  context: CloudContext;
  faults: FaultRegister;
  azureDevOps: AzureDevOps;
  guest: Guest;
  /** Calls the organisation as a controller. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  /** The state as a killed process would find it again, under the same clock. */
  restart(): World;
}

export interface Reply {
  status: number;
  // The tests look at what is on the wire, which has no type.
  json: ReturnType<typeof JSON.parse>;
  headers: Headers;
}

/** Makes the world; `store` and `clock` of an earlier one make it the same world after a restart. */
export function createWorld(
  options: Partial<AzureDevOpsOptions> & { scale?: number } = {},
  earlier?: { store: CloudStore; clock: VirtualClock; life: number },
): World {
  const clock = earlier?.clock ?? createVirtualClock();
  const store = earlier?.store ?? createMemoryStore();
  const life = earlier?.life ?? 0;
  const chance = createChance(7, life);
  const faults = createFaults(store, chance);
  const context: CloudContext = {
    clock,
    chance,
    store,
    faults,
    ledger: createLedger(store.ledger),
    latencies: createLatencies(chance, options.scale ?? 1),
    addresses: {
      arm: 'https://arm.invalid',
      entra: 'https://entra.invalid',
      azureDevOps: 'https://azure-devops.invalid',
      control: 'https://control.invalid',
    },
  };
  const azureDevOps = createAzureDevOps(context, {
    organization: 'contoso',
    projects: ['samples'],
    personalAccessToken,
    verifyBearer: (authorization) => authorization === 'Bearer of-the-test',
    ...options,
  });
  azureDevOps.resume();
  const guest = createGuest(context, azureDevOps.handler);
  return {
    clock,
    context,
    faults,
    azureDevOps,
    guest,
    call: (method, path, body, headers) => clock.runUntil(send(azureDevOps, method, path, body, headers)),
    restart() {
      azureDevOps.close();
      clock.close();
      return createWorld(options, { store, clock, life: life + 1 });
    },
  };
}

async function send(
  azureDevOps: AzureDevOps,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const response = await azureDevOps.handler(
    new Request(path.startsWith('https:') ? path : `${organizationUrl}${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(`:${personalAccessToken}`).toString('base64')}`,
        'content-type': 'application/json',
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }),
  );
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, json: isJson ? JSON.parse(text) : text, headers: response.headers };
}

/** Key pairs take long to make: tests share two. */
const keys: { publicKey: KeyObject; privateKey: KeyObject }[] = [];

export function keyPair(index: 0 | 1 = 0): { publicKey: KeyObject; privateKey: KeyObject } {
  return (keys[index] ??= generateKeyPairSync('rsa', { modulusLength: 2048 }));
}

const base64 = (value: string | undefined): string => Buffer.from(value ?? '', 'base64url').toString('base64');

/** The public key in the form of a registration. */
export function publicKeyWire(): { exponent: string; modulus: string } {
  const { e, n } = keyPair().publicKey.export({ format: 'jwk' });
  return { exponent: base64(e), modulus: base64(n) };
}

/** A pool with a queue in the project `samples`. */
export async function makePool(world: World): Promise<{ poolId: number; queueId: number }> {
  const pool = await world.call('POST', '/_apis/distributedtask/pools', { name: 'agents', poolType: 1 });
  const queue = await world.call('POST', '/samples/_apis/distributedtask/queues?authorizePipelines=true', {
    name: 'agents',
    pool: { id: pool.json.id },
  });
  return { poolId: pool.json.id, queueId: queue.json.id };
}

/** Registers an agent with the shared key. */
export async function register(world: World, poolId: number, name: string, image = 'ubuntu'): Promise<Reply> {
  return await world.call('POST', `/_apis/distributedtask/pools/${poolId}/agents`, {
    name,
    version: '4.260.0',
    maxParallelism: 1,
    authorization: { publicKey: publicKeyWire() },
    userCapabilities: { ImageOverride: image },
  });
}

export interface MachineChanges {
  key?: KeyObject;
  /** Names of the agent's files that are left out. */
  without?: string[];
  once?: boolean;
  serverUrl?: string;
}

/** A machine whose first boot starts the registered agent. */
export function machineFor(registration: Reply['json'], poolId: number, changes: MachineChanges = {}): BootedMachine {
  const jwk = (changes.key ?? keyPair().privateKey).export({ format: 'jwk' });
  const files: Record<string, unknown> = {
    '.agent': {
      agentId: registration.id,
      agentName: registration.name,
      poolId,
      poolName: 'agents',
      serverUrl: changes.serverUrl ?? organizationUrl,
      workFolder: '_work',
    },
    '.credentials': {
      scheme: 'OAuth',
      data: {
        clientId: registration.authorization.clientId,
        authorizationUrl: registration.authorization.authorizationUrl,
      },
    },
    '.credentials_rsaparams': {
      modulus: base64(jwk.n),
      exponent: base64(jwk.e),
      d: base64(jwk.d),
      p: base64(jwk.p),
      q: base64(jwk.q),
      dp: base64(jwk.dp),
      dq: base64(jwk.dq),
      inverseQ: base64(jwk.qi),
    },
    '.setup_info': [{ group: 'Network', detail: 'Private IP address: 10.0.0.4' }],
  };
  const config = {
    write_files: Object.entries(files)
      .filter(([name]) => changes.without?.includes(name) !== true)
      .map(([name, content]) => ({
        path: `/opt/agent/${name}`,
        encoding: 'b64',
        permissions: '0600',
        content: Buffer.from(JSON.stringify(content)).toString('base64'),
      })),
    runcmd: [`cd /opt/agent && sudo -u agent ./run.sh${changes.once === false ? '' : ' --once'}`],
  };
  return {
    id: `/subscriptions/s/resourceGroups/agents/providers/Microsoft.Compute/virtualMachines/${registration.name}`,
    name: registration.name,
    vmSize: 'Standard_D2s_v5',
    location: 'westeurope',
    privateIpAddress: '10.0.0.4',
    customData: `#cloud-config\n${JSON.stringify(config)}\n`,
  };
}

/** Queues the pipeline `workload`. */
export async function queueBuild(
  world: World,
  queueId: number,
  parameters: Record<string, string> = { durationSeconds: '30' },
  demands: string[] = ['ImageOverride -equals ubuntu'],
): Promise<Reply> {
  return await world.call('POST', '/samples/_apis/build/builds?api-version=7.1', {
    definition: { id: 1 },
    queue: { id: queueId },
    demands,
    parameters: JSON.stringify(parameters),
  });
}

/** The one job request of the pool, finished or not. */
export async function onlyRequest(world: World, poolId: number): Promise<Reply['json']> {
  const list = await world.call('GET', `/_apis/distributedtask/pools/${poolId}/jobrequests?completedRequestCount=10`);
  if (list.json.count !== 1) throw new Error(`The pool has ${list.json.count} job requests.`);
  return list.json.value[0];
}

/** What happened to jobs and registrations, in order. */
export function events(world: World, kind: 'job' | 'registration' | 'machine'): string[] {
  return world.context.ledger.entries(kind).map(({ event }) => event);
}

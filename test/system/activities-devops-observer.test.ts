import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createDevOpsActivities } from '../../activities/devops/activities.ts';
import { createDevOpsConnections, type DevOpsConnections } from '../../activities/devops/connections.ts';
import { createObserverActivities } from '../../activities/devops/observer.ts';
import { createAgentRegistrar } from '../../activities/devops/registrar.ts';
import type { ObservationSink, ObserveInput } from '../../activities/interfaces.ts';
import type { AgentObservation, JobObservation, PoolObservation } from '../../domain/messages.ts';
import {
  connectAgent,
  identity,
  poolSpecification,
  queueJob,
  startAzureDevOps,
  until,
  type TestAzureDevOps,
} from './activities-devops-support.ts';

const publicKey = { exponent: 'AQAB', modulus: Buffer.alloc(256, 7).toString('base64') };
const name = '0a1b2c3d4000001';

let devops: TestAzureDevOps;
let agentPoolId: number;
let running: { stop(): Promise<unknown> }[] = [];

beforeEach(async () => {
  devops = await startAzureDevOps();
  ({ agentPoolId } = await createDevOpsActivities({ connections: devops.connections }).prepareAgentPool({
    installation: 'test',
    specification: poolSpecification(devops.url),
  }));
});
afterEach(async () => {
  for (const observer of running) await observer.stop().catch(() => undefined);
  running = [];
  await devops.close();
});

/** Everything that was told, and ways to make telling fail. */
function memorySink() {
  const pools: PoolObservation[] = [];
  const agents: (AgentObservation & { agent: string })[] = [];
  const leases: (JobObservation & { requestId: number })[] = [];
  const missing = new Set<string>();
  let broken = false;
  const tell = (key: string, record: () => void) => {
    if (broken) return Promise.reject(new Error('the engine is away'));
    if (missing.has(key)) return Promise.resolve('notFound' as const);
    record();
    return Promise.resolve(undefined);
  };
  const sink: ObservationSink = {
    pool: (pool, observation) => tell(pool, () => pools.push(observation)),
    agent: (_, agent, observation) => tell(agent, () => agents.push({ agent, ...observation })),
    lease: (_, requestId, observation) => tell(`lease ${requestId}`, () => leases.push({ requestId, ...observation })),
  };
  return { sink, pools, agents, leases, missing, break: (value: boolean) => (broken = value) };
}

interface ObserveOptions {
  limits?: Partial<ObserveInput['limits']>;
  pools?: ObserveInput['pools'];
  connections?: DevOpsConnections;
  heartbeatDetails?: unknown;
}

/** Starts the activity; `stop` cancels it and answers how it ended. */
function observe(told: ReturnType<typeof memorySink>, options: ObserveOptions = {}) {
  const environment = new MockActivityEnvironment(
    { heartbeatDetails: options.heartbeatDetails },
    // Tests that refuse on purpose would fill the output with warnings.
    { logger: new DefaultLogger('ERROR') },
  );
  const heartbeats: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => heartbeats.push(details));
  const connections = options.connections ?? devops.connections;
  const { observeOrganization } = createObserverActivities({ connections, sink: told.sink });
  const ended = environment.run(observeOrganization, {
    organization: 'contoso',
    url: devops.url,
    pools: options.pools ?? [{ pool: 'web', agentPoolId }],
    limits: { intervalMs: 40, idleIntervalMs: 40, activityMs: 60_000, heartbeatMs: 30_000, ...options.limits },
  });
  ended.catch(() => undefined);
  const observer = {
    ended,
    heartbeats,
    stop: (reason = 'CANCELLED') => {
      environment.cancel(reason as 'CANCELLED');
      return ended;
    },
  };
  running.push(observer);
  return observer;
}

async function register(agent = name) {
  const registrar = createAgentRegistrar(devops.connections);
  return await registrar.register(identity(devops.url, agentPoolId, agent), publicKey, { ImageOverride: 'ubuntu' });
}

const lists = () => devops.calls().filter((operation) => ['Agents_List', 'JobRequests_List'].includes(operation));

test('two list calls per tick, agents first, and nothing else', async () => {
  const before = devops.calls().length;
  observe(memorySink());
  await until(() => lists().length >= 12, 'some looks were made');
  const calls = devops.calls().slice(before);
  expect(calls.length % 2 === 0 ? calls : calls.slice(0, -1)).toEqual(
    Array.from({ length: Math.floor(calls.length / 2) }, () => ['Agents_List', 'JobRequests_List']).flat(),
  );
});

test('follows a job from the queue to its end, and tells each moment once', async () => {
  const told = memorySink();
  observe(told);
  await until(() => told.pools.length === 1, 'the first look is told');
  expect(told.pools[0]).toMatchObject({ queued: [], assigned: 0, running: 0, agents: [] });

  await queueJob(devops, agentPoolId);
  await until(() => told.pools.at(-1)?.queued[0], 'the queued job is told');
  expect(told.pools.at(-1)?.queued).toMatchObject([{ imageOverride: 'ubuntu', count: 1 }]);
  expect(told.agents).toEqual([]);

  const { registrationId } = await register();
  const agent = await connectAgent(devops, agentPoolId, registrationId, name);
  const { requestId } = await agent.assigned();
  // The agents are listed first, so a job may show before the connection of its agent does.
  await until(() => told.agents.at(-1)?.job && told.agents.at(-1)?.online, 'the assignment is told');
  expect(told.agents.at(-1)).toMatchObject({ agent: name, online: true, job: { requestId } });
  expect(told.agents.at(-1)?.job?.startedAt).toBeUndefined();
  expect(told.pools.at(-1)).toMatchObject({ queued: [], assigned: 1, agents: [{ name, standing: 'held' }] });
  expect(told.leases).toEqual([]);

  await agent.receive(requestId);
  await until(() => told.leases.length === 1, 'the receipt is told');
  expect(told.leases[0]).toMatchObject({ requestId, job: { startedAt: expect.any(Number) } });
  expect(told.pools.at(-1)).toMatchObject({ assigned: 0, running: 1 });

  await agent.finish(requestId);
  await until(() => told.leases.length === 2 && told.pools.at(-1)?.running === 0, 'the end is told');
  expect(told.leases[1]).toMatchObject({ requestId, job: { result: 'succeeded', finishedAt: expect.any(Number) } });

  const looks = lists().length;
  const counts = [told.pools.length, told.agents.length, told.leases.length];
  await until(() => lists().length > looks + 10, 'five more looks were made');
  expect([told.pools.length, told.agents.length, told.leases.length]).toEqual(counts);
  const sequences = told.pools.map(({ sequence }) => sequence);
  expect(sequences).toEqual([...new Set(sequences)].toSorted((one, other) => one - other));
});

test('an agent that is deregistered is told as missing, after two lists', async () => {
  await register();
  const told = memorySink();
  observe(told);
  await until(() => told.agents.length === 1, 'the agent is told');
  await createAgentRegistrar(devops.connections).deregister(identity(devops.url, agentPoolId));
  await until(() => told.agents.at(-1)?.missing, 'it is told as missing');
  expect(told.pools.at(-1)?.agents).toEqual([{ name, standing: 'missing' }]);
});

test('a job whose record cannot be read keeps its agent held; the end is told when it can', async () => {
  const { registrationId } = await register();
  const agent = await connectAgent(devops, agentPoolId, registrationId, name);
  await queueJob(devops, agentPoolId);
  const { requestId } = await agent.assigned();
  await agent.receive(requestId);
  const told = memorySink();
  observe(told);
  await until(() => told.pools.length === 1, 'the held agent is told');
  // Stale lists of agents do not show the last completed request, so the record itself must be asked for.
  devops.faults.add({ match: { operation: 'JobRequests_Get' }, effect: { kind: 'reject', status: 503, code: 'Busy' } });
  devops.faults.add({ match: { operation: 'Agents_List' }, effect: { kind: 'staleList', ageMs: 3_600_000 } });
  await agent.finish(requestId);
  await until(
    () => devops.calls().filter((operation) => operation === 'JobRequests_Get').length > 3,
    'it was asked for',
  );
  expect(told.leases).toEqual([]);
  expect(told.pools.flatMap(({ agents }) => agents)).toEqual([{ name, standing: 'held' }]);
  devops.faults.clear();
  await until(() => told.leases.length === 1, 'the end is told');
});

test('how many jobs ended at once is learned in one call', async () => {
  const agents = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map(async (agentName) => {
      const { registrationId } = await register(agentName);
      const agent = await connectAgent(devops, agentPoolId, registrationId, agentName);
      await queueJob(devops, agentPoolId);
      return agent;
    }),
  );
  const requests = await Promise.all(
    agents.map(async (agent) => {
      const { requestId } = await agent.assigned();
      await agent.receive(requestId);
      return requestId;
    }),
  );
  const told = memorySink();
  observe(told);
  await until(() => told.agents.length === 5, 'the held agents are told');
  // The observer sees nothing while the jobs end, and then a list of agents that does not show how they ended.
  const away = devops.faults.add({
    match: { operation: 'JobRequests_List' },
    effect: { kind: 'reject', status: 503, code: 'Busy' },
  });
  await until(() => devops.context.ledger.entries('call').some(({ fault }) => fault === away.id), 'a look failed');
  devops.faults.add({ match: { operation: 'Agents_List' }, effect: { kind: 'staleList', ageMs: 3_600_000 } });
  await Promise.all(agents.map((agent, index) => agent.finish(requests[index] ?? 0)));
  devops.faults.remove(away.id);
  await until(() => told.leases.length === 5, 'all ends are told');
  expect(told.leases.map(({ requestId }) => requestId).toSorted((one, other) => one - other)).toEqual(
    requests.toSorted((one, other) => one - other),
  );
  expect(devops.calls()).not.toContain('JobRequests_Get');
});

test('a retry goes on from the cursor and tells nothing again', async () => {
  await register();
  const first = memorySink();
  const observer = observe(first);
  await until(() => first.pools.length === 1, 'the first look is told');
  await expect(observer.stop('WORKER_SHUTDOWN')).rejects.toMatchObject({ type: 'WorkerShutdown', nonRetryable: false });

  const second = memorySink();
  observe(second, { heartbeatDetails: observer.heartbeats.at(-1) });
  const looks = lists().length;
  await until(() => lists().length > looks + 8, 'four looks were made');
  expect([second.pools, second.agents, second.leases]).toEqual([[], [], []]);

  await queueJob(devops, agentPoolId);
  await until(() => second.pools.length === 1, 'the next change is told');
  expect(second.pools[0]?.sequence).toBeGreaterThan(first.pools[0]?.sequence ?? 0);
});

test('what could not be delivered is delivered later, with all agents', async () => {
  await register();
  const told = memorySink();
  told.break(true);
  observe(told);
  const looks = lists().length;
  await until(() => lists().length >= looks + 4, 'two looks were made');
  expect(told.pools).toEqual([]);
  told.break(false);
  await until(() => told.pools.length > 0 && told.agents.length > 0, 'everything is told');
  expect(told.pools[0]?.agents).toEqual([{ name, standing: 'offline' }]);
});

test('a workflow that is not there stops nothing; a lease that comes late is told of the end', async () => {
  const { registrationId } = await register();
  const agent = await connectAgent(devops, agentPoolId, registrationId, name);
  await queueJob(devops, agentPoolId);
  const { requestId } = await agent.assigned();
  const told = memorySink();
  told.missing.add(name).add(`lease ${requestId}`);
  observe(told, { limits: { intervalMs: 200, idleIntervalMs: 200 } });
  await until(() => told.pools.length === 1, 'the pool is told');
  await agent.receive(requestId);
  await agent.finish(requestId);
  await until(
    () => told.pools.at(-1)?.running === 0 && told.pools.at(-1)?.assigned === 0,
    'the end is told to the pool',
  );
  told.missing.clear();
  await until(() => told.leases.length === 1, 'the lease is told');
  expect(told.leases[0]?.job.result).toBe('succeeded');
});

test('a fault in one pool does not stop another', async () => {
  const told = memorySink();
  observe(told, {
    pools: [
      { pool: 'gone', agentPoolId: 4_711 },
      { pool: 'web', agentPoolId },
    ],
  });
  await until(() => told.pools.length === 1, 'the good pool is told');
  await queueJob(devops, agentPoolId);
  await until(() => told.pools.at(-1)?.queued.length === 1, 'the good pool is told again');
});

test('after 429 nobody calls before the time that the server asks for', async () => {
  const told = memorySink();
  observe(told);
  await until(() => told.pools.length === 1, 'the first look is told');
  devops.faults.add({
    match: { operation: 'JobRequests_List' },
    effect: { kind: 'reject', status: 429, code: 'TF400733', retryAfterSeconds: 1 },
    times: 1,
  });
  const throttled = () => devops.context.ledger.entries('call').findIndex(({ status }) => status === 429);
  await until(() => throttled() >= 0, 'the server refused');
  await until(() => devops.context.ledger.entries('call').length > throttled() + 2, 'the observer went on');
  const calls = devops.context.ledger.entries('call');
  expect(calls[throttled() + 1]!.at - calls[throttled()]!.at).toBeGreaterThanOrEqual(950);
});

test('a Retry-After on a successful answer is honoured, and its answer is used', async () => {
  const told = memorySink();
  devops.extraHeaders.push({}, { 'retry-after': '1', 'x-ratelimit-delay': '0.5' });
  observe(told);
  await until(() => told.pools.length === 1, 'the first look is told');
  const looks = lists().length;
  await until(() => lists().length > looks, 'the observer went on');
  const calls = devops.context.ledger.entries('call').filter(({ operation }) => operation.endsWith('s_List'));
  const last = calls.findIndex(({ operation }) => operation === 'JobRequests_List');
  expect(calls[last + 1]!.at - calls[last]!.at).toBeGreaterThanOrEqual(950);
});

test('refused credentials end the activity with their name', async () => {
  const connections = createDevOpsConnections({
    credentialFor: () => Promise.resolve({ kind: 'basic', token: 'wrong-token' }),
  });
  const { ended } = observe(memorySink(), { connections });
  const failure = await ended.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ApplicationFailure);
  expect(failure).toMatchObject({ type: 'AzureDevOpsCredentialInvalid', nonRetryable: true });
});

test('ends by itself after its time', async () => {
  const { ended, heartbeats } = observe(memorySink(), { limits: { activityMs: 150 } });
  await expect(ended).resolves.toBeUndefined();
  expect(heartbeats.length).toBeGreaterThan(0);
});

test('a cancellation ends it at once, as a cancellation', async () => {
  const told = memorySink();
  const observer = observe(told, { limits: { intervalMs: 60_000, idleIntervalMs: 60_000 } });
  await until(() => told.pools.length === 1, 'the first look is told');
  await expect(observer.stop()).rejects.toBeInstanceOf(CancelledFailure);
});

import { describe, expect, test } from '@jest/globals';
import {
  createWorld,
  events,
  keyPair,
  machineFor,
  makePool,
  onlyRequest,
  queueBuild,
  register,
  type World,
} from './azure-devops-world.ts';

const minute = 60_000;

async function withAgent(world: World, changes: Parameters<typeof machineFor>[2] = {}) {
  const { poolId, queueId } = await makePool(world);
  const registration = await register(world, poolId, 'agent-1');
  const machine = machineFor(registration.json, poolId, changes);
  world.guest.boot(machine);
  await world.clock.advance(3 * minute);
  return { poolId, queueId, agentId: Number(registration.json.id), machine };
}

async function statusOf(world: World, poolId: number, agentId: number): Promise<string> {
  return (await world.call('GET', `/_apis/distributedtask/pools/${poolId}/agents/${agentId}`)).json.status;
}

describe('the life of a job', () => {
  test('an agent that boots with its files comes online, runs the job and exits after it', async () => {
    const world = createWorld();
    const { poolId, queueId, agentId } = await withAgent(world);
    expect(await statusOf(world, poolId, agentId)).toBe('online');

    const build = await queueBuild(world, queueId, { durationSeconds: '90' });
    expect(build.json).toMatchObject({ status: 'notStarted', definition: { name: 'workload' } });
    await world.clock.advance(60_000);
    const running = await onlyRequest(world, poolId);
    expect(running).toMatchObject({
      reservedAgent: { name: 'agent-1' },
      demands: expect.arrayContaining(['ImageOverride -equals ubuntu']),
    });
    expect(running.result).toBeUndefined();
    expect(Date.parse(running.queueTime)).toBeLessThan(Date.parse(running.assignTime));
    expect(Date.parse(running.assignTime)).toBeLessThan(Date.parse(running.receiveTime));

    await world.clock.advance(60_000);
    const finished = await onlyRequest(world, poolId);
    expect(finished.result).toBe('succeeded');
    expect(Date.parse(finished.finishTime) - Date.parse(finished.receiveTime)).toBe(90_000);
    expect(await statusOf(world, poolId, agentId)).toBe('offline');
    expect(events(world, 'job')).toEqual(['queued', 'assigned', 'received', 'finished']);
    expect(events(world, 'registration')).toEqual(['registered', 'online', 'offline']);
    const done = await world.call('GET', `/samples/_apis/build/builds/${build.json.id}`);
    expect(done.json).toMatchObject({ status: 'completed', result: 'succeeded' });
  });

  test('the ledger tells which machine received the job', async () => {
    const world = createWorld();
    const { queueId, machine } = await withAgent(world);
    await queueBuild(world, queueId);
    await world.clock.advance(2 * minute);
    expect(world.context.ledger.entries('job').find(({ event }) => event === 'received')?.machineId).toBe(machine.id);
  });

  test('the log of "Initialize job" shows the groups of .setup_info', async () => {
    const world = createWorld();
    const { queueId } = await withAgent(world);
    const build = await queueBuild(world, queueId);
    await world.clock.advance(2 * minute);
    const path = `/samples/_apis/build/builds/${build.json.id}`;
    const timeline = await world.call('GET', `${path}/timeline`);
    const initialize = timeline.json.records.find((record: { name: string }) => record.name === 'Initialize job');
    expect(initialize).toMatchObject({ state: 'completed', result: 'succeeded', workerName: 'agent-1' });
    const log = await world.call('GET', `${path}/logs/${initialize.log.id}`, undefined, { accept: 'text/plain' });
    expect(log.json).toContain('##[group]Network');
    expect(log.json).toContain('Private IP address: 10.0.0.4');
  });

  test('a job that fails is reported as failed', async () => {
    const world = createWorld();
    const { poolId, queueId } = await withAgent(world);
    await queueBuild(world, queueId, { durationSeconds: '5', result: 'failed' });
    await world.clock.advance(2 * minute);
    expect((await onlyRequest(world, poolId)).result).toBe('failed');
  });

  test('a script fails on a machine that is only simulated, and the log says why', async () => {
    const world = createWorld();
    const { poolId, queueId } = await withAgent(world);
    const build = await queueBuild(world, queueId, { script: 'make test' });
    await world.clock.advance(2 * minute);
    expect((await onlyRequest(world, poolId)).result).toBe('failed');
    const path = `/samples/_apis/build/builds/${build.json.id}`;
    const timeline = await world.call('GET', `${path}/timeline`);
    const step = timeline.json.records.find((record: { name: string }) => record.name === 'CmdLine');
    const log = await world.call('GET', `${path}/logs/${step.log.id}`, undefined, { accept: 'text/plain' });
    expect(log.json).toContain('##[error]This machine is simulated and runs no script.');
  });

  test('an agent without --once stays for the next job', async () => {
    const world = createWorld();
    const { poolId, queueId, agentId } = await withAgent(world, { once: false });
    await queueBuild(world, queueId);
    await queueBuild(world, queueId);
    await world.clock.advance(5 * minute);
    expect(events(world, 'job').filter((event) => event === 'finished')).toHaveLength(2);
    expect(await statusOf(world, poolId, agentId)).toBe('online');
  });

  test('a disabled agent gets no job, and gets it once it is enabled', async () => {
    const world = createWorld();
    const { poolId, queueId, agentId } = await withAgent(world);
    const agent = `/_apis/distributedtask/pools/${poolId}/agents/${agentId}`;
    await world.call('PATCH', agent, { id: agentId, enabled: false });
    await queueBuild(world, queueId);
    await world.clock.advance(2 * minute);
    expect((await onlyRequest(world, poolId)).assignTime).toBeUndefined();
    await world.call('PATCH', agent, { id: agentId, enabled: true });
    await world.clock.advance(2 * minute);
    expect((await onlyRequest(world, poolId)).result).toBe('succeeded');
  });
});

describe('jobs that do not end by themselves', () => {
  test('a queued build that is cancelled ends at once', async () => {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    await register(world, poolId, 'placeholder');
    const build = await queueBuild(world, queueId);
    const cancelled = await world.call('PATCH', `/samples/_apis/build/builds/${build.json.id}`, { status: 4 });
    expect(cancelled.json).toMatchObject({ status: 'completed', result: 'canceled' });
    expect(events(world, 'job')).toEqual(['queued', 'finished']);
  });

  test('an agent of many jobs runs the next one as any, after one that was cancelled', async () => {
    const world = createWorld();
    const { queueId } = await withAgent(world, { once: false });
    const first = await queueBuild(world, queueId, { durationSeconds: '600' });
    await world.clock.advance(minute);
    await world.call('PATCH', `/samples/_apis/build/builds/${first.json.id}`, { status: 'cancelling' });
    await world.clock.advance(minute);
    const second = await queueBuild(world, queueId, { durationSeconds: '30' });
    await world.clock.advance(2 * minute);
    const resultOf = async (id: number) => (await world.call('GET', `/samples/_apis/build/builds/${id}`)).json.result;
    expect([await resultOf(first.json.id), await resultOf(second.json.id)]).toEqual(['canceled', 'succeeded']);
  });

  test('a running build that is cancelled is stopped by its agent', async () => {
    const world = createWorld();
    const { poolId, queueId } = await withAgent(world);
    const build = await queueBuild(world, queueId, { durationSeconds: '7200' });
    await world.clock.advance(10 * minute);
    const cancelling = await world.call('PATCH', `/samples/_apis/build/builds/${build.json.id}`, {
      status: 'cancelling',
    });
    expect(cancelling.json.status).toBe('cancelling');
    await world.clock.advance(30_000);
    expect((await onlyRequest(world, poolId)).result).toBe('canceled');
  });

  test('a job whose machine is gone is abandoned when its lock expires, not before', async () => {
    const world = createWorld();
    const { poolId, queueId, agentId, machine } = await withAgent(world);
    await queueBuild(world, queueId, { durationSeconds: '7200' });
    await world.clock.advance(20 * minute);
    world.guest.stop(machine.id);
    await world.clock.advance(5 * minute);
    expect(await statusOf(world, poolId, agentId)).toBe('offline');
    expect((await onlyRequest(world, poolId)).result).toBeUndefined();
    await world.clock.advance(6 * minute);
    const lost = await onlyRequest(world, poolId);
    expect(lost.result).toBe('abandoned');
    expect(events(world, 'job').at(-1)).toBe('finished');
  });

  test('an agent that dies by a fault leaves its job to the lock', async () => {
    const world = createWorld();
    world.faults.add({ match: { machineName: 'agent-1' }, effect: { kind: 'agentDies', afterMs: 5 * minute } });
    const { poolId, queueId } = await withAgent(world);
    await queueBuild(world, queueId, { durationSeconds: '7200' });
    await world.clock.advance(30 * minute);
    expect((await onlyRequest(world, poolId)).result).toBe('abandoned');
  });

  test('a lock that is told to be shorter ends sooner', async () => {
    const world = createWorld({ jobLockMs: 90_000 });
    const { poolId, queueId, machine } = await withAgent(world);
    await queueBuild(world, queueId, { durationSeconds: '7200' });
    await world.clock.advance(20 * minute);
    expect((await onlyRequest(world, poolId)).result).toBeUndefined();
    world.guest.stop(machine.id);
    await world.clock.advance(91_000);
    expect((await onlyRequest(world, poolId)).result).toBe('abandoned');
  });

  test('a job that outlasts many renewals is not lost', async () => {
    const world = createWorld();
    const { poolId, queueId } = await withAgent(world);
    await queueBuild(world, queueId, { durationSeconds: String(12 * 3600) });
    await world.clock.advance(13 * 60 * minute);
    const finished = await onlyRequest(world, poolId);
    expect(finished.result).toBe('succeeded');
    expect(Date.parse(finished.finishTime) - Date.parse(finished.receiveTime)).toBe(12 * 3600_000);
  });
});

describe('a restart of the cloud', () => {
  test('takes up a running job where it was, and its agent with it', async () => {
    const before = createWorld();
    const { poolId, queueId, machine } = await withAgent(before);
    await queueBuild(before, queueId, { durationSeconds: '1200' });
    await before.clock.advance(5 * minute);
    const received = (await onlyRequest(before, poolId)).receiveTime;

    const after = before.restart();
    after.guest.boot(machine);
    await after.clock.advance(20 * minute);
    const finished = await onlyRequest(after, poolId);
    expect(finished).toMatchObject({ result: 'succeeded', receiveTime: received });
    expect(Date.parse(finished.finishTime) - Date.parse(received)).toBe(1_200_000);
    expect(events(after, 'job')).toEqual(['queued', 'assigned', 'received', 'finished']);
    expect(events(after, 'registration')).toEqual(['registered', 'online', 'offline']);
  });

  test('assigns what was queued before it', async () => {
    const before = createWorld();
    const { poolId, queueId } = await makePool(before);
    const registration = await register(before, poolId, 'agent-1');
    await queueBuild(before, queueId);
    const after = before.restart();
    after.guest.boot(machineFor(registration.json, poolId));
    await after.clock.advance(5 * minute);
    expect((await onlyRequest(after, poolId)).result).toBe('succeeded');
  });
});

describe('machines without a good agent', () => {
  test.each([
    ['another key than the registered one', () => ({ key: keyPair(1).privateKey })],
    ['no .credentials', () => ({ without: ['.credentials'] })],
    ['no .credentials_rsaparams', () => ({ without: ['.credentials_rsaparams'] })],
    ['no .agent', () => ({ without: ['.agent'] })],
    ['an organisation that is elsewhere', () => ({ serverUrl: 'https://dev.azure.com/contoso' })],
  ])('a machine with %s shows no agent', async (_, changes) => {
    const world = createWorld();
    const { poolId, agentId } = await withAgent(world, changes());
    expect(await statusOf(world, poolId, agentId)).toBe('offline');
    expect(events(world, 'machine')).toEqual(['agentRefused']);
  });

  test('a machine whose registration was replaced shows no agent', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    const registration = await register(world, poolId, 'agent-1');
    await world.call('PUT', `/_apis/distributedtask/pools/${poolId}/agents/${registration.json.id}`, {
      name: 'agent-1',
      authorization: { publicKey: registration.json.authorization.publicKey },
    });
    world.guest.boot(machineFor(registration.json, poolId));
    await world.clock.advance(3 * minute);
    expect(events(world, 'machine')).toEqual(['agentRefused']);
  });

  test('a machine that boots without its agent stays silent', async () => {
    const world = createWorld();
    world.faults.add({ match: { machineName: 'agent-*' }, effect: { kind: 'bootWithoutAgent' }, times: 1 });
    const { poolId, agentId } = await withAgent(world);
    expect(await statusOf(world, poolId, agentId)).toBe('offline');
    expect(events(world, 'machine')).toEqual([]);
  });
});

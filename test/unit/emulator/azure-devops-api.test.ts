import { describe, expect, test } from '@jest/globals';
import jwt from 'jsonwebtoken';
import {
  createWorld,
  events,
  keyPair,
  machineFor,
  makePool,
  onlyRequest,
  queueBuild,
  register,
} from './azure-devops-world.ts';

const minute = 60_000;

describe('who may call', () => {
  test.each([
    ['no credentials', ''],
    ['a wrong token', `Basic ${Buffer.from(':wrong').toString('base64')}`],
    ['a bearer token of nobody', 'Bearer nobody'],
  ])('a call with %s is refused with 401 and TF400813', async (_, authorization) => {
    const world = createWorld();
    const reply = await world.call('GET', '/_apis/distributedtask/pools', undefined, { authorization });
    expect(reply).toMatchObject({ status: 401, json: { typeKey: 'UnauthorizedRequestException' } });
    expect(reply.json.message).toContain('TF400813');
  });

  test('a token of Entra ID is accepted', async () => {
    const world = createWorld();
    const headers = { authorization: 'Bearer of-the-test' };
    expect((await world.call('GET', '/_apis/connectionData', undefined, headers)).status).toBe(200);
  });

  test('an organisation that does not exist is answered with 404', async () => {
    const world = createWorld();
    const reply = await world.call('GET', 'https://azure-devops.invalid/fabrikam/_apis/projects');
    expect(reply.status).toBe(404);
  });

  test('an organisation that is added keeps its pools to itself', async () => {
    const world = createWorld();
    await makePool(world);
    world.azureDevOps.addOrganization('fabrikam', ['tools']);
    const pools = await world.call('GET', 'https://azure-devops.invalid/fabrikam/_apis/distributedtask/pools');
    expect(pools.json).toEqual({ count: 0, value: [] });
  });

  test('what is not emulated says so', async () => {
    const world = createWorld();
    const reply = await world.call('GET', '/_apis/git/repositories');
    expect(reply).toMatchObject({ status: 501, json: { typeKey: 'NotEmulated' } });
  });

  test('paths and names of parameters are read without regard to case', async () => {
    const world = createWorld();
    await makePool(world);
    const pools = await world.call(
      'GET',
      'https://azure-devops.invalid/CONTOSO/_APIS/DistributedTask/Pools?POOLNAME=AGENTS',
    );
    expect(pools.json).toMatchObject({ count: 1, value: [{ name: 'agents', poolType: 'automation' }] });
  });

  test('an answer names the version that was asked for', async () => {
    const world = createWorld();
    const headers = { accept: 'application/json;api-version=7.2-preview.1' };
    const reply = await world.call('GET', '/_apis/distributedtask/pools', undefined, headers);
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8; api-version=7.2-preview.1');
    const tooNew = await world.call('GET', '/_apis/distributedtask/pools?api-version=8.0');
    expect(tooNew).toMatchObject({ status: 400, json: { typeKey: 'VssVersionOutOfRangeException' } });
  });
});

describe('tokens of agents', () => {
  async function askToken(key = keyPair().privateKey, changes: Record<string, unknown> = {}) {
    const world = createWorld();
    const { poolId } = await makePool(world);
    const { json } = await register(world, poolId, 'agent-1');
    const { clientId, authorizationUrl } = json.authorization;
    const iat = Math.floor(world.clock.now() / 1000);
    const claims = { iss: clientId, sub: clientId, aud: authorizationUrl, iat, exp: iat + 300, ...changes };
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: jwt.sign(claims, key, { algorithm: 'RS256' }),
    });
    const headers = { authorization: '', 'content-type': 'application/x-www-form-urlencoded' };
    return {
      world,
      poolId,
      agentId: json.id,
      reply: await world.call('POST', authorizationUrl, form.toString(), headers),
    };
  }

  test('an assertion signed with the registered key is worth a short token', async () => {
    const { reply } = await askToken();
    expect(reply).toMatchObject({ status: 200, json: { expires_in: 3000 } });
  });

  test.each([
    ['signed with another key', { key: keyPair(1).privateKey, changes: {} }],
    ['meant for another endpoint', { key: undefined, changes: { aud: 'https://azure-devops.invalid/fabrikam/token' } }],
    ['that is expired', { key: undefined, changes: { exp: 1 } }],
    ['of another subject', { key: undefined, changes: { sub: 'somebody' } }],
    ['of a client that is not registered', { key: undefined, changes: { iss: 'nobody', sub: 'nobody' } }],
  ])('an assertion %s is refused', async (_, { key, changes }) => {
    const { reply } = await askToken(key, changes);
    expect(reply).toMatchObject({ status: 400, json: { error: 'invalid_client' } });
  });

  test('a token ends with its time, and with its registration', async () => {
    const { world, poolId, agentId, reply } = await askToken();
    const headers = { authorization: `Bearer ${reply.json.access_token}` };
    const session = { ownerName: 'machine', agent: { id: agentId } };
    const path = `/_apis/distributedtask/pools/${poolId}/sessions`;
    const opened = await world.call('POST', path, session, headers);
    expect(opened.status).toBe(200);
    expect((await world.call('GET', '/_apis/projects', undefined, headers)).status).toBe(403);
    await world.call('DELETE', `/_apis/distributedtask/pools/${poolId}/agents/${agentId}`);
    expect((await world.call('POST', path, session, headers)).status).toBe(401);
  });
});

describe('agent pools and queues', () => {
  test('a pool shows its properties only to those who ask', async () => {
    const world = createWorld();
    const body = { name: 'p', properties: { owner: { $type: 'System.String', $value: 'us' }, plain: 'text' } };
    const made = await world.call('POST', '/_apis/distributedtask/pools', body);
    const path = `/_apis/distributedtask/pools/${made.json.id}`;
    expect((await world.call('GET', path)).json.properties).toBeUndefined();
    const asked = await world.call('GET', `${path}?properties=owner`);
    expect(asked.json.properties).toEqual({ owner: { $type: 'System.String', $value: 'us' } });
    await world.call('PATCH', path, { name: 'q', properties: { plain: null } });
    const all = await world.call('GET', `${path}?properties=*`);
    expect(all.json).toMatchObject({ name: 'q', properties: { owner: { $value: 'us' } } });
    expect(all.json.properties.plain).toBeUndefined();
  });

  test('a second pool, queue or agent of one name is a conflict', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    const pool = await world.call('POST', '/_apis/distributedtask/pools', { name: 'AGENTS' });
    expect(pool).toMatchObject({ status: 409, json: { typeKey: 'TaskAgentPoolExistsException' } });
    const queue = await world.call('POST', '/samples/_apis/distributedtask/queues', {
      name: 'agents',
      pool: { id: poolId },
    });
    expect(queue).toMatchObject({ status: 409, json: { typeKey: 'TaskAgentQueueExistsException' } });
    await register(world, poolId, 'a');
    expect(await register(world, poolId, 'A')).toMatchObject({
      status: 409,
      json: { typeKey: 'TaskAgentExistsException' },
    });
  });

  test('pipelines are permitted one by one, or all', async () => {
    const world = createWorld();
    const { queueId } = await makePool(world);
    const path = `/samples/_apis/pipelines/pipelinepermissions/queue/${queueId}`;
    expect((await world.call('GET', path)).json).toMatchObject({ allPipelines: { authorized: true }, pipelines: [] });
    const changed = await world.call('PATCH', path, {
      allPipelines: { authorized: false },
      pipelines: [{ id: 1, authorized: true }],
    });
    expect(changed.json.allPipelines).toBeUndefined();
    expect(changed.json.pipelines).toMatchObject([{ id: 1, authorized: true }]);
  });

  test('a deleted pool takes its queues and registrations along', async () => {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    await register(world, poolId, 'a');
    expect((await world.call('DELETE', `/_apis/distributedtask/pools/${poolId}`)).status).toBe(204);
    expect((await world.call('GET', `/samples/_apis/distributedtask/queues/${queueId}`)).status).toBe(404);
    expect(events(world, 'registration')).toEqual(['registered', 'removed']);
  });
});

describe('demands', () => {
  test('a build that no registered agent could run is refused, and nothing is queued', async () => {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    await register(world, poolId, 'placeholder', 'windows');
    const reply = await queueBuild(world, queueId);
    expect(reply).toMatchObject({ status: 400, json: { typeKey: 'BuildRequestValidationFailedException' } });
    const message = expect.stringContaining(
      'No agent found in pool agents which satisfies the following demands: ImageOverride -equals ubuntu',
    );
    expect(reply.json.customProperties.ValidationResults).toEqual([{ result: 'error', message }]);
    expect((await world.call('GET', `/_apis/distributedtask/pools/${poolId}/jobrequests`)).json.count).toBe(0);
    expect(events(world, 'job')).toEqual(['refused']);
  });

  test('an offline, disabled registration is enough for a build to be queued', async () => {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    const { json } = await register(world, poolId, 'placeholder');
    await world.call('PATCH', `/_apis/distributedtask/pools/${poolId}/agents/${json.id}`, { enabled: false });
    expect((await queueBuild(world, queueId)).status).toBe(200);
    const request = await onlyRequest(world, poolId);
    expect(request.matchedAgents).toMatchObject([{ name: 'placeholder', status: 'offline', enabled: false }]);
    expect(request.demands).toEqual([
      'ImageOverride -equals ubuntu',
      expect.stringMatching(/^Agent\.Version -gtVersion /),
    ]);
  });

  test('an agent gets the first job that it can run, by priority, then by age', async () => {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    const { json } = await register(world, poolId, 'agent-1');
    await register(world, poolId, 'placeholder', 'windows');
    await queueBuild(world, queueId, { durationSeconds: '1' }, ['ImageOverride -equals windows']);
    await queueBuild(world, queueId, { durationSeconds: '1' });
    const high = await world.call('POST', '/samples/_apis/build/builds', {
      definition: { id: 1 },
      queue: { id: queueId },
      demands: [{ name: 'imageoverride', value: 'UBUNTU' }],
      priority: 'high',
    });
    world.guest.boot(machineFor(json, poolId));
    await world.clock.advance(minute);
    const assigned = world.context.ledger.entries('job').filter(({ event }) => event === 'assigned');
    expect(assigned).toHaveLength(1);
    const held = await world.call(
      'GET',
      `/_apis/distributedtask/pools/${poolId}/agents/${json.id}?includeAssignedRequest=true`,
    );
    expect(held.json.assignedRequest.owner.id).toBe(high.json.id);
  });

  test('no more jobs run at once than the organisation has parallel jobs', async () => {
    const world = createWorld({ parallelism: 1 });
    const { poolId, queueId } = await makePool(world);
    for (const name of ['agent-1', 'agent-2']) {
      world.guest.boot(machineFor((await register(world, poolId, name)).json, poolId));
      await queueBuild(world, queueId, { durationSeconds: '600' });
    }
    await world.clock.advance(5 * minute);
    expect(world.azureDevOps.counts().jobs).toMatchObject({ queued: 1, running: 1 });
    await world.clock.advance(30 * minute);
    expect(world.azureDevOps.counts().jobs).toMatchObject({ finished: 2 });
  });
});

describe('agents and sessions', () => {
  test('an agent is not deleted while it runs a job', async () => {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    const { json } = await register(world, poolId, 'agent-1');
    world.guest.boot(machineFor(json, poolId));
    await queueBuild(world, queueId, { durationSeconds: '600' });
    await world.clock.advance(minute);
    const path = `/_apis/distributedtask/pools/${poolId}/agents/${json.id}`;
    const refused = await world.call('DELETE', path);
    expect(refused).toMatchObject({ status: 400, json: { typeKey: 'TaskAgentJobStillRunningException' } });
    await world.clock.advance(15 * minute);
    expect((await world.call('DELETE', path)).status).toBe(204);
    expect((await onlyRequest(world, poolId)).result).toBe('succeeded');
  });

  test('a second session of an agent is a conflict until the first has been silent for a while', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    const { json } = await register(world, poolId, 'agent-1');
    const path = `/_apis/distributedtask/pools/${poolId}/sessions`;
    const session = { ownerName: 'machine', agent: { id: json.id } };
    expect((await world.call('POST', path, session)).status).toBe(200);
    expect(await world.call('POST', path, session)).toMatchObject({
      status: 409,
      json: { typeKey: 'TaskAgentSessionConflictException' },
    });
    await world.clock.advance(3 * minute);
    expect(events(world, 'registration')).toEqual(['registered', 'online', 'offline']);
    expect((await world.call('POST', path, session)).status).toBe(200);
  });

  test('an agent whose machine starts anew waits for its earlier session to end', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    const machine = machineFor((await register(world, poolId, 'agent-1')).json, poolId);
    world.guest.boot(machine);
    await world.clock.advance(minute);
    world.guest.stop(machine.id);
    world.guest.boot(machine);
    await world.clock.advance(5 * minute);
    expect(events(world, 'registration')).toEqual(['registered', 'online', 'offline', 'online']);
    expect(events(world, 'machine')).toEqual(['agentStarted', 'agentStarted']);
  });

  test('an agent whose machine is shut down signs off, and has a session as soon as it is back', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    const machine = machineFor((await register(world, poolId, 'agent-1')).json, poolId);
    world.guest.boot(machine);
    await world.clock.advance(minute);
    world.guest.stop(machine.id, 'shutdown');
    await world.clock.advance(1_000);
    expect(events(world, 'registration')).toEqual(['registered', 'online', 'offline']);
    world.guest.boot(machine);
    await world.clock.advance(15_000);
    expect(events(world, 'registration')).toEqual(['registered', 'online', 'offline', 'online']);
  });

  test('an agent that no unit starts does not come up with a later boot of its machine', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    const machine = machineFor((await register(world, poolId, 'agent-1')).json, poolId);
    world.guest.boot({ ...machine, boots: 2 });
    await world.clock.advance(minute);
    expect(events(world, 'registration')).toEqual(['registered']);
  });

  test('a poll is held for 50 seconds and then answered with nothing', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    const { json } = await register(world, poolId, 'agent-1');
    const pool = `/_apis/distributedtask/pools/${poolId}`;
    const session = await world.call('POST', `${pool}/sessions`, { ownerName: 'm', agent: { id: json.id } });
    const before = world.clock.now();
    const poll = await world.call('GET', `${pool}/messages?sessionId=${session.json.sessionId}`);
    expect(poll).toMatchObject({ status: 200, json: '' });
    expect(world.clock.now() - before).toBeGreaterThanOrEqual(50_000);
  });

  test('a lock is renewed only with its token', async () => {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    world.guest.boot(machineFor((await register(world, poolId, 'agent-1')).json, poolId));
    await queueBuild(world, queueId, { durationSeconds: '600' });
    await world.clock.advance(minute);
    const { requestId } = await onlyRequest(world, poolId);
    const path = `/_apis/distributedtask/pools/${poolId}/jobrequests/${requestId}`;
    const reply = await world.call('PATCH', `${path}?lockToken=00000000-0000-0000-0000-000000000000`, { result: 2 });
    expect(reply).toMatchObject({ status: 400, json: { typeKey: 'TaskAgentJobTokenExpiredException' } });
  });
});

describe('lists', () => {
  async function threeRequests() {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    await register(world, poolId, 'placeholder');
    const builds = [];
    for (let index = 0; index < 3; index += 1) builds.push((await queueBuild(world, queueId)).json.id);
    await world.call('PATCH', `/samples/_apis/build/builds/${builds[0]}`, { status: 'cancelling' });
    return { world, requests: `/_apis/distributedtask/pools/${poolId}/jobrequests`, builds };
  }

  test('completedRequestCount limits the finished ones and never the others', async () => {
    const { world, requests } = await threeRequests();
    expect((await world.call('GET', `${requests}?completedRequestCount=0`)).json.count).toBe(2);
    expect((await world.call('GET', `${requests}?completedRequestCount=1`)).json.count).toBe(3);
  });

  test('$top pages from the newest, and leaves out the matched agents', async () => {
    const { world, requests } = await threeRequests();
    const first = await world.call('GET', `${requests}?$top=2`);
    const token = first.headers.get('x-ms-continuationtoken');
    const second = await world.call('GET', `${requests}?$top=2&continuationToken=${token}`);
    const ids = [...first.json.value, ...second.json.value].map((it: { requestId: number }) => it.requestId);
    expect(ids).toEqual([3, 2, 1]);
    expect(second.headers.get('x-ms-continuationtoken')).toBeNull();
    expect(first.json.value[0].matchedAgents).toBeUndefined();
  });

  test('builds are filtered by status, as a name or as a mask', async () => {
    const { world, builds } = await threeRequests();
    const path = '/samples/_apis/build/builds';
    const queued = await world.call('GET', `${path}?statusFilter=notStarted&queryOrder=queueTimeAscending`);
    expect(queued.json.value.map((it: { id: number }) => it.id)).toEqual(builds.slice(1));
    expect((await world.call('GET', `${path}?statusFilter=34`)).json.count).toBe(3);
    expect((await world.call('GET', `${path}?definitions=2`)).json.count).toBe(0);
  });
});

describe('faults', () => {
  test('a delayed answer takes effect and says how long to wait', async () => {
    const world = createWorld();
    world.faults.add({
      match: { operation: 'Pools_Add' },
      effect: { kind: 'reject', status: 200, code: 'Delayed', retryAfterSeconds: 7 },
    });
    const reply = await world.call('POST', '/_apis/distributedtask/pools', { name: 'p' });
    expect(reply).toMatchObject({ status: 200, json: { name: 'p' } });
    expect(reply.headers.get('retry-after')).toBe('7');
    expect(reply.headers.get('x-ratelimit-delay')).toBe('7');
  });

  test('a throttled call is refused with TF400733 and has no effect', async () => {
    const world = createWorld();
    const effect = { kind: 'reject', status: 429, code: 'TF400733', retryAfterSeconds: 3 } as const;
    world.faults.add({ match: { operation: 'Pools_Add' }, effect, times: 1 });
    const reply = await world.call('POST', '/_apis/distributedtask/pools', { name: 'p' });
    expect(reply.status).toBe(429);
    expect(reply.json.message).toContain('TF400733');
    expect(reply.headers.get('retry-after')).toBe('3');
    expect((await world.call('GET', '/_apis/distributedtask/pools')).json.count).toBe(0);
  });

  test('a stale list shows agents as they were', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    await register(world, poolId, 'old');
    await world.clock.advance(30_000);
    await register(world, poolId, 'new');
    world.faults.add({ match: { operation: 'Agents_List' }, effect: { kind: 'staleList', ageMs: 20_000 }, times: 1 });
    const path = `/_apis/distributedtask/pools/${poolId}/agents`;
    const agentNames = async () => (await world.call('GET', path)).json.value.map((it: { name: string }) => it.name);
    expect(await agentNames()).toEqual(['old']);
    expect(await agentNames()).toEqual(['old', 'new']);
  });

  test('an agent outlives failures of the server', async () => {
    const world = createWorld();
    const { poolId, queueId } = await makePool(world);
    world.faults.add({
      match: { operation: '*' },
      effect: { kind: 'reject', status: 503, code: 'x' },
      probability: 0.3,
    });
    const ask = async <T>(call: () => Promise<{ status: number; json: T }>): Promise<T> => {
      for (;;) {
        const reply = await call();
        if (reply.status === 200) return reply.json;
      }
    };
    const registration = await ask(() => register(world, poolId, 'agent-1'));
    world.guest.boot(machineFor(registration, poolId));
    await ask(() => queueBuild(world, queueId, { durationSeconds: '300' }));
    await world.clock.advance(60 * minute);
    expect(world.azureDevOps.counts().jobs).toMatchObject({ finished: 1 });
    expect(world.context.ledger.entries('job').at(-1)).toMatchObject({ event: 'finished', result: 'succeeded' });
  });

  test('a lost answer to the registration still leaves the registration', async () => {
    const world = createWorld();
    const { poolId } = await makePool(world);
    world.faults.add({ match: { operation: 'Agents_Add' }, effect: { kind: 'loseResponse' }, times: 1 });
    await expect(register(world, poolId, 'agent-1')).rejects.toThrow('cut before the answer');
    expect((await register(world, poolId, 'agent-1')).status).toBe(409);
  });

  test('a budget of calls first warns, then refuses, and grows again', async () => {
    const world = createWorld({ callsPerFiveMinutes: 10 });
    const replies = [];
    for (let index = 0; index < 12; index += 1) replies.push(await world.call('GET', '/_apis/projects'));
    expect(replies[8]).toMatchObject({ status: 200 });
    expect(replies[8]?.headers.get('x-ratelimit-limit')).toBe('10');
    expect(replies.at(-1)?.status).toBe(429);
    await world.clock.advance(5 * minute);
    expect((await world.call('GET', '/_apis/projects')).status).toBe(200);
  });
});

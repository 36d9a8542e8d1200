import { ApplicationFailure } from '@temporalio/common';
import { createDevOpsActivities } from '../../activities/devops/activities.ts';
import { createDevOpsConnections } from '../../activities/devops/connections.ts';
import { createAgentRegistrar } from '../../activities/devops/registrar.ts';
import type { ArmError } from '../../domain/violation.ts';
import {
  connectAgent,
  identity,
  image,
  poolSpecification,
  queueJob,
  startAzureDevOps,
  until,
  type TestAzureDevOps,
} from './activities-devops-support.ts';

const publicKey = { exponent: 'AQAB', modulus: Buffer.alloc(256, 7).toString('base64') };

let devops: TestAzureDevOps;
let activities: ReturnType<typeof createDevOpsActivities>;
beforeEach(async () => {
  devops = await startAzureDevOps();
  activities = createDevOpsActivities({ connections: devops.connections });
});
afterEach(() => devops.close());

const check = (specification = poolSpecification(devops.url), installation = 'test') => ({
  installation,
  specification,
});

interface Listed {
  value: { id: number; name: string; enabled: boolean; status: string; userCapabilities: Record<string, string> }[];
}

async function listAgents(agentPoolId: number) {
  const path = `_apis/distributedtask/pools/${agentPoolId}/agents?includeCapabilities=true&api-version=7.1`;
  const { value } = await devops.call<Listed>('GET', path);
  return value.toSorted((one, other) => one.name.localeCompare(other.name));
}

async function failure(promise: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ApplicationFailure) return error;
  throw new Error(`expected an ApplicationFailure, not ${String(error)}`);
}

async function violations(promise: Promise<unknown>) {
  const refused = await failure(promise);
  expect(refused).toMatchObject({ type: 'InvalidPool', nonRetryable: true });
  const [body] = refused.details as [ArmError];
  return body.error.details.map(({ code, target }) => `${code} ${target}`);
}

test.each(['ResourceAreas_List', 'Locations_List'])(
  'a client that was refused at %s while it was made is made anew for the next call',
  async (operation) => {
    const { id } = await devops.call<{ id: number }>('POST', '_apis/distributedtask/pools?api-version=7.1', {
      name: 'Web',
    });
    const name = () => devops.connections.to(devops.url).taskAgent((api) => api.getAgentPool(id));
    const match = { service: 'azure-devops' as const, operation };
    const fault = devops.faults.add({ match, effect: { kind: 'reject', status: 429, code: 'TF400733' } });
    await expect(name()).rejects.toMatchObject({ statusCode: 429 });
    devops.faults.remove(fault.id);
    expect(await name()).toMatchObject({ name: 'Web' });
  },
);

describe('checkOrganization', () => {
  const organization = 'properties.organizationProfile.organizations[0]';

  test('accepts what Azure DevOps can serve, and changes nothing', async () => {
    await activities.checkOrganization(check(poolSpecification(devops.url, { projects: ['Samples'] })));
    const writes = devops.context.ledger.entries('call').filter(({ method }) => !['GET', 'OPTIONS'].includes(method));
    expect(writes).toEqual([]);
  });

  test('names every unknown project and the taken name at once', async () => {
    await devops.call('POST', '_apis/distributedtask/pools?api-version=7.1', { name: 'Web' });
    const specification = poolSpecification(devops.url, { projects: ['samples', 'nope', 'neither'] });
    expect(await violations(activities.checkOrganization(check(specification)))).toEqual([
      `UnknownProject ${organization}.projects[1]`,
      `UnknownProject ${organization}.projects[2]`,
      `NameTaken ${organization}.alias`,
    ]);
  });

  test('refuses the name of another installation’s agent pool', async () => {
    await activities.prepareAgentPool(check(undefined, 'another'));
    expect(await violations(activities.checkOrganization(check()))).toEqual([`NameTaken ${organization}.alias`]);
    await activities.checkOrganization(check(undefined, 'another'));
  });

  test('refuses a wrong token, without showing it', async () => {
    const connections = createDevOpsConnections({
      credentialFor: () => Promise.resolve({ kind: 'basic', token: 'wrong-token' }),
    });
    const refused = failure(createDevOpsActivities({ connections }).checkOrganization(check()));
    expect(await violations(Promise.reject(await refused))).toEqual([`CredentialsRefused ${organization}.url`]);
    expect(JSON.stringify(await refused)).not.toContain('wrong-token');
  });

  test('accepts a bearer token, and takes a renewed one at once', async () => {
    let token = 'expired';
    const connections = createDevOpsConnections({ credentialFor: () => Promise.resolve({ kind: 'bearer', token }) });
    const entra = createDevOpsActivities({ connections });
    expect(await violations(entra.checkOrganization(check()))).toEqual([`CredentialsRefused ${organization}.url`]);
    token = 'an-entra-token';
    await entra.checkOrganization(check());
  });

  test.each([
    ['an organisation that does not exist', (url: string) => url.replace('contoso', 'nowhere')],
    ['a host where nothing listens', () => 'http://127.0.0.1:1/contoso'],
  ])('refuses %s', async (_, urlOf) => {
    const refused = violations(activities.checkOrganization(check(poolSpecification(urlOf(devops.url)))));
    expect(await refused).toEqual([`OrganizationNotReachable ${organization}.url`]);
  });

  test('lets the engine try again what a later try may mend', async () => {
    devops.faults.add({ match: { operation: 'Projects_List' }, effect: { kind: 'reject', status: 503, code: 'Busy' } });
    expect(await failure(activities.checkOrganization(check()))).toMatchObject({ nonRetryable: false });
  });
});

describe('prepareAgentPool', () => {
  test('makes the agent pool, a queue per project and an offline placeholder per alias', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    expect(await devops.call('GET', `_apis/distributedtask/pools/${agentPoolId}?api-version=7.1`)).toMatchObject({
      name: 'web',
      autoProvision: false,
      autoUpdate: false,
    });
    for (const project of ['samples', 'tools']) {
      const path = `${project}/_apis/distributedtask/queues?poolIds=${agentPoolId}&api-version=7.1`;
      const { value } = await devops.call<{ value: { id: number }[] }>('GET', path);
      expect(value).toHaveLength(1);
      const permissions = `${project}/_apis/pipelines/pipelinepermissions/queue/${value[0]?.id}?api-version=7.1-preview.1`;
      expect(await devops.call('GET', permissions)).toMatchObject({ allPipelines: { authorized: true } });
    }
    expect(await listAgents(agentPoolId)).toMatchObject([
      {
        name: 'web-placeholder-ubuntu',
        status: 'offline',
        enabled: true,
        userCapabilities: { ImageOverride: 'ubuntu' },
      },
      { status: 'offline', userCapabilities: { ImageOverride: 'ubuntu-24.04/latest' } },
    ]);
  });

  test('twice, also at the same time, has the effect of once', async () => {
    const [one, other] = await Promise.all([
      activities.prepareAgentPool(check()),
      activities.prepareAgentPool(check()),
    ]);
    expect(one).toEqual(other);
    expect(await activities.prepareAgentPool(check())).toEqual(one);
    expect(await listAgents(one.agentPoolId)).toHaveLength(2);
    const writes = devops.calls().length;
    await activities.prepareAgentPool(check());
    expect(devops.calls().slice(writes)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/_(Add|Replace|Update|Delete)$/)]),
    );
  });

  test('survives a lost answer at every write', async () => {
    for (const operation of ['Pools_Add', 'Queues_Add', 'Agents_Add']) {
      devops.faults.add({ match: { operation }, effect: { kind: 'loseResponse' }, times: 1 });
      const lost = await failure(activities.prepareAgentPool(check()));
      expect(lost.nonRetryable).toBe(false);
    }
    const { agentPoolId } = await activities.prepareAgentPool(check());
    expect(await listAgents(agentPoolId)).toHaveLength(2);
  });

  test('follows the specification: projects, open access and images', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const narrow = poolSpecification(devops.url, { projects: ['samples'], openAccess: false });
    await activities.prepareAgentPool(check({ ...narrow, images: [image('debian')] }));
    const queues = (project: string) =>
      devops.call<{ value: { id: number }[] }>(
        'GET',
        `${project}/_apis/distributedtask/queues?poolIds=${agentPoolId}&api-version=7.1`,
      );
    expect((await queues('tools')).value).toEqual([]);
    const [queue] = (await queues('samples')).value;
    const permissions = `samples/_apis/pipelines/pipelinepermissions/queue/${queue?.id}?api-version=7.1-preview.1`;
    expect((await devops.call<{ allPipelines?: unknown }>('GET', permissions)).allPipelines).toBeUndefined();
    expect((await listAgents(agentPoolId)).map(({ name }) => name)).toEqual(['web-placeholder-debian']);
  });

  test('refuses the agent pool of another, and leaves it as it was', async () => {
    await devops.call('POST', '_apis/distributedtask/pools?api-version=7.1', { name: 'web', autoUpdate: true });
    expect(await violations(activities.prepareAgentPool(check()))).toEqual([
      'NameTaken properties.organizationProfile.organizations[0].alias',
    ]);
    const { value } = await devops.call<{ value: object[] }>(
      'GET',
      '_apis/distributedtask/pools?poolName=web&api-version=7.1',
    );
    expect(value).toMatchObject([{ autoUpdate: true }]);
  });
});

describe('removeAgentPool', () => {
  test('removes everything that is ours, and succeeds when there is nothing', async () => {
    await activities.prepareAgentPool(check());
    await activities.removeAgentPool(check());
    const { value } = await devops.call<{ value: object[] }>(
      'GET',
      '_apis/distributedtask/pools?poolName=web&api-version=7.1',
    );
    expect(value).toEqual([]);
    await activities.removeAgentPool(check());
  });

  test('leaves the agent pool of another alone', async () => {
    await activities.prepareAgentPool(check(undefined, 'another'));
    await activities.removeAgentPool(check());
    await activities.checkOrganization(check(undefined, 'another'));
    const { value } = await devops.call<{ value: object[] }>(
      'GET',
      '_apis/distributedtask/pools?poolName=web&api-version=7.1',
    );
    expect(value).toHaveLength(1);
  });

  test('waits for a job that still runs', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const { finish } = await runningJob(agentPoolId);
    expect(await failure(activities.removeAgentPool(check()))).toMatchObject({
      type: 'AgentPoolBusy',
      nonRetryable: false,
    });
    await finish();
    await activities.removeAgentPool(check());
  });
});

describe('The registrar', () => {
  test('registers, finds and removes an agent', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const registrar = createAgentRegistrar(devops.connections);
    const agent = identity(devops.url, agentPoolId);
    expect(await registrar.find(agent)).toBeUndefined();
    const registered = await registrar.register(agent, publicKey, { ImageOverride: 'ubuntu' });
    expect(registered).toMatchObject({ agentPoolName: 'web', serverUrl: devops.url });
    expect(new URL(registered.authorizationUrl).origin).toBe(new URL(devops.url).origin);
    expect(registered.clientId).not.toBe('');
    expect(await registrar.find(agent)).toEqual({ registrationId: registered.registrationId });
    expect(await registrar.deregister(agent)).toBe('removed');
    expect(await registrar.deregister(agent)).toBe('removed');
  });

  test('registering again replaces the key and enables the agent', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const registrar = createAgentRegistrar(devops.connections);
    const agent = identity(devops.url, agentPoolId);
    const first = await registrar.register(agent, publicKey, { ImageOverride: 'ubuntu' });
    await activities.disableAgent({ identity: agent, registrationId: first.registrationId });
    const second = await registrar.register(agent, publicKey, { ImageOverride: 'ubuntu' });
    expect(second.registrationId).toBe(first.registrationId);
    expect(second.clientId).not.toBe(first.clientId);
    const listed = await listAgents(agentPoolId);
    expect(listed.find(({ name }) => name === agent.agent)).toMatchObject({ enabled: true });
  });

  test('a hundred agents at once are a hundred registrations', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const registrar = createAgentRegistrar(devops.connections);
    const ids = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const agent = identity(devops.url, agentPoolId, `agent-${n}`);
        return (await registrar.register(agent, publicKey, { ImageOverride: 'ubuntu' })).registrationId;
      }),
    );
    expect(new Set(ids).size).toBe(100);
  });

  test('the server’s refusal while a job runs is busy, and leaves the agent as it was', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const { agent, finish } = await runningJob(agentPoolId);
    const registrar = createAgentRegistrar(devops.connections);
    const enabled = async () => (await listAgents(agentPoolId)).find(({ name }) => name === agent.agent)?.enabled;
    expect(await registrar.deregister(agent)).toBe('busy');
    expect(await enabled()).toBe(true);
    await activities.disableAgent({ identity: agent, registrationId: (await registrar.find(agent))!.registrationId });
    expect(await registrar.deregister(agent)).toBe('busy');
    expect(await enabled()).toBe(false);
    await finish();
    expect(await registrar.deregister(agent)).toBe('removed');
  });

  test('withdraws an agent that no job holds, and admits it again', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const registrar = createAgentRegistrar(devops.connections);
    const agent = identity(devops.url, agentPoolId);
    const { registrationId } = await registrar.register(agent, publicKey, { ImageOverride: 'ubuntu' });
    const isEnabled = async () => (await listAgents(agentPoolId)).find(({ name }) => name === agent.agent)?.enabled;
    expect(await registrar.withdraw(agent, registrationId)).toBe('withdrawn');
    expect(await registrar.withdraw(agent)).toBe('withdrawn');
    expect(await isEnabled()).toBe(false);
    expect(await registrar.admit(agent, registrationId)).toBe('admitted');
    expect(await isEnabled()).toBe(true);
    await registrar.deregister(agent);
    expect(await registrar.withdraw(agent, registrationId)).toBe('gone');
    expect(await registrar.admit(agent, registrationId)).toBe('gone');
  });

  test('does not withdraw an agent that a job holds: it is enabled as before', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const registrar = createAgentRegistrar(devops.connections);
    const { agent, finish } = await runningJob(agentPoolId);
    expect(await registrar.withdraw(agent)).toBe('busy');
    expect((await listAgents(agentPoolId)).find(({ name }) => name === agent.agent)).toMatchObject({ enabled: true });
    await finish();
    expect(await registrar.withdraw(agent)).toBe('withdrawn');
  });

  test('throttling is told with the time that the server asks for', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    devops.faults.add({
      match: { operation: 'Agents_Add' },
      effect: { kind: 'reject', status: 429, code: 'TF400733', retryAfterSeconds: 7 },
      times: 1,
    });
    const registrar = createAgentRegistrar(devops.connections);
    const throttled = await failure(registrar.register(identity(devops.url, agentPoolId), publicKey, {}));
    expect(throttled).toMatchObject({ type: 'Throttled', nonRetryable: false, nextRetryDelay: 7_000 });
  });
});

describe('disableAgent and cancelBuild', () => {
  test('disabling an agent that is gone succeeds', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    await activities.disableAgent({ identity: identity(devops.url, agentPoolId), registrationId: 4_711 });
  });

  test('cancelling ends a queued build, again and again, and forgives one that never was', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const { id: buildId } = await queueJob(devops, agentPoolId);
    const cancel = { organizationUrl: devops.url, projectId: 'samples', buildId };
    await activities.cancelBuild(cancel);
    await until(async () => {
      const { status } = await devops.call<{ status: string }>(
        'GET',
        `samples/_apis/build/builds/${buildId}?api-version=7.1`,
      );
      return status === 'completed';
    }, 'the build has ended');
    await activities.cancelBuild(cancel);
    await activities.cancelBuild({ ...cancel, buildId: 4_711 });
  });
});

describe('tagBuild and retryStage', () => {
  test('a tag is put on a build once, however often it is sent, and none on a build that is gone', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const { id: buildId } = await queueJob(devops, agentPoolId);
    const tag = { organizationUrl: devops.url, projectId: 'samples', buildId, tag: 'odp build was lost - evicted' };
    devops.faults.add({ match: { operation: 'BuildTags_Add' }, effect: { kind: 'loseResponse' }, times: 1 });
    expect(await failure(activities.tagBuild(tag))).toMatchObject({ nonRetryable: false });
    await activities.tagBuild(tag);
    await activities.tagBuild({ ...tag, buildId: 4_711 });
    const path = `samples/_apis/build/builds/${buildId}?api-version=7.1`;
    expect(await devops.call('GET', path)).toMatchObject({ tags: [tag.tag] });
  });

  test('a stage is run again once, also when the answer is lost, and not while it runs', async () => {
    const { agentPoolId } = await activities.prepareAgentPool(check());
    const { id: buildId } = await queueJob(devops, agentPoolId);
    const build = { organizationUrl: devops.url, projectId: 'samples', buildId };
    const requests = async () => {
      const path = `_apis/distributedtask/pools/${agentPoolId}/jobrequests?completedRequestCount=10&api-version=7.1-preview.1`;
      const { value } = await devops.call<{ value: { requestId: number; jobId: string; result?: string }[] }>(
        'GET',
        path,
      );
      return value.toSorted((one, other) => one.requestId - other.requestId);
    };
    const jobId = (await requests())[0]?.jobId ?? '';
    expect(await activities.retryStage({ ...build, jobId })).toEqual({ outcome: 'running' });
    await activities.cancelBuild(build);
    devops.faults.add({ match: { operation: 'Stages_Update' }, effect: { kind: 'loseResponse' }, times: 1 });
    expect(await failure(activities.retryStage({ ...build, jobId }))).toMatchObject({ nonRetryable: false });

    expect(await activities.retryStage({ ...build, jobId })).toEqual({ outcome: 'retried' });

    const [first, second, ...others] = await requests();
    expect(others).toEqual([]);
    expect(first).toMatchObject({ jobId, result: 'canceled' });
    expect(second?.jobId).not.toBe(jobId);
    // Lost once more, it is not run a third time.
    await activities.cancelBuild(build);
    expect(await activities.retryStage({ ...build, jobId: second?.jobId ?? '' })).toEqual({ outcome: 'again' });
    expect(await activities.retryStage({ ...build, buildId: 4_711, jobId })).toEqual({ outcome: 'notFound' });
  });
});

/** An agent that runs a job. */
async function runningJob(agentPoolId: number) {
  const agent = identity(devops.url, agentPoolId);
  const registrar = createAgentRegistrar(devops.connections);
  const { registrationId } = await registrar.register(agent, publicKey, { ImageOverride: 'ubuntu' });
  const connected = await connectAgent(devops, agentPoolId, registrationId, agent.agent);
  await queueJob(devops, agentPoolId);
  const { requestId } = await connected.assigned();
  await connected.receive(requestId);
  return { agent, requestId, finish: () => connected.finish(requestId) };
}

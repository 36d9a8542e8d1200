import type { RestError } from '@azure/core-rest-pipeline';
import { describe, expect, test } from '@jest/globals';
import { inSubnet, openAzure } from '../support/embedded-azure.ts';
import type { AzureWorld } from '../support/embedded-azure.ts';

const fast = { updateIntervalInMs: 1 };

const create = (world: AzureWorld, name: string) =>
  world.run(world.client.virtualMachines.createOrUpdate('agents', name, world.machine(name), fast));

const failure = async (promise: Promise<unknown>): Promise<Error & Partial<RestError>> => {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('The call did not fail.');
};

async function control(world: AzureWorld, method: string, path: string, body?: unknown): Promise<Response> {
  const url = `${world.cloud.facts.control}${path}`;
  return world.cloud.control(
    new Request(url, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }),
  );
}

async function listed(world: AzureWorld): Promise<string[]> {
  const found: string[] = [];
  await world.run(
    (async () => {
      for await (const machine of world.client.virtualMachines.list('agents')) found.push(machine.name ?? '');
    })(),
  );
  return found;
}

describe('a fault that is set', () => {
  test('refuses a call before its effect, with its headers', async () => {
    const world = openAzure();
    world.fault({
      match: { service: 'arm', method: 'PUT', path: '*/virtualMachines/one' },
      effect: { kind: 'reject', status: 429, code: 'TooManyRequests', retryAfterSeconds: 7 },
      times: 1,
    });
    const error = await failure(create(world, 'one'));
    expect([error.statusCode, error.code, error.response?.headers.get('retry-after')]).toEqual([
      429,
      'TooManyRequests',
      '7',
    ]);
    expect(await listed(world)).toEqual([]);
    expect((await create(world, 'one')).provisioningState).toBe('Succeeded');
    const calls = world.cloud.context.ledger.entries('call').filter(({ method }) => method === 'PUT');
    expect(calls.map(({ status, fault }) => [status, fault !== undefined])).toEqual([
      [429, true],
      [201, false],
    ]);
  });

  test('loses the answer after the effect', async () => {
    const world = openAzure();
    world.fault({ match: { operation: 'VirtualMachines_CreateOrUpdate' }, effect: { kind: 'loseResponse' }, times: 1 });
    const error = await failure(create(world, 'one'));
    expect(error.code).toBe('ECONNRESET');
    expect(await listed(world)).toEqual(['one']);
    // The same PUT again finds the machine, and ends when its creation does.
    expect((await create(world, 'one')).provisioningState).toBe('Succeeded');
    expect(world.cloud.context.ledger.entries('machine').filter(({ event }) => event === 'created')).toHaveLength(1);
  });

  test('fails a creation late, and leaves the failed machine with its parts until it is deleted', async () => {
    const world = openAzure();
    world.fault({
      match: { machineName: 'one' },
      effect: { kind: 'longRunningOperation', outcome: 'failed', code: 'ZonalAllocationFailed', message: 'No room.' },
      times: 1,
    });
    const error = await failure(create(world, 'one'));
    expect(error.message).toContain('ZonalAllocationFailed');
    expect((await world.run(world.client.virtualMachines.get('agents', 'one'))).provisioningState).toBe('Failed');
    const view = await world.run(world.client.virtualMachines.instanceView('agents', 'one'));
    expect(view.statuses?.map(({ code }) => code)).toEqual(['ProvisioningState/failed/ZonalAllocationFailed']);
    await world.run(world.client.virtualMachines.delete('agents', 'one', fast));
    const kinds = world.cloud.context.ledger.entries('resource').filter(({ id }) => id.includes('one'));
    expect(kinds.map(({ event }) => event).sort()).toEqual([
      'created',
      'created',
      'created',
      'deleted',
      'deleted',
      'deleted',
    ]);
  });

  test('keeps a creation from ending; the deletion ends it', async () => {
    const world = openAzure();
    world.fault({
      match: { machineName: 'one' },
      effect: { kind: 'longRunningOperation', outcome: 'stuck' },
      times: 1,
    });
    const poller = world.client.virtualMachines.createOrUpdate('agents', 'one', world.machine('one'), fast);
    await world.run(poller.submitted());
    // Not longer than the token lasts, which the real client renews by its own clock.
    await world.clock.advance(55 * 60_000);
    expect((await world.run(world.client.virtualMachines.get('agents', 'one'))).provisioningState).toBe('Creating');
    await world.run(world.client.virtualMachines.delete('agents', 'one', fast));
    expect(await listed(world)).toEqual([]);
    await expect(world.run(poller.pollUntilDone())).rejects.toThrow('canceled');
  });

  test('shows lists as they were', async () => {
    const world = openAzure();
    await create(world, 'one');
    await world.clock.advance(60_000);
    const fault = world.fault({
      match: { operation: 'VirtualMachines_List' },
      effect: { kind: 'staleList', ageMs: 30_000 },
    });
    await create(world, 'two');
    await world.run(world.client.virtualMachines.delete('agents', 'one', fast));
    expect(await listed(world)).toEqual(['one']);
    await world.clock.advance(30_001);
    expect(await listed(world)).toEqual(['two']);
    world.cloud.context.faults.remove(fault.id);
    expect(await listed(world)).toEqual(['two']);
  });
});

describe('limits', () => {
  test('of the quota refuse a machine with a conflict in words that tell the numbers, until one goes', async () => {
    const world = openAzure();
    await control(world, 'PATCH', '/quotas', { name: 'standardDADSv5Family', limit: 3 });
    await create(world, 'one');
    const error = await failure(create(world, 'two'));
    expect([error.statusCode, error.code]).toEqual([409, 'OperationNotAllowed']);
    expect(error.message).toContain('exceeding approved standardDADSv5Family Cores quota');
    expect(error.message).toContain('Current Limit: 3, Current Usage: 2, Additional Required: 2');
    await world.run(world.client.virtualMachines.deallocate('agents', 'one', fast));
    await create(world, 'two');
    // Its cores are taken now: the deallocated one cannot start.
    expect((await failure(world.run(world.client.virtualMachines.start('agents', 'one', fast)))).code).toBe(
      'OperationNotAllowed',
    );
    await world.run(world.client.virtualMachines.delete('agents', 'two', fast));
    await world.run(world.client.virtualMachines.start('agents', 'one', fast));
  });

  test('of Spot are their own', async () => {
    const world = openAzure();
    await control(world, 'PATCH', '/quotas', { name: 'lowPriorityCores', limit: 0 });
    const spot = { ...world.machine('spot'), priority: 'Spot', evictionPolicy: 'Delete' };
    const error = await failure(world.run(world.client.virtualMachines.createOrUpdate('agents', 'spot', spot, fast)));
    expect(error.message).toContain('LowPriorityCores');
    await create(world, 'regular');
  });

  test('of the subnet refuse the machine that has no address, and free those of machines that go', async () => {
    const world = openAzure();
    const subnet = '/providers/Microsoft.Network/virtualNetworks/agents/subnets/small';
    // A /29 has eight addresses, five of which Azure keeps.
    await world.call('PUT', world.path(subnet), { properties: { addressPrefix: '10.0.200.0/29' } });
    const inSmall = (name: string) => {
      const machine = world.machine(name);
      inSubnet(machine, world.path(subnet));
      return world.run(world.client.virtualMachines.createOrUpdate('agents', name, machine, fast));
    };
    for (const name of ['a', 'b', 'c']) await inSmall(name);
    const error = await failure(inSmall('d'));
    expect(error.code).toBe('SubnetIsFull');
    await world.run(world.client.virtualMachines.delete('agents', 'b', fast));
    await inSmall('d');
  });

  test('of Resource Manager answer 429 with the time to wait, and give way after it', async () => {
    const world = openAzure({ strictThrottling: true, scale: 1 });
    const path = world.path('/providers/Microsoft.Compute/disks/none');
    const answers = await Promise.all(Array.from({ length: 215 }, () => world.call('DELETE', path)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(15);
    expect(refused[0]?.headers.get('x-ms-ratelimit-remaining-subscription-deletes')).toBe('0');
    const seconds = Number(refused[0]?.headers.get('retry-after'));
    expect(seconds).toBeGreaterThanOrEqual(1);
    await world.clock.advance(seconds * 1_000);
    expect((await world.call('DELETE', path)).status).toBe(204);
  });

  test('of Microsoft.Compute meet one machine that is changed too often', async () => {
    const world = openAzure({ strictThrottling: true });
    await create(world, 'one');
    const path = world.path('/providers/Microsoft.Compute/virtualMachines/one/instanceView');
    let answer = await world.call('GET', path);
    for (let count = 0; count < 200 && answer.status === 200; count += 1) answer = await world.call('GET', path);
    expect(answer.status).toBe(429);
    expect(answer.headers.get('x-ms-ratelimit-remaining-resource')).toMatch(/^Microsoft\.Compute\/LowCostGet/);
    const { error } = (await answer.json()) as { error: { code: string; details: { code: string }[] } };
    expect([error.code, error.details[0]?.code]).toEqual(['OperationNotAllowed', 'TooManyRequests']);
  });
});

describe('calls that are not right', () => {
  const bare = (world: AzureWorld, path: string, headers: Record<string, string> = {}, method = 'GET') =>
    world.run(Promise.resolve(world.cloud.arm(new Request(`${world.cloud.facts.arm}${path}`, { method, headers }))));
  const code = async (answer: Response): Promise<[number, string]> => {
    const { error } = (await answer.json()) as { error: { code: string } };
    return [answer.status, error.code];
  };

  test('are refused without a token, with a foreign one, and with one that has expired', async () => {
    const world = openAzure();
    const path = `${world.path('')}?api-version=2025-04-01`;
    expect(await code(await bare(world, path))).toEqual([401, 'AuthenticationFailed']);
    expect(await code(await bare(world, path, { authorization: 'Bearer x.y.z' }))).toEqual([
      401,
      'InvalidAuthenticationToken',
    ]);
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: world.cloud.facts.clientId,
      client_secret: world.cloud.facts.clientSecret,
      scope: 'https://management.azure.com/.default',
    });
    const url = `${world.cloud.facts.entra}/${world.cloud.facts.tenantId}/oauth2/v2.0/token`;
    const token = async (scope: string): Promise<string> => {
      form.set('scope', scope);
      const answer = await world.run(
        Promise.resolve(world.cloud.arm(new Request(url, { method: 'POST', body: form }))),
      );
      return ((await answer.json()) as { access_token: string }).access_token;
    };
    const authorization = `Bearer ${await token('https://management.azure.com/.default')}`;
    expect((await bare(world, path, { authorization })).status).toBe(200);
    const other = `Bearer ${await token('499b84ac-1321-427f-aa17-267ca6975798/.default')}`;
    expect(await code(await bare(world, path, { authorization: other }))).toEqual([401, 'InvalidAuthenticationToken']);
    await world.clock.advance(3_600_000);
    expect(await code(await bare(world, path, { authorization }))).toEqual([401, 'InvalidAuthenticationToken']);
  });

  test('get the errors of Azure for a version, a group, a subscription or an operation that is missing', async () => {
    const world = openAzure();
    const known = await world.call('GET', world.path(''));
    expect(known.status).toBe(200);
    expect(known.headers.get('x-ms-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(known.headers.get('x-ms-ratelimit-remaining-subscription-reads')).not.toBeNull();
    const machines = '/providers/Microsoft.Compute/virtualMachines';
    expect(await code(await world.call('GET', world.path(`x${machines}`)))).toEqual([404, 'ResourceGroupNotFound']);
    expect(await code(await world.call('GET', `/subscriptions/other/resourceGroups/agents${machines}`))).toEqual([
      404,
      'SubscriptionNotFound',
    ]);
    expect(
      await code(await world.call('GET', world.path('/providers/Microsoft.Compute/virtualMachineScaleSets'))),
    ).toEqual([501, 'NotEmulated']);
    const { error } = (await (await world.call('PATCH', world.path(`${machines}/none`), { tags: {} })).json()) as {
      error: { code: string };
    };
    expect(error.code).toBe('ResourceNotFound');
  });

  test('are refused by the sign-in service in its own words', async () => {
    const world = openAzure();
    const { facts } = world.cloud;
    const ask = async (tenant: string, clientId: string, secret: string): Promise<[number, number]> => {
      const body = new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: secret,
        scope: 'https://management.azure.com/.default',
      });
      const request = new Request(`${facts.entra}/${tenant}/oauth2/v2.0/token`, { method: 'POST', body });
      const answer = await world.run(Promise.resolve(world.cloud.arm(request)));
      const { error_codes } = (await answer.json()) as { error_codes: number[] };
      return [answer.status, error_codes[0] ?? 0];
    };
    expect(await ask(facts.tenantId, facts.clientId, 'wrong')).toEqual([401, 7000215]);
    expect(await ask(facts.tenantId, 'nobody', facts.clientSecret)).toEqual([400, 700016]);
    expect(await ask('nowhere', facts.clientId, facts.clientSecret)).toEqual([400, 90002]);
  });

  test('get an explanation from the control interface', async () => {
    const world = openAzure();
    const wrong = await control(world, 'POST', '/faults', { match: {}, effect: { kind: 'explode' } });
    expect(wrong.status).toBe(400);
    expect(((await wrong.json()) as { error: string }).error).toContain("'effect.kind' must be reject");
    const made = await control(world, 'POST', '/faults', {
      match: { service: 'arm' },
      effect: { kind: 'loseResponse' },
      times: 1,
    });
    const { id } = (await made.json()) as { id: string };
    expect((await control(world, 'DELETE', `/faults/${id}`)).status).toBe(204);
    expect((await control(world, 'DELETE', `/faults/${id}`)).status).toBe(404);
    expect((await control(world, 'GET', '/ledger?kind=nothing')).status).toBe(400);
  });
});

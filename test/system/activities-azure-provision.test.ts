import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { createAgentActivities } from '../../activities/agent.ts';
import { keyTagName } from '../../activities/azure/tags.ts';
import { failureOf } from '../../activities/errors.ts';
import { inProcessTransport } from '../support/azure-in-process.ts';
import {
  addFault,
  attempt,
  azure,
  callsTo,
  azureOf,
  closeCloud,
  cloud,
  exists,
  keys,
  machinePath,
  machinesMade,
  newInput,
  registrar,
  resourcesOf,
} from './activities-azure-support.ts';

beforeEach(() => cloud.context.faults.clear());
afterAll(closeCloud);

describe('provisionAgent', () => {
  test('registers, then makes a machine whose every part carries the tags, with one PUT', async () => {
    const input = newInput();
    const devops = registrar();
    const { provisionAgent } = createAgentActivities({ azure, registrar: devops, keys });
    const { result } = await attempt(provisionAgent, input);
    expect(devops.calls).toEqual(['register {"ImageOverride":"ubuntu"}']);
    expect(result).toMatchObject({ registrationId: 1 });
    expect(result?.resourceId.toLowerCase()).toBe(machinePath(input).toLowerCase());
    expect(result?.runningAt).toBeGreaterThan(result?.createSentAt ?? Infinity);
    expect(callsTo(input, 'PUT')).toBe(1);
    const types = (await resourcesOf(input)).map(({ type }) => type.toLowerCase()).toSorted();
    expect(types).toEqual([
      'microsoft.compute/disks',
      'microsoft.compute/virtualmachines',
      'microsoft.network/networkinterfaces',
    ]);
  });

  test('gives the machine the identities of the pool, and Azure refuses what is none', async () => {
    const { provisionAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const provision = async (id: string) => {
      const input = newInput();
      const machine = { ...input.machine, userAssignedIdentities: [id] };
      return { input, ...(await attempt(provisionAgent, { ...input, machine })) };
    };
    const group = '/subscriptions/s/resourceGroups/g/providers';
    const id = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/builds`;
    const { input } = await provision(id);
    const made = await azure
      .compute(input.machine.subscriptionId)
      .virtualMachines.get(input.machine.resourceGroup, input.identity.agent);
    expect(made.identity).toMatchObject({
      type: 'UserAssigned',
      userAssignedIdentities: { [id]: { clientId: expect.any(String), principalId: expect.any(String) } },
    });
    for (const wrong of ['builds', `${group}/Microsoft.Network/virtualNetworks/agents`]) {
      const refused = await provision(wrong);
      expect(failureOf(refused.error)?.class).toBe('configuration');
      expect(machinesMade(refused.input)).toBe(0);
    }
  });

  test('gives the machine the empty disk of the pool, which carries the tags and goes with the machine', async () => {
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const given = newInput();
    const dataDisk = { lun: 0, sizeGib: 10, caching: 'ReadOnly', storageAccountType: 'Premium_LRS' } as const;
    const input = { ...given, machine: { ...given.machine, dataDisk } };
    const { agent } = input.identity;
    await attempt(provisionAgent, input);
    const made = await azure
      .compute(input.machine.subscriptionId)
      .virtualMachines.get(input.machine.resourceGroup, agent);
    expect(made.storageProfile?.dataDisks).toMatchObject([
      {
        name: `${agent}-data`,
        lun: 0,
        createOption: 'Empty',
        deleteOption: 'Delete',
        diskSizeGB: 10,
        caching: 'ReadOnly',
        managedDisk: { storageAccountType: 'Premium_LRS' },
      },
    ]);
    const names = (await resourcesOf(input)).map(({ id }) => id.split('/').at(-1));
    expect(names).toContain(`${agent}-data`);
    expect((await attempt(returnAgent, input)).result).toMatchObject({ outcome: 'returned' });
    expect(await resourcesOf(input)).toEqual([]);
  });

  test('tells of a machine that Azure may evict, and of no other', async () => {
    const { result: regular } = await attempt(
      createAgentActivities({ azure, registrar: registrar(), keys }).provisionAgent,
      newInput(),
    );
    expect(regular).not.toHaveProperty('spot');
    // Asks for spot on the way, as a policy of the subscription may.
    const transport = inProcessTransport(cloud.arm);
    const spot = azureOf(cloud, undefined, {
      sendRequest: (request) => {
        if (request.method === 'PUT' && typeof request.body === 'string') {
          const body = JSON.parse(request.body) as { properties: Record<string, unknown> };
          Object.assign(body.properties, { priority: 'Spot', evictionPolicy: 'Delete' });
          request.body = JSON.stringify(body);
        }
        return transport.sendRequest(request);
      },
    });
    const { provisionAgent } = createAgentActivities({ azure: spot, registrar: registrar(), keys });
    expect((await attempt(provisionAgent, newInput())).result).toMatchObject({ spot: true });
  });

  test('makes one machine when the answer to the create call is lost', async () => {
    const input = newInput();
    addFault({ match: { method: 'PUT', path: machinePath(input) }, effect: { kind: 'loseResponse' }, times: 1 });
    const devops = registrar();
    const { provisionAgent } = createAgentActivities({ azure, registrar: devops, keys });
    const { result, error } = await attempt(provisionAgent, input);
    expect(error).toBeUndefined();
    expect(result?.registrationId).toBe(1);
    expect(callsTo(input, 'PUT')).toBe(1);
    expect(machinesMade(input)).toBe(1);
    expect(devops.calls).toHaveLength(1);
  });

  test('a retry resumes the operation that the first attempt began, and sends nothing again', async () => {
    const input = newInput();
    const devops = registrar();
    const { provisionAgent } = createAgentActivities({ azure, registrar: devops, keys });
    const first = await attempt(provisionAgent, input, { cancelWhen: ({ poller }) => poller !== undefined });
    expect(first.error).toBeInstanceOf(CancelledFailure);
    expect(first.heartbeat).toMatchObject({
      registrationId: 1,
      createSentAt: expect.any(Number),
      poller: expect.any(String),
    });
    const second = await attempt(provisionAgent, input, { attempt: 2, heartbeatDetails: first.heartbeat });
    expect(second.error).toBeUndefined();
    expect(second.result?.createSentAt).toBe(first.heartbeat['createSentAt']);
    expect(callsTo(input, 'PUT')).toBe(1);
    expect(devops.calls).toHaveLength(1);
  });

  test('a retry of an attempt whose heartbeat never arrived finds the machine by its name', async () => {
    const input = newInput();
    const devops = registrar();
    const { provisionAgent } = createAgentActivities({ azure, registrar: devops, keys });
    await attempt(provisionAgent, input, { cancelWhen: ({ poller }) => poller !== undefined });
    const { result, error } = await attempt(provisionAgent, input, { attempt: 2 });
    expect(error).toBeUndefined();
    expect(result?.registrationId).toBe(1);
    expect(callsTo(input, 'PUT')).toBe(1);
    expect(devops.calls).toHaveLength(1);
  });

  test('a retry after an attempt that died before the create call registers anew', async () => {
    const input = newInput();
    const devops = registrar();
    const { provisionAgent } = createAgentActivities({ azure, registrar: devops, keys });
    const { error, result } = await attempt(provisionAgent, input, {
      attempt: 2,
      heartbeatDetails: { key: 'an earlier one', registrationId: 77 },
    });
    expect(error).toBeUndefined();
    expect(result?.registrationId).toBe(1);
    expect(machinesMade(input)).toBe(1);
  });

  test('two attempts at once make one machine, and the one whose key lost says so', async () => {
    const input = newInput();
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const runs = await Promise.all([attempt(provisionAgent, input), attempt(provisionAgent, input)]);
    expect(machinesMade(input)).toBe(1);
    const failed = runs.filter(({ error }) => error !== undefined);
    expect(failed).toHaveLength(1);
    expect(failureOf(failed[0]?.error)).toMatchObject({ code: 'AgentKeyReplaced', class: 'lost' });
    await attempt(returnAgent, input);
    expect(await resourcesOf(input)).toEqual([]);
  });

  test('never touches another’s machine of the same name', async () => {
    const input = newInput();
    const other = { ...input, workflowId: 'agent/other/x', identity: { ...input.identity, installation: 'other' } };
    await attempt(createAgentActivities({ azure, registrar: registrar(), keys }).provisionAgent, other);
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    for (const number of [1, 2]) {
      const { error } = await attempt(provisionAgent, input, { attempt: number });
      expect(failureOf(error)).toMatchObject({ code: 'ForeignMachine', class: 'conflict' });
      expect((error as ApplicationFailure).nonRetryable).toBe(true);
    }
    expect(await attempt(returnAgent, input)).toMatchObject({ result: { outcome: 'returned' } });
    expect(await exists(input, machinePath(input), '2024-11-01')).toBe(true);
    expect(callsTo(input, 'DELETE')).toBe(0);
  });

  test('surfaces an allocation that failed late, and returnAgent leaves nothing of it', async () => {
    const input = newInput();
    addFault({
      match: { machineName: input.identity.agent },
      effect: { kind: 'longRunningOperation', outcome: 'failed', code: 'AllocationFailed', message: 'No room.' },
      times: 1,
    });
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const { error } = await attempt(provisionAgent, input);
    expect(error).toBeInstanceOf(ApplicationFailure);
    expect((error as ApplicationFailure).nonRetryable).toBe(true);
    expect(failureOf(error)).toMatchObject({ code: 'AllocationFailed', class: 'capacity', retryAfterMs: 3_600_000 });
    expect(await attempt(returnAgent, input)).toMatchObject({ result: { outcome: 'returned' } });
    expect(await resourcesOf(input)).toEqual([]);
  });

  test('a retry that finds the machine broken says why, and makes no other', async () => {
    const input = newInput();
    addFault({
      match: { machineName: input.identity.agent },
      effect: { kind: 'longRunningOperation', outcome: 'failed', code: 'AllocationFailed' },
      times: 1,
    });
    const { provisionAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    await attempt(provisionAgent, input);
    const { error } = await attempt(provisionAgent, input, { attempt: 2 });
    expect((error as ApplicationFailure).nonRetryable).toBe(true);
    expect(machinesMade(input)).toBe(1);
  });

  test('waits as Azure asks when throttled, then succeeds', async () => {
    const input = newInput();
    addFault({
      match: { method: 'PUT', path: machinePath(input) },
      effect: { kind: 'reject', status: 429, code: 'OperationNotAllowed', retryAfterSeconds: 1 },
      times: 1,
    });
    const { provisionAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const { error, heartbeat } = await attempt(provisionAgent, input);
    expect(failureOf(error)).toMatchObject({ code: 'Throttled', class: 'throttled', retryAfterMs: 1_000 });
    expect(error).toMatchObject({ nonRetryable: false, nextRetryDelay: 1_000 });
    const retry = await attempt(provisionAgent, input, { attempt: 2, heartbeatDetails: heartbeat });
    expect(retry.error).toBeUndefined();
    expect(machinesMade(input)).toBe(1);
  });

  test('gives up at once when the quota is used up, with the numbers in the message', async () => {
    const input = newInput();
    addFault({
      match: { method: 'PUT', path: machinePath(input) },
      effect: {
        kind: 'reject',
        status: 409,
        code: 'OperationNotAllowed',
        message:
          'Operation could not be completed as it results in exceeding approved standardDADSv5Family Cores quota. Current Limit: 4, Current Usage: 4, Additional Required: 2.',
        details: [{ code: 'QuotaExceeded', message: 'q' }],
      },
      times: 1,
    });
    const { provisionAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const { error } = await attempt(provisionAgent, input);
    expect(failureOf(error)).toMatchObject({ code: 'QuotaExceeded', class: 'quota', retryAfterMs: 600_000 });
    expect((error as ApplicationFailure).nonRetryable).toBe(true);
    expect((error as Error).message).toContain('Current Limit: 4');
  });

  test('names a refused credential without showing it', async () => {
    const secret = 'a-wrong-secret-that-must-not-be-shown';
    const { provisionAgent } = createAgentActivities({ azure: azureOf(cloud, secret), registrar: registrar(), keys });
    const { error } = await attempt(provisionAgent, newInput());
    expect(failureOf(error)).toMatchObject({ code: 'CredentialInvalid', class: 'permission' });
    expect(JSON.stringify([(error as Error).message, (error as ApplicationFailure).details])).not.toContain(secret);
  });

  test('ends at once when it is cancelled', async () => {
    const input = newInput();
    addFault({
      match: { machineName: input.identity.agent },
      effect: { kind: 'longRunningOperation', outcome: 'stuck' },
      times: 1,
    });
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const { error } = await attempt(provisionAgent, input, { cancelWhen: ({ poller }) => poller !== undefined });
    expect(error).toBeInstanceOf(CancelledFailure);
    expect(await attempt(returnAgent, input)).toMatchObject({ result: { outcome: 'returned' } });
    expect(await resourcesOf(input)).toEqual([]);
  });

  test('remembers in a tag which key the machine was given', async () => {
    const input = newInput();
    const { provisionAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    const { heartbeat } = await attempt(provisionAgent, input);
    const machine = await azure
      .compute(input.machine.subscriptionId)
      .virtualMachines.get(input.machine.resourceGroup, input.identity.agent);
    expect(machine.tags?.[keyTagName]).toBe(heartbeat['key']);
    expect(machine.tags?.['team']).toBe('blue');
  });
});

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createAgentActivities } from '../../activities/agent.ts';
import { createAzureActivities } from '../../activities/azure/activities.ts';
import { createDevOpsActivities } from '../../activities/devops/activities.ts';
import { createDevOpsConnections } from '../../activities/devops/connections.ts';
import { createObserverActivities } from '../../activities/devops/observer.ts';
import { createAgentRegistrar } from '../../activities/devops/registrar.ts';
import { ownErrors, type OwnErrorCode } from '../../domain/errors/own-errors.ts';
import { readSecret } from '../../workers/secrets.ts';
import { attempt, azure, closeCloud, cloud, keys, newInput, ownTags, registrar } from './activities-azure-support.ts';
import {
  identity,
  image,
  poolSpecification,
  startAzureDevOps,
  type TestAzureDevOps,
} from './activities-devops-support.ts';
import { expectFailure, raisedByWorkflows, rejection } from './errors-support.ts';

/** Every error that an activity itself raises, provoked as it comes about. Those of workflows have a file of their own. */

let devops: TestAzureDevOps;
beforeAll(async () => {
  devops = await startAzureDevOps();
});
afterAll(async () => {
  await devops.close();
  closeCloud();
});

const publicKey = { exponent: 'AQAB', modulus: Buffer.alloc(256, 7).toString('base64') };
const agents = () => createAgentActivities({ azure, registrar: registrar(), keys });
const failed = async (made: ReturnType<typeof attempt>) => (await made).error;
const prepare = (name: string) => ({
  installation: 'test',
  specification: { ...poolSpecification(devops.url, { agentPoolName: name }), name },
});
const activities = () => createDevOpsActivities({ connections: devops.connections });

/** How each comes about; the answer is the failure. */
const provocations: Partial<Record<OwnErrorCode, () => Promise<unknown>>> = {
  async InvalidPool() {
    const { machine, image: wanted } = newInput({ vmSize: 'Standard_D99ads_v5' });
    const specification = { ...poolSpecification('https://dev.azure.com/contoso'), images: [wanted], machine };
    return await failed(
      attempt(createAzureActivities({ azure }).checkMachine, { installation: 'test', specification }),
    );
  },
  async ForeignMachine() {
    const input = newInput();
    await attempt(agents().provisionAgent, { ...input, workflowId: 'agent/other/x' });
    return await failed(attempt(agents().provisionAgent, input));
  },
  async AgentKeyReplaced() {
    const input = newInput();
    const { provisionAgent } = agents();
    await attempt(provisionAgent, input);
    return await failed(attempt(provisionAgent, input, { attempt: 2, heartbeatDetails: { key: 'that of another' } }));
  },
  async RegistrationLost() {
    const input = newInput();
    await attempt(agents().provisionAgent, input);
    return await failed(attempt(agents().provisionAgent, input, { attempt: 2 }));
  },
  async OperatingSystemNotSupported() {
    const input = newInput();
    const windows = { ...input, image: { ...input.image, operatingSystem: 'Windows' as const } };
    return await failed(attempt(agents().provisionAgent, windows));
  },
  CustomDataTooLarge: () => failed(attempt(agents().provisionAgent, newInput({ workFolder: 'w'.repeat(60_000) }))),
  async RegistrationIncomplete() {
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: 1, name: 'agent', status: 'offline' }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/contoso`;
    const connections = createDevOpsConnections({
      credentialFor: () => Promise.resolve({ kind: 'basic', token: 'token' }),
    });
    const error = await rejection(createAgentRegistrar(connections).register(identity(url, 1), publicKey, {}));
    server.close();
    server.closeAllConnections();
    return error;
  },
  // A kind of resource that agents do not have carries their tags: it is never deleted.
  async LeftoversRemain() {
    const input = newInput();
    const { subscriptionId, resourceGroup, location } = input.machine;
    const id = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/virtualNetworks/${input.identity.agent}`;
    const properties = { addressSpace: { addressPrefixes: ['10.9.0.0/16'] }, subnets: [] };
    const body = { location, tags: ownTags(input), properties };
    await azure.call('test', 'PUT', subscriptionId, `${id}?api-version=2024-05-01`, undefined, body);
    return await failed(attempt(agents().returnAgent, input));
  },
  async AgentPoolBusy() {
    const input = prepare('busy');
    await activities().prepareAgentPool(input);
    const effect = { kind: 'reject', status: 400, code: 'TaskAgentJobStillRunningException' } as const;
    devops.faults.add({ match: { operation: 'Agents_Delete' }, effect });
    return await rejection(activities().removeAgentPool(input));
  },
  async AgentPoolNotListed() {
    devops.faults.add({ match: { operation: 'Pools_List' }, effect: { kind: 'staleList', ageMs: 3_600_000 } });
    return await rejection(activities().prepareAgentPool(prepare('unlisted')));
  },
  async QueueNameTaken() {
    const { id } = await devops.call<{ id: number }>('POST', '_apis/distributedtask/pools?api-version=7.1', {
      name: 'somebody-elses',
    });
    await devops.call('POST', 'samples/_apis/distributedtask/queues?api-version=7.1', { name: 'taken', pool: { id } });
    return await rejection(activities().prepareAgentPool(prepare('taken')));
  },
  SecretNotFound: () =>
    rejection(new Promise((resolve) => resolve(readSecret({ environment: 'ODP_NO_SUCH_VARIABLE' })))),
  async WorkerShutdown() {
    const { agentPoolId } = await activities().prepareAgentPool(prepare('observed'));
    const sink = {
      pool: () => Promise.resolve(undefined),
      agent: () => Promise.resolve(undefined),
      lease: () => Promise.resolve(undefined),
    };
    const { observeOrganization } = createObserverActivities({ connections: devops.connections, sink });
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
    environment.once('heartbeat', () => environment.cancel('WORKER_SHUTDOWN'));
    const limits = { intervalMs: 10, idleIntervalMs: 10, activityMs: 60_000, heartbeatMs: 30_000 };
    const pools = [{ pool: 'observed', agentPoolId }];
    return await rejection(
      environment.run(observeOrganization, { organization: 'contoso', url: devops.url, pools, limits }),
    );
  },
  async Unexpected() {
    const connections = createDevOpsConnections({
      credentialFor: () => Promise.reject(new TypeError('token is not a function')),
    });
    const { disableAgent } = createDevOpsActivities({ connections });
    return await rejection(disableAgent({ identity: identity(devops.url, 1), registrationId: 1 }));
  },
};

describe('what activities find by themselves', () => {
  const codes = (Object.keys(ownErrors) as OwnErrorCode[]).filter(
    (code) => !(raisedByWorkflows as readonly string[]).includes(code),
  );

  test('is all provoked here', () => {
    expect(Object.keys(provocations).toSorted()).toEqual(codes.toSorted());
  });

  test.each(codes)('%s', async (code) => {
    cloud.context.faults.clear();
    devops.faults.clear();
    const error = await provocations[code]?.();
    // Its next attempt begins at once, on another worker.
    if (code === 'WorkerShutdown') {
      return expect(error).toMatchObject({ type: code, nonRetryable: false, nextRetryDelay: 1, details: [{ code }] });
    }
    expectFailure(error, { code });
  });
});

test('an image that is not for Linux is refused before anything is registered', async () => {
  const input = newInput();
  const watched = registrar();
  const { provisionAgent } = createAgentActivities({ azure, registrar: watched, keys });
  await attempt(provisionAgent, { ...input, image: { ...image('windows'), operatingSystem: 'Windows' } });
  expect(watched.calls).toEqual([]);
});

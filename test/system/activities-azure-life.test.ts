import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { serve } from '@hono/node-server';
import { createAgentActivities } from '../../activities/agent.ts';
import { createDevOpsConnections } from '../../activities/devops/connections.ts';
import { createAgentRegistrar } from '../../activities/devops/registrar.ts';
import { createCloud, type Cloud } from '../../emulator/cloud.ts';
import { createRealClock } from '../../emulator/core/clock.ts';
import { createMemoryStore } from '../../emulator/core/store.ts';
import { eventually } from '../support/eventually.ts';
import { attempt, azureOf, closeCloud, keys, newInput, resourcesOf } from './activities-azure-support.ts';

/** Azure DevOps on a socket, for its client knows no other way; Azure in the same process. */
let cloud: Cloud;
let server: ReturnType<typeof serve>;

beforeAll(async () => {
  server = serve({ fetch: (request) => cloud.azureDevOps(request), port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const arm = 'https://management.azure.invalid';
  const addresses = { arm, entra: arm, azureDevOps: origin, control: origin };
  cloud = createCloud({ clock: createRealClock(), seed: 2, scale: 0.002, store: createMemoryStore(), addresses });
  cloud.resume();
});

afterAll(() => {
  cloud.close();
  server.close();
  closeCloud();
});

test('a machine boots from its custom data, comes online as its registration, and both go without a trace', async () => {
  const { organizationUrl, personalAccessToken } = cloud.facts;
  const connections = createDevOpsConnections({
    credentialFor: () => Promise.resolve({ kind: 'basic', token: personalAccessToken }),
  });
  const connection = connections.to(organizationUrl);
  const pool = await connection.taskAgent((api) => api.addAgentPool({ name: 'build', autoProvision: false }));
  const agentPoolId = pool.id ?? 0;
  const azure = azureOf(cloud);
  const input = newInput({}, cloud);
  input.identity = { ...input.identity, organizationUrl, agentPoolId };
  const { provisionAgent, returnAgent } = createAgentActivities({
    azure,
    registrar: createAgentRegistrar(connections),
    keys,
  });

  const { result, error } = await attempt(provisionAgent, input);
  expect(error).toBeUndefined();
  await eventually(async () => {
    const agent = await connection.taskAgent((api) => api.getAgent(agentPoolId, result?.registrationId ?? 0, true));
    expect(agent).toMatchObject({
      name: input.identity.agent,
      status: 2,
      userCapabilities: { ImageOverride: 'ubuntu' },
    });
  });
  const refused = cloud.context.ledger.entries('machine').filter(({ event }) => event === 'agentRefused');
  expect(refused).toEqual([]);

  expect(await attempt(returnAgent, input)).toMatchObject({ result: { outcome: 'returned' } });
  expect(await resourcesOf(input, azure)).toEqual([]);
  expect(await connection.taskAgent((api) => api.getAgents(agentPoolId))).toEqual([]);
});

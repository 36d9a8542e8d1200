import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { serve, type ServerType } from '@hono/node-server';
import { getPersonalAccessTokenHandler, WebApi } from 'azure-devops-node-api';
import { BuildQueryOrder, BuildResult, BuildStatus } from 'azure-devops-node-api/interfaces/BuildInterfaces.js';
import {
  TaskAgentPoolType,
  TaskAgentStatus,
  TaskResult,
  TimelineRecordState,
} from 'azure-devops-node-api/interfaces/TaskAgentInterfaces.js';
import { createAzureDevOps, type AzureDevOps } from '../../emulator/azure-devops/app.ts';
import { createChance } from '../../emulator/core/chance.ts';
import { createRealClock } from '../../emulator/core/clock.ts';
import type { Handler } from '../../emulator/core/context.ts';
import { createFaults } from '../../emulator/core/faults.ts';
import { createLatencies } from '../../emulator/core/latencies.ts';
import { createLedger } from '../../emulator/core/ledger.ts';
import { createMemoryStore } from '../../emulator/core/store.ts';

/** The unmodified client of Azure DevOps, in the part of the controller and in the part of the agent. */
let server: ServerType;
let azureDevOps: AzureDevOps;
let web: WebApi;
const clock = createRealClock();

beforeAll(async () => {
  let handler: Handler = () => new Response(null, { status: 503 });
  server = serve({ fetch: (request) => handler(request), port: 0, hostname: '127.0.0.1' });
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const store = createMemoryStore();
  const chance = createChance(1);
  const addresses = { arm: origin, entra: origin, azureDevOps: origin, control: origin };
  const ledger = createLedger(store.ledger);
  const latencies = createLatencies(chance, 0.01);
  azureDevOps = createAzureDevOps(
    { clock, chance, store, ledger, faults: createFaults(store, chance), latencies, addresses },
    { organization: 'contoso', projects: ['samples'], personalAccessToken: 'pat', verifyBearer: () => false },
  );
  azureDevOps.resume();
  handler = azureDevOps.handler;
  web = new WebApi(`${origin}/contoso`, getPersonalAccessTokenHandler('pat'));
});

afterAll(async () => {
  azureDevOps.close();
  clock.close();
  server.close();
  await once(server, 'close');
});

describe('azure-devops-node-api', () => {
  test('finds its way, and sees a build through from the queue to its log', async () => {
    const agents = await web.getTaskAgentApi();
    const builds = await web.getBuildApi();
    const tasks = await web.getTaskApi();
    expect((await web.connect()).authenticatedUser?.providerDisplayName).toBe('Operator');
    expect(await (await web.getCoreApi()).getProjects()).toMatchObject([{ name: 'samples' }]);

    const pool = await agents.addAgentPool({
      name: 'pool',
      autoProvision: false,
      poolType: TaskAgentPoolType.Automation,
    });
    expect(pool).toMatchObject({ name: 'pool', poolType: TaskAgentPoolType.Automation });
    const poolId = pool.id ?? 0;
    expect(await agents.getAgentPools('POOL')).toMatchObject([{ id: poolId }]);
    const queue = await agents.addAgentQueue({ name: 'pool', pool: { id: poolId } }, 'samples', true);
    expect(await agents.getAgentQueues('samples', 'pool')).toMatchObject([{ id: queue.id, pool: { id: poolId } }]);

    const agent = await agents.addAgent(
      { name: 'agent', version: '4.260.0', maxParallelism: 1, enabled: true },
      poolId,
    );
    const agentId = agent.id ?? 0;
    await agents.updateAgentUserCapabilities({ ImageOverride: 'ubuntu' }, poolId, agentId);
    expect(await agents.getAgents(poolId, 'agent', true)).toMatchObject([
      { status: TaskAgentStatus.Offline, userCapabilities: { ImageOverride: 'ubuntu' } },
    ]);

    const [definition] = await builds.getDefinitions('samples', 'workload');
    const build = await builds.queueBuild(
      // The client's types want demands as objects, its wire takes text.
      {
        definition: { id: definition?.id ?? 0 },
        queue: { id: queue.id ?? 0 },
        demands: [{ name: 'ImageOverride', value: 'ubuntu' }],
      },
      'samples',
    );
    expect(build).toMatchObject({ status: BuildStatus.NotStarted, definition: { name: 'workload' } });
    const buildId = build.id ?? 0;

    const session = await agents.createAgentSession(
      { ownerName: 'machine', agent: { id: agentId, name: 'agent' } },
      poolId,
    );
    const sessionId = session.sessionId ?? '';
    expect(await agents.getAgent(poolId, agentId)).toMatchObject({ status: TaskAgentStatus.Online });
    const message = await agents.getMessage(poolId, sessionId);
    expect(message.messageType).toBe('PipelineAgentJobRequest');
    await agents.deleteMessage(poolId, message.messageId ?? 0, sessionId);
    const job = JSON.parse(message.body ?? '{}');

    const [assigned] = await agents.getAgentRequestsForAgents(poolId, undefined, 0);
    expect(assigned).toMatchObject({ requestId: job.requestId, reservedAgent: { name: 'agent' } });
    expect(assigned?.receiveTime).toBeUndefined();
    const renewed = await agents.updateAgentRequest({ requestId: job.requestId }, poolId, job.requestId, job.lockToken);
    expect(renewed.lockedUntil?.getTime()).toBeGreaterThan(Date.now());
    const [held] = await agents.getAgents(poolId, undefined, false, true);
    expect(held?.assignedRequest).toMatchObject({ requestId: job.requestId, receiveTime: expect.any(Date) });
    await expect(agents.deleteAgent(poolId, agentId)).rejects.toMatchObject({
      result: { typeKey: 'TaskAgentJobStillRunningException' },
    });

    const { scopeIdentifier: scope, planId } = job.plan;
    const log = await tasks.createLog({ path: 'logs\\step' }, scope, 'Build', planId);
    const records = [{ id: job.jobId, state: TimelineRecordState.InProgress, log: { id: log.id ?? 0, location: '' } }];
    const wrapped = { count: records.length, value: records };
    await tasks.updateRecords(wrapped, scope, 'Build', planId, job.timeline.id);
    expect((await builds.getBuildTimeline('samples', buildId)).records).toMatchObject([
      { type: 'Job', workerName: 'agent', state: TimelineRecordState.InProgress },
      { type: 'Phase', state: TimelineRecordState.InProgress },
      { type: 'Stage', identifier: '__default', state: TimelineRecordState.InProgress },
    ]);
    await builds.addBuildTags(['first'], 'samples', buildId);
    expect(await builds.addBuildTags(['First', 'second'], 'samples', buildId)).toEqual(['first', 'second']);
    expect(await builds.getBuildTags('samples', buildId)).toEqual(['first', 'second']);
    await agents.updateAgentRequest(
      { requestId: job.requestId, finishTime: new Date(), result: TaskResult.SucceededWithIssues },
      poolId,
      job.requestId,
      job.lockToken,
    );
    expect(await builds.getBuild('samples', buildId)).toMatchObject({
      status: BuildStatus.Completed,
      result: BuildResult.PartiallySucceeded,
    });
    expect(await builds.getBuildLogs('samples', buildId)).toMatchObject([{ id: log.id }]);
    const listed = await builds.getBuilds(
      'samples',
      [definition?.id ?? 0],
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      BuildStatus.Completed,
      undefined,
      undefined,
      undefined,
      10,
      undefined,
      undefined,
      undefined,
      BuildQueryOrder.QueueTimeAscending,
    );
    expect(listed).toMatchObject([{ id: buildId }]);

    await agents.deleteAgentSession(poolId, sessionId);
    await agents.deleteAgent(poolId, agentId);
    expect(await agents.getAgents(poolId)).toEqual([]);
    await agents.deleteAgentQueue(queue.id ?? 0, 'samples');
    await agents.deleteAgentPool(poolId);
    expect(await agents.getAgentPool(poolId)).toBeNull();
  });

  test('cancels a queued build', async () => {
    const agents = await web.getTaskAgentApi();
    const builds = await web.getBuildApi();
    const pool = await agents.addAgentPool({ name: 'cancelling' });
    const queue = await agents.addAgentQueue({ name: 'cancelling', pool: { id: pool.id ?? 0 } }, 'samples');
    await agents.addAgent({ name: 'placeholder', version: '4.260.0' }, pool.id ?? 0);
    const build = await builds.queueBuild({ definition: { id: 1 }, queue: { id: queue.id ?? 0 } }, 'samples');
    const cancelled = await builds.updateBuild({ status: BuildStatus.Cancelling }, 'samples', build.id ?? 0);
    expect(cancelled).toMatchObject({ status: BuildStatus.Completed, result: BuildResult.Canceled });
  });

  test('is told why a build was refused', async () => {
    const agents = await web.getTaskAgentApi();
    const builds = await web.getBuildApi();
    const pool = await agents.addAgentPool({ name: 'empty' });
    const queue = await agents.addAgentQueue({ name: 'empty', pool: { id: pool.id ?? 0 } }, 'samples');
    await expect(
      builds.queueBuild({ definition: { id: 1 }, queue: { id: queue.id ?? 0 } }, 'samples'),
    ).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('No agent found in pool empty which satisfies the following demands'),
    });
  });
});

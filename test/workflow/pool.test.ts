import { ApplicationFailure } from '@temporalio/common';
import { WithStartWorkflowOperation, type WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import type { InstallationActivities } from '../../activities/interfaces.ts';
import { defaultLimits, type Limits } from '../../domain/limits.ts';
import type { PoolObservation } from '../../domain/messages.ts';
import { taskQueues, workflowIds } from '../../domain/names.ts';
import { agentReported, apply, deletePool, poolObserved, poolView } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { createNamespace, type TestNamespace } from '../support/namespace.ts';
import { workflowBundle } from '../support/engine.ts';
import { fakeActivities, poolInput, specification, type Calls, type Fakes } from './fakes.ts';

/**
 * The pool's own rules on the real engine: documents, continue-as-new, deletion. Agents are real workflows; what they
 * would do in Azure and Azure DevOps is replaced, so that hundreds of them cost nothing.
 */

let stage: TestNamespace;
let stop: () => Promise<void> = async () => {};

beforeAll(async () => {
  stage = await createNamespace();
});
afterEach(async () => {
  await stop();
  stop = async () => {};
});
afterAll(async () => {
  await stage.close();
});

const resolvePool: InstallationActivities['resolvePool'] = async ({ pool, document }) => {
  const { maximumConcurrency = 10, standby = 0 } = document as { maximumConcurrency?: number; standby?: number };
  return {
    ...specification,
    name: pool,
    maximumConcurrency,
    standby: { count: standby, counts: 'total' },
    organization: { ...specification.organization, agentPoolName: pool },
  };
};

async function work(calls: Calls, overrides: Partial<Fakes & InstallationActivities> = {}): Promise<void> {
  const activities = { ...fakeActivities(calls), resolvePool, ...overrides };
  const shared = { connection: stage.nativeConnection, namespace: stage.namespace, activities };
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: taskQueues.workflows, workflowBundle: workflowBundle() }),
    Worker.create({ ...shared, taskQueue: taskQueues.azure }),
    Worker.create({ ...shared, taskQueue: taskQueues.devops }),
  ]);
  const runs = workers.map((worker) => worker.run());
  stop = async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(runs);
  };
}

async function applyDocument(pool: string, document: unknown, limits: Limits = defaultLimits, updateId?: string) {
  const start = new WithStartWorkflowOperation('pool', {
    workflowId: workflowIds.pool(pool),
    taskQueue: taskQueues.workflows,
    args: [poolInput({ pool, limits })],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  return await stage.client.workflow.executeUpdateWithStart(apply, {
    startWorkflowOperation: start,
    args: [{ document }],
    ...(updateId ? { updateId } : {}),
  });
}

const handleOf = (pool: string): WorkflowHandle => stage.client.workflow.getHandle(workflowIds.pool(pool));

function observed(sequence: number, overrides: Partial<PoolObservation> = {}): PoolObservation {
  return { sequence, at: Date.now(), queued: [], assigned: 0, running: 0, agents: [], ...overrides };
}

const waiting = (count: number) => [{ imageOverride: 'ubuntu', count, oldestQueuedAt: Date.now() }];

test('a document makes a pool, and jobs that wait make agents, up to the maximum', async () => {
  const calls: Calls = [];
  await work(calls);

  const applied = await applyDocument('made', { maximumConcurrency: 3 });
  await handleOf('made').signal(poolObserved, observed(1, { queued: waiting(5) }));

  expect(applied).toEqual({ specificationVersion: 1, status: 'Succeeded', agentPoolId: 1 });
  await eventually(async () => {
    expect(calls.filter((call) => call.startsWith('provision'))).toHaveLength(3);
  });
  const view = await handleOf('made').query(poolView);
  expect(view.agents).toHaveLength(3);
  expect(view.lastPlan?.remarks.map(({ code }) => code)).toContain('AtMaximum');
});

test('a first document that is refused leaves no pool behind, and says every reason', async () => {
  const refused = (code: string) =>
    ApplicationFailure.create({
      type: 'InvalidPool',
      nonRetryable: true,
      message: 'refused',
      details: [
        { error: { code: 'InvalidPool', message: 'refused', details: [{ code, message: code, target: code }] } },
      ],
    });
  await work([], {
    async checkMachine() {
      throw refused('ImageNotFound');
    },
    async checkOrganization() {
      throw refused('PoolNameTaken');
    },
  });

  const error = await applyDocument('refused', {}).then(
    () => undefined,
    (reason: unknown) => reason as { cause: ApplicationFailure },
  );

  const body = error?.cause.details?.[0] as { error: { details: { code: string }[] } };
  expect(body.error.details.map(({ code }) => code)).toEqual(['ImageNotFound', 'PoolNameTaken']);
  await eventually(async () => {
    expect((await handleOf('refused').describe()).status.name).toBe('COMPLETED');
  });
});

test('a second document that is refused changes nothing of what runs', async () => {
  let refuse = false;
  await work([], {
    async checkOrganization() {
      if (refuse) throw ApplicationFailure.nonRetryable('no', 'InvalidPool');
    },
  });
  await applyDocument('kept', { maximumConcurrency: 3 });
  refuse = true;

  await expect(applyDocument('kept', { maximumConcurrency: 9 })).rejects.toThrow();

  const view = await handleOf('kept').query(poolView);
  expect(view).toMatchObject({ specificationVersion: 1, status: 'Succeeded' });
  expect(view.specification?.maximumConcurrency).toBe(3);
});

test('no signal is lost and no update is done twice while the pool continues as new again and again', async () => {
  const calls: Calls = [];
  await work(calls);
  const limits: Limits = { ...defaultLimits, pool: { ...defaultLimits.pool, signalsPerRun: 7 } };
  await applyDocument('storm', { maximumConcurrency: 60 }, limits, 'first');
  await handleOf('storm').signal(poolObserved, observed(1, { queued: waiting(60) }));
  await eventually(async () => {
    expect(calls.filter((call) => call.startsWith('provision'))).toHaveLength(60);
  });
  const { agents } = await handleOf('storm').query(poolView);
  // The jobs have left the queue before their agents return, as they do; a report alone would leave them waiting there.
  await handleOf('storm').signal(poolObserved, observed(2));

  await Promise.all([
    ...agents.map(({ name }) =>
      handleOf('storm').signal(agentReported, {
        agent: name,
        outcome: 'returned',
        job: { requestId: 1, outcome: 'finished', receipt: { queuedAt: 0, startedAt: 1 } },
      }),
    ),
    ...Array.from({ length: 100 }, (_, k) => handleOf('storm').signal(poolObserved, observed(3 + k))),
  ]);

  await eventually(async () => {
    const view = await handleOf('storm').query(poolView);
    expect(view.totals).toMatchObject({ requested: 60, returned: 60, jobs: 60 });
    expect(view.agents).toEqual([]);
  });
  const first = await stage.client.workflow.getHandle(workflowIds.pool('storm')).describe();
  expect(first.raw.workflowExecutionInfo?.firstRunId ?? '').not.toBe(first.runId);

  const again = await applyDocument('storm', { maximumConcurrency: 60 }, limits, 'first');
  expect(again.specificationVersion).toBe(1);
});

test('deleting a pool returns its agents first, then removes the agent pool, then closes', async () => {
  const calls: Calls = [];
  await work(calls);
  await applyDocument('deleted', { maximumConcurrency: 2, standby: 2 });
  await eventually(async () => {
    expect(calls.filter((call) => call.startsWith('provision'))).toHaveLength(2);
  });

  await handleOf('deleted').executeUpdate(deletePool);
  await handleOf('deleted').result();

  expect(calls.filter((call) => call.startsWith('return'))).toHaveLength(2);
  expect(calls.slice(-2)).toEqual(['unwatch', 'remove agent pool']);
});

test('a pool whose agent pool cannot be removed stays, says why, and does not give up', async () => {
  const calls: Calls = [];
  await work(calls, {
    async removeAgentPool() {
      calls.push('refused');
      throw ApplicationFailure.nonRetryable('You may not remove it.', 'Forbidden');
    },
  });
  await applyDocument('stays', { maximumConcurrency: 1 });

  await handleOf('stays').executeUpdate(deletePool);
  await eventually(async () => {
    expect(calls).toContain('refused');
  });

  const { status } = await handleOf('stays').describe();
  expect(status.name).toBe('RUNNING');
  expect(await handleOf('stays').query(poolView)).toMatchObject({ status: 'Deleting' });
  await handleOf('stays').terminate();
});

test('a pool that is cancelled is deleted in order', async () => {
  const calls: Calls = [];
  await work(calls);
  await applyDocument('cancelled', { maximumConcurrency: 1, standby: 1 });
  await eventually(async () => {
    expect(calls.filter((call) => call.startsWith('provision'))).toHaveLength(1);
  });

  await handleOf('cancelled').cancel();
  await handleOf('cancelled').result();

  expect(calls.slice(-3)).toEqual([expect.stringMatching(/^return /), 'unwatch', 'remove agent pool']);
});

test('a pool makes sure again and again that it is observed', async () => {
  const calls: Calls = [];
  await work(calls);
  const limits: Limits = { ...defaultLimits, pool: { ...defaultLimits.pool, reconcileMs: 1_000 } };
  await applyDocument('observed', {}, limits);

  await eventually(async () => {
    expect(calls.filter((call) => call === 'watch').length).toBeGreaterThanOrEqual(3);
  });
});

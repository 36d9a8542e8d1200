import { Worker } from '@temporalio/worker';
import { defaultLimits } from '../../domain/limits.ts';
import { taskQueues } from '../../domain/names.ts';
import { agentObserved, agentView, jobObserved, retire } from '../../workflows/messages.ts';
import { eventually } from '../support/eventually.ts';
import { workflowBundle } from '../support/engine.ts';
import { createNamespace, type TestNamespace } from '../support/namespace.ts';
import { agentInput, fakeActivities, observedJob, specification, type Calls } from './fakes.ts';

/** The runs of a long-lived agent on the real engine, which says when a run has become long. */

let stage: TestNamespace;
let stop: () => Promise<void> = async () => {};

beforeAll(async () => {
  stage = await createNamespace();
});
afterAll(async () => {
  await stop();
  await stage.close();
});

const id = 'agent/linux/012345678000001';
const limits = { ...defaultLimits.agent, signalsPerRun: 100 };
const stateful = { lifetimeMs: 7 * 24 * 3_600_000, graceMs: 0, park: false };

test('an agent of many days hands over to its next run, which knows what the last one knew', async () => {
  const calls: Calls = [];
  const shared = {
    connection: stage.nativeConnection,
    namespace: stage.namespace,
    activities: { ...fakeActivities(calls) },
  };
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
  const started = await stage.client.workflow.start('agent', {
    workflowId: id,
    taskQueue: taskQueues.workflows,
    args: [agentInput({ specification: { ...specification, stateful }, limits })],
  });
  const handle = stage.client.workflow.getHandle(id);
  const job = observedJob({ requestId: 7 });
  await handle.signal(agentObserved, { sequence: 1, online: true, enabled: true, job });
  await eventually(async () => {
    const lease = stage.client.workflow.getHandle('lease/contoso/7');
    await lease.signal(jobObserved, { sequence: 2, job: { ...job, finishedAt: 9_000, result: 'succeeded' } });
  });
  await eventually(async () => expect(await handle.query(agentView)).toMatchObject({ state: 'Ready' }));

  // Its connection comes and goes, until the run is as long as the engine lets one become.
  let sequence = 100;
  await eventually(async () => {
    const signals = Array.from({ length: 40 }, () => {
      sequence += 1;
      return handle.signal(agentObserved, { sequence, online: sequence % 2 === 0, enabled: true });
    });
    await Promise.all(signals);
    expect((await handle.describe()).runId).not.toBe(started.firstExecutionRunId);
  }, 60_000);
  await handle.signal(agentObserved, { sequence: sequence + 1, online: true, enabled: true, job });
  await eventually(async () =>
    expect(await handle.query(agentView)).toMatchObject({ state: 'Ready', registrationId: 5 }),
  );
  await handle.signal(retire, { reason: 'surplus' });

  // The job of the first run is neither forgotten nor served again, and the machine was made once.
  expect(await handle.result()).toEqual({ agent: '012345678000001', outcome: 'returned', told: 1 });
  expect(calls).toEqual(['provision 012345678000001', 'return 012345678000001']);
  const first = await stage.client.workflow.getHandle(id, started.firstExecutionRunId).describe();
  expect(first.status.name).toBe('CONTINUED_AS_NEW');
  expect(first.historyLength).toBeLessThan(10_000);
}, 90_000);

import { Context } from '@temporalio/activity';
import { Worker } from '@temporalio/worker';
import type { ObserveInput } from '../../activities/interfaces.ts';
import { defaultLimits } from '../../domain/limits.ts';
import type { OrganizationInput } from '../../domain/messages.ts';
import { taskQueues, workflowIds } from '../../domain/names.ts';
import { organizationView, unwatchPool, watchPool } from '../../workflows/messages.ts';
import { workflowBundle } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { createNamespace, type TestNamespace } from '../support/namespace.ts';

/** The organisation's own rules on the real engine, with an observer that only waits to be cancelled. */

let stage: TestNamespace;
let stop: () => Promise<void>;
let running: ObserveInput[] = [];

beforeAll(async () => {
  stage = await createNamespace();
  const shared = { connection: stage.nativeConnection, namespace: stage.namespace };
  const workers = await Promise.all([
    Worker.create({ ...shared, taskQueue: taskQueues.workflows, workflowBundle: workflowBundle() }),
    Worker.create({
      ...shared,
      taskQueue: taskQueues.observer,
      maxHeartbeatThrottleInterval: 100,
      activities: {
        async observeOrganization(input: ObserveInput) {
          running.push(input);
          const context = Context.current();
          const beat = setInterval(() => context.heartbeat(), 100);
          try {
            await context.cancelled;
          } finally {
            clearInterval(beat);
            running = running.filter((other) => other !== input);
          }
        },
      },
    }),
  ]);
  const runs = workers.map((worker) => worker.run());
  stop = async () => {
    for (const worker of workers) worker.shutdown();
    await Promise.all(runs);
  };
});
afterAll(async () => {
  await stop();
  await stage.close();
});

async function start(organization: string, signalsPerRun = defaultLimits.pool.signalsPerRun) {
  const input: OrganizationInput = {
    organization,
    url: `https://dev.azure.com/${organization}`,
    limits: { ...defaultLimits, pool: { ...defaultLimits.pool, signalsPerRun } },
    pools: [],
  };
  return await stage.client.workflow.signalWithStart('organization', {
    workflowId: workflowIds.organization(organization),
    taskQueue: taskQueues.workflows,
    args: [input],
    signal: watchPool,
    signalArgs: [{ pool: 'first', agentPoolId: 1 }],
  });
}

const watched = (organization: string) =>
  running.filter((input) => input.organization === organization).map(({ pools }) => pools.map(({ pool }) => pool));

test('one observer runs at a time, over exactly the pools that are watched', async () => {
  const handle = await start('contoso');
  await eventually(async () => expect(watched('contoso')).toEqual([['first']]));

  await handle.signal(watchPool, { pool: 'second', agentPoolId: 2 });
  await eventually(async () => expect(watched('contoso')).toEqual([['first', 'second']]));

  await handle.signal(unwatchPool, { pool: 'first' });
  await eventually(async () => expect(watched('contoso')).toEqual([['second']]));
});

test('the observer begins anew when it is told where the machines of a pool are, and not when it knows', async () => {
  const handle = await start('placed');
  await eventually(async () => expect(watched('placed')).toEqual([['first']]));
  const machines = { subscriptionId: 's' };

  await handle.signal(watchPool, { pool: 'first', agentPoolId: 1, machines });
  await eventually(async () => {
    expect(running.filter(({ organization }) => organization === 'placed')).toMatchObject([
      { pools: [{ pool: 'first', machines }] },
    ]);
  });
  const [before] = running.filter(({ organization }) => organization === 'placed');
  await handle.signal(watchPool, { pool: 'first', agentPoolId: 1, machines: { ...machines } });
  await handle.query(organizationView);
  expect(running.filter(({ organization }) => organization === 'placed')).toEqual([before]);
});

test('it ends when no pool is left', async () => {
  const handle = await start('empty');
  await eventually(async () => expect(watched('empty')).toEqual([['first']]));

  await handle.signal(unwatchPool, { pool: 'first' });

  await handle.result();
  expect(watched('empty')).toEqual([]);
});

test('no pool is lost while it continues as new again and again', async () => {
  const { workflowId } = await start('storm', 3);
  const handle = stage.client.workflow.getHandle(workflowId);
  const names = Array.from({ length: 20 }, (_, k) => `pool-${k}`);

  await Promise.all(names.map((pool, k) => handle.signal(watchPool, { pool, agentPoolId: 10 + k })));

  await eventually(async () => {
    const { pools } = await handle.query(organizationView);
    expect(pools.map(({ pool }) => pool).toSorted()).toEqual(['first', ...names].toSorted());
    expect(watched('storm').map((pools) => pools.length)).toEqual([21]);
  });
  const { raw, runId } = await handle.describe();
  expect(raw.workflowExecutionInfo?.firstRunId).not.toBe(runId);
});

import { createEngineActivities, createObservationSink } from '../../activities/temporal/activities.ts';
import { defaultLimits } from '../../domain/limits.ts';
import { signalNames, workflowTypes } from '../../domain/messages.ts';
import { searchAttributes } from '../../workflows/search-attributes.ts';
import { eventually } from '../support/eventually.ts';
import { createNamespace, type TestNamespace } from '../support/namespace.ts';

/** No worker runs here: what a client asks of the engine is all in the histories. */
let engine: TestNamespace;
beforeAll(async () => {
  engine = await createNamespace();
});
afterAll(() => engine.close());

async function signalsOf(workflowId: string) {
  const { events } = await engine.client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signaled }) =>
    signaled
      ? [
          {
            name: signaled.signalName,
            input: JSON.parse(String(Buffer.from(signaled.input?.payloads?.[0]?.data ?? []))) as unknown,
          },
        ]
      : [],
  );
}

function startIdle(workflowType: string, workflowId: string, pool: string) {
  return engine.client.workflow.start(workflowType, {
    workflowId,
    taskQueue: 'nobody',
    typedSearchAttributes: [{ key: searchAttributes.poolName, value: pool }],
  });
}

test('watching a pool starts its organisation once, and tells it of every pool', async () => {
  const { watchPool, unwatchPool } = createEngineActivities(engine);
  const organization = { organization: 'contoso', url: 'https://dev.azure.com/contoso', limits: defaultLimits };
  await watchPool({ ...organization, pool: { pool: 'web', agentPoolId: 1 } });
  await watchPool({ ...organization, pool: { pool: 'apps', agentPoolId: 2 } });
  await unwatchPool({ organization: 'contoso', pool: 'web' });
  expect(await signalsOf('organization/contoso')).toEqual([
    { name: signalNames.watchPool, input: { pool: 'web', agentPoolId: 1 } },
    { name: signalNames.watchPool, input: { pool: 'apps', agentPoolId: 2 } },
    { name: signalNames.unwatchPool, input: { pool: 'web' } },
  ]);
});

test('an organisation that is not watched is no failure', async () => {
  await createEngineActivities(engine).unwatchPool({ organization: 'fabrikam', pool: 'web' });
});

test('lists the open agents of one pool', async () => {
  const { listOpenAgents } = createEngineActivities(engine);
  for (const agent of ['a1', 'a2', 'a3']) await startIdle(workflowTypes.agent, `agent/web/${agent}`, 'web');
  await startIdle(workflowTypes.agent, 'agent/apps/b1', 'apps');
  await startIdle(workflowTypes.pool, 'pool/web', 'web');
  await engine.client.workflow.getHandle('agent/web/a3').terminate();
  await eventually(async () => {
    expect((await listOpenAgents({ pool: 'web' })).toSorted()).toEqual(['a1', 'a2']);
  });
});

test('the sink signals pools, agents and leases, and says when there is nobody', async () => {
  const sink = createObservationSink(engine.client);
  await startIdle(workflowTypes.agent, 'agent/sink/a1', 'sink');
  const observation = { sequence: 1, online: true, enabled: true };
  expect(await sink.agent('sink', 'a1', observation)).toBeUndefined();
  expect(await signalsOf('agent/sink/a1')).toEqual([{ name: signalNames.agentObserved, input: observation }]);
  await engine.client.workflow.getHandle('agent/sink/a1').terminate();
  expect(await sink.agent('sink', 'a1', observation)).toBe('notFound');
  const pool = { sequence: 1, at: 1, queued: [], assigned: 0, running: 0, agents: [] };
  expect(await sink.pool('nowhere', pool)).toBe('notFound');
});

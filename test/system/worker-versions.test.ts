import { Client, Connection } from '@temporalio/client';
import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { jobEvents, registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** An upgrade as docs/operations.md tells it: two versions of the worker, and one that is made current after the other. */

jest.setTimeout(180_000);

const deploymentName = 'open-devops-pools';

let stack: Stack;
let temporal: Client;

beforeAll(async () => {
  stack = await startStack({ scale: 0.02, worker: false });
  temporal = new Client({ connection: await Connection.connect({ address: stack.installation.engine.address }) });
});
afterAll(async () => {
  await temporal.connection.close();
  await stack.close();
});

function startVersion(buildId: string) {
  return stack.startWorker({
    name: `worker-${buildId}`,
    environment: { TEMPORAL_DEPLOYMENT_NAME: deploymentName, TEMPORAL_WORKER_BUILD_ID: buildId },
  });
}

/** What `temporal worker deployment set-current-version` does. Refused until a worker of that version has polled. */
async function makeCurrent(buildId: string): Promise<void> {
  await eventually(() =>
    temporal.workflowService.setWorkerDeploymentCurrentVersion({ namespace: 'default', deploymentName, buildId }),
  );
}

async function versionOf(workflowId: string): Promise<string | undefined> {
  const { raw } = await temporal.workflow.getHandle(workflowId).describe();
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined;
}

test('a pool with a running job goes over to the next version, and the job runs on', async () => {
  const first = await startVersion('1');
  await makeCurrent('1');
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'upgraded'));
  await queueJobs(stack, 'upgraded', { count: 2, image: 'ubuntu', durationSeconds: 20 });
  await eventually(async () => {
    const jobs = [...(await jobEvents(stack)).values()];
    expect(jobs.filter((events) => events.some(({ event }) => event === 'received'))).toHaveLength(2);
  }, 60_000);
  expect(await versionOf('pool/upgraded')).toBe('1');

  await startVersion('2');
  await makeCurrent('2');
  await first.stop(AbortSignal.abort());

  await eventually(async () => {
    const events = [...(await jobEvents(stack)).values()].flat();
    expect(events.filter(({ event }) => event === 'finished').map(({ result }) => result)).toEqual([
      'succeeded',
      'succeeded',
    ]);
    expect(events.filter(({ event }) => event === 'received')).toHaveLength(2);
    expect(await resourcesLeft(stack)).toEqual([]);
    expect(await registrationsLeft(stack)).toEqual([]);
  }, 90_000);
  expect(await versionOf('pool/upgraded')).toBe('2');
});

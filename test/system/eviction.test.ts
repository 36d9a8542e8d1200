import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Spot machines that Azure evicts under their jobs, with and without notice, on the whole system. */

jest.setTimeout(180_000);

const minute = 60_000;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    scale: 0.02,
    workerProgram: 'test/support/spot-worker',
    cloudArguments: ['--job-lock-ms=15000'],
    limits: { observer: { machineLooksMs: 1_000 } },
  });
});
afterAll(async () => {
  await stack.close();
});

test.each(['evict', 'evict-with-notice'])('%s: the lease says that Azure evicted its machine', async (what) => {
  const odp = await stack.client();
  const pool = `pool-${what}`;
  await odp.pools.apply(embeddedPool(stack.cloud, pool));
  await queueJobs(stack, pool, { count: 1, image: 'ubuntu', durationSeconds: 600 });
  const { requestId, agent } = await eventually(async () => {
    const [job] = await odp.jobs.list({ pool });
    const { receipt } = await odp.jobs.show(job?.requestId ?? 0);
    expect(receipt.startedAt).toBeDefined();
    return { requestId: job?.requestId ?? 0, agent: job?.agent ?? '' };
  }, minute);

  const response = await fetch(`${stack.cloud.control}/machines/${agent}/${what}`, { method: 'POST' });
  expect(response.status).toBe(204);

  await eventually(async () => {
    expect(await odp.jobs.show(requestId)).toMatchObject({
      state: 'evicted',
      result: 'abandoned',
      reason: 'Azure evicted its machine',
      notes: [expect.stringMatching(/^odp .* was lost - Azure evicted its machine$/)],
    });
  }, minute);
  await eventually(async () => {
    expect(await resourcesLeft(stack)).toEqual([]);
    expect(await registrationsLeft(stack)).toEqual([]);
  }, minute);
});

import { accountOfStack } from '../support/account/of-stack.ts';
import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { jobEvents, registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import { startStack, type Stack } from '../support/stack.ts';

/**
 * Machines that are taken away and agents that die, with and without a job, on the whole system. Each lease must say
 * what became of its job, and nothing may be left.
 */

jest.setTimeout(180_000);

const minute = 60_000;
/** Enough for an agent to be shown as offline before it, however busy this machine is. */
const lockMs = 15_000;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    scale: 0.02,
    cloudArguments: [`--job-lock-ms=${lockMs}`],
    limits: { agent: { offlineMs: 5 * minute }, observer: { machineLooksMs: 1_000 } },
  });
});
afterAll(async () => {
  await stack.close();
});

/** What somebody outside this system does to a machine. */
async function disturb(machine: string, what: 'evict' | 'stop'): Promise<void> {
  const response = await fetch(`${stack.cloud.control}/machines/${machine}/${what}`, { method: 'POST' });
  expect(response.status).toBe(204);
}

/** A job that runs on an agent of the pool. */
async function runningJob(pool: string): Promise<{ requestId: number; agent: string }> {
  const odp = await stack.client();
  await queueJobs(stack, pool, { count: 1, image: 'ubuntu', durationSeconds: 600 });
  return await eventually(async () => {
    const [job] = await odp.jobs.list({ pool });
    const { receipt } = await odp.jobs.show(job?.requestId ?? 0);
    expect(receipt.startedAt).toBeDefined();
    return { requestId: job?.requestId ?? 0, agent: job?.agent ?? '' };
  }, minute);
}

async function tagsOf(build: number): Promise<string[]> {
  const { connection } = await stack.organization.forTests();
  return connection(build);
}

async function ended(requestId: number) {
  const odp = await stack.client();
  return await eventually(async () => {
    const job = await odp.jobs.show(requestId);
    expect(job.state).not.toBe('running');
    return job;
  }, minute);
}

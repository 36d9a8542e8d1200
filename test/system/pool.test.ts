import { readFile } from 'node:fs/promises';
import { breachesOf } from '../support/account/breaches.ts';
import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { controllerCalls, jobEvents, registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import { eventually } from '../support/eventually.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** The whole system, nothing replaced: real SDKs, real engine, embedded cloud. */

jest.setTimeout(120_000);

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 0.02 });
});
afterAll(async () => {
  await stack.close();
});

const minute = 60_000;

async function finished(pool: string, count: number): Promise<void> {
  const odp = await stack.client();
  await eventually(async () => {
    const done = [...(await jobEvents(stack)).values()].filter((events) =>
      events.some(({ event }) => event === 'finished'),
    );
    // A failure shows what held the pool back.
    const { holds } = await odp.pools.explain(pool);
    expect({ finished: done.length, holds }).toEqual({ finished: count, holds: [] });
  }, minute);
}

test('jobs of two images run on machines made for them, one job each, and nothing is left', async () => {
  const odp = await stack.client();
  const document = embeddedPool(stack.cloud, 'first', {
    fabricProfile: {
      kind: 'Vmss',
      sku: { name: 'Standard_D2ads_v5' },
      images: [
        { wellKnownImageName: 'ubuntu-24.04-g2', aliases: ['ubuntu'] },
        { wellKnownImageName: 'debian-12', aliases: ['debian'] },
      ],
    },
  });
  await odp.pools.apply(document);
  await queueJobs(stack, 'first', { count: 4, image: 'ubuntu', durationSeconds: 1 });
  await queueJobs(stack, 'first', { count: 3, image: 'debian', durationSeconds: 1 });

  await finished('first', 7);
  await eventually(async () => {
    expect(await resourcesLeft(stack)).toEqual([]);
    expect(await registrationsLeft(stack)).toEqual([]);
  }, minute);

  expect(await breachesOf(stack)).toEqual([]);
  const creates = (await stack.ledger('machine')).filter(({ event }) => event === 'createAccepted');
  expect(creates.length).toBeGreaterThanOrEqual(7);
  expect((await controllerCalls(stack))['VirtualMachines_CreateOrUpdate']).toBe(creates.length);
  for (const { tags } of creates) {
    expect(tags).toMatchObject({ 'odp-installation': 'embedded', 'odp-pool': 'first' });
    expect(tags['odp-agent']).toMatch(/^agent\/first\//);
  }
});

test('a lease closes with the moments of its wait', async () => {
  const odp = await stack.client();
  const jobs = await eventually(async () => {
    const listed = await odp.jobs.list({ pool: 'first' });
    expect(listed).toHaveLength(7);
    expect(listed.map(({ state }) => state)).toEqual(Array.from({ length: 7 }, () => 'finished'));
    return listed;
  });

  const { receipt, result } = await odp.jobs.show(jobs[0]?.requestId ?? 0);

  expect(result).toBe('succeeded');
  const { queuedAt, createSentAt, runningAt, assignedAt, startedAt, finishedAt } = receipt;
  expect(Number(runningAt)).toBeGreaterThan(Number(createSentAt));
  const job = [queuedAt, assignedAt, startedAt, finishedAt].map(Number);
  expect(job).toEqual(job.toSorted((a, b) => a - b));
});

test('standby agents stand ready before a job asks, and are replaced after they served', async () => {
  const odp = await stack.client();
  await odp.pools.apply(
    embeddedPool(stack.cloud, 'standby', {
      agentProfile: {
        kind: 'Stateless',
        resourcePredictionsProfile: { kind: 'Manual' },
        resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': 2 }] },
      },
    }),
  );
  const ready = async () => {
    const { agents } = await odp.pools.show('standby');
    return agents.filter(({ phase }) => phase === 'ready').map(({ name }) => name);
  };
  const before = await eventually(async () => {
    const names = await ready();
    expect(names).toHaveLength(2);
    return names;
  }, minute);

  await queueJobs(stack, 'standby', { count: 1, image: 'ubuntu', durationSeconds: 1 });

  await eventually(async () => {
    const names = await ready();
    expect(names).toHaveLength(2);
    expect(names).not.toEqual(before);
  }, minute);
});

test('a create that Azure fails holds the image back, says why, and is made up for', async () => {
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'held'));
  await stack.fault({
    match: { operation: 'VirtualMachines_CreateOrUpdate' },
    effect: { kind: 'longRunningOperation', outcome: 'failed', code: 'AllocationFailed' },
    times: 1,
  });
  await queueJobs(stack, 'held', { count: 1, image: 'ubuntu', durationSeconds: 1 });

  const hold = await eventually(async () => {
    const { holds } = await odp.pools.explain('held');
    expect(holds).toHaveLength(1);
    return holds[0];
  }, minute);
  expect(hold).toMatchObject({ code: 'AllocationFailed' });

  await eventually(async () => {
    const { totals } = await odp.pools.show('held');
    expect(totals).toMatchObject({ requested: 2, failed: 1, returned: 1, jobs: 1 });
  }, minute);
});

test('no history holds a secret: not the tokens of the worker, not the key of an agent', async () => {
  const { clientSecretFile, personalAccessTokenFile } = stack.cloud;
  const secrets = [await readFile(clientSecretFile, 'utf8'), await readFile(personalAccessTokenFile, 'utf8')];
  const { client } = await stack.client();
  let histories = 0;

  for await (const { workflowId, runId } of client.workflow.list()) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const text = JSON.stringify(events, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value,
    );
    expect(text).toContain('"eventId"');
    for (const secret of secrets) expect(text).not.toContain(secret.trim());
    // A name of the private key's parts in the agent's file of credentials.
    expect(text).not.toContain('inverseQ');
    histories++;
  }

  expect(histories).toBeGreaterThan(10);
});

test('deleting the pools leaves neither machine, registration nor agent pool', async () => {
  const odp = await stack.client();
  for (const pool of ['first', 'standby', 'held']) await odp.pools.delete(pool);

  await eventually(async () => {
    expect(await odp.pools.list()).toEqual([]);
    expect(await resourcesLeft(stack)).toEqual([]);
    expect((await stack.state()).registrations).toEqual({ online: 0, offline: 0 });
  }, minute);
  expect(await breachesOf(stack)).toEqual([]);
});

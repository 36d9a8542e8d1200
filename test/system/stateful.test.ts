import { breachesOf } from '../support/account/breaches.ts';
import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { jobEvents, resourcesLeft } from '../support/ledger-checks.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Stateful agents on the whole system: one machine for many jobs, parked between them, woken for the next. */

jest.setTimeout(180_000);

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 0.02 });
});
afterAll(async () => {
  await stack.close();
});

const minute = 60_000;

/** Names of the agents that ran the finished jobs, one for each job. */
async function ranOn(): Promise<(string | undefined)[]> {
  const finished = [...(await jobEvents(stack)).values()].filter((all) =>
    all.some(({ event }) => event === 'finished'),
  );
  return finished.map((all) => all.find(({ event }) => event === 'received')?.agentName);
}

const machineEvents = async () => (await stack.ledger('machine')).map(({ event }) => event);

test('a stateful agent serves job after job, is parked when nobody needs it, and woken for the next job', async () => {
  const odp = await stack.client();
  await odp.pools.apply(
    embeddedPool(stack.cloud, 'kept', {
      maximumConcurrency: 1,
      agentProfile: { kind: 'Stateful' },
      operatorProfile: { park: true },
    }),
  );
  await queueJobs(stack, 'kept', { count: 3, image: 'ubuntu', durationSeconds: 4 });
  await eventually(async () => expect(await ranOn()).toHaveLength(3), minute);

  // Half a minute without a job: nothing wants it any more, and its machine goes while its disk stays.
  await eventually(async () => {
    const { agents } = await odp.pools.show('kept');
    expect(agents.map(({ phase }) => phase)).toEqual(['parked']);
  }, minute);
  expect(await machineEvents()).toEqual(expect.arrayContaining(['deallocateAccepted', 'deallocated']));
  expect(await odp.agents.list({ pool: 'kept' })).toMatchObject([{ state: 'Parked' }]);

  await queueJobs(stack, 'kept', { count: 1, image: 'ubuntu', durationSeconds: 4 });
  await eventually(async () => expect(await ranOn()).toHaveLength(4), minute);

  expect(new Set(await ranOn()).size).toBe(1);
  const events = await machineEvents();
  expect(events.filter((event) => event === 'createAccepted')).toHaveLength(1);
  expect(events).toContain('started');
  await eventually(async () => {
    const { totals } = await odp.pools.show('kept');
    expect(totals).toMatchObject({ requested: 1, jobs: 4, failed: 0 });
  });
  await odp.pools.delete('kept');
  await eventually(async () => {
    expect(await odp.pools.list()).toEqual([]);
    expect(await resourcesLeft(stack)).toEqual([]);
  }, minute);
  expect(await breachesOf(stack)).toEqual([]);
});

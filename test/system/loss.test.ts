import { readFile } from 'node:fs/promises';
import { knownErrorCodes } from '../../domain/error-catalogue.ts';
import { installationLimits } from '../../domain/installation.ts';
import { checkAccount } from '../../domain/invariants/invariants.ts';
import type { Disturbance } from '../../domain/invariants/account.ts';
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

const disturbances: Disturbance[] = [];

/** What somebody outside this system does to a machine. */
async function disturb(machine: string, what: 'evict' | 'stop'): Promise<void> {
  disturbances.push({ at: Date.now(), kind: what === 'evict' ? 'machineEvicted' : 'machineStopped', subject: machine });
  const response = await fetch(`${stack.cloud.control}/machines/${machine}/${what}`, { method: 'POST' });
  expect(response.status).toBe(204);
}

/** A job that runs on an agent of the pool. */
async function runningJob(pool: string, durationSeconds = 600): Promise<{ requestId: number; agent: string }> {
  const odp = await stack.client();
  await queueJobs(stack, pool, { count: 1, image: 'ubuntu', durationSeconds });
  return await eventually(async () => {
    const [job] = await odp.jobs.list({ pool });
    const { receipt } = await odp.jobs.show(job?.requestId ?? 0);
    expect(receipt.startedAt).toBeDefined();
    return { requestId: job?.requestId ?? 0, agent: job?.agent ?? '' };
  }, minute);
}

/** A call of a developer on Azure DevOps. */
async function developer<T>(path: string): Promise<T> {
  const token = await readFile(stack.cloud.personalAccessTokenFile, 'utf8');
  const headers = { authorization: `Basic ${Buffer.from(`:${token.trim()}`).toString('base64')}` };
  const response = await fetch(`${stack.cloud.organizationUrl}/${path}`, { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

interface Request {
  requestId: number;
  owner: { id: number };
  result?: string;
}

/** The job requests of a pool, the oldest first. */
async function requestsOf(pool: string): Promise<Request[]> {
  const { agentPoolId } = await (await stack.client()).pools.show(pool);
  const path = `_apis/distributedtask/pools/${agentPoolId}/jobrequests?completedRequestCount=50&api-version=7.1-preview.1`;
  const { value } = await developer<{ value: Request[] }>(path);
  return value.toSorted((one, other) => one.requestId - other.requestId);
}

async function tagsOf(pool: string, requestId: number): Promise<string[]> {
  const build = (await requestsOf(pool)).find((request) => request.requestId === requestId)?.owner.id;
  const path = `${stack.cloud.project}/_apis/build/builds/${build}/tags?api-version=7.1`;
  return (await developer<{ value: string[] }>(path)).value;
}

async function ended(requestId: number) {
  const odp = await stack.client();
  return await eventually(async () => {
    const job = await odp.jobs.show(requestId);
    expect(job.state).not.toBe('running');
    return job;
  }, minute);
}

/** The one agent that stands ready. */
async function readyAgent(pool: string, except?: string): Promise<string> {
  const odp = await stack.client();
  return await eventually(async () => {
    const { agents } = await odp.pools.show(pool);
    const ready = agents.find(({ phase, name }) => phase === 'ready' && name !== except);
    expect(ready).toBeDefined();
    return ready?.name ?? '';
  }, minute);
}

const standby = {
  kind: 'Stateless',
  resourcePredictionsProfile: { kind: 'Manual' },
  resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': 1 }] },
};

test('a machine that is taken away under its job: evicted, told on the build at once, and run again', async () => {
  const odp = await stack.client();
  const document = embeddedPool(stack.cloud, 'taken', { operatorProfile: { retryLostJobs: true } });
  await odp.pools.apply({ ...document, apiVersion: '2026-12-01-odp' });
  const { requestId, agent } = await runningJob('taken', 10);

  await disturb(agent, 'evict');

  const reason = 'its machine was deleted from outside';
  await eventually(async () => expect((await odp.jobs.show(requestId)).silent).toMatchObject({ reason }), minute);
  await eventually(async () => {
    expect(await tagsOf('taken', requestId)).toEqual([expect.stringContaining(`was lost - ${reason}`)]);
  });
  // Told while the server still waits for its lock.
  expect((await requestsOf('taken'))[0]?.result).toBeUndefined();
  expect(await ended(requestId)).toMatchObject({ state: 'evicted', result: 'abandoned', reason, retried: true });

  // The second run of its stage is another job request of the same build.
  await eventually(async () => {
    const [first, second, ...others] = await requestsOf('taken');
    expect(others).toEqual([]);
    expect(second).toMatchObject({ owner: first?.owner, result: 'succeeded' });
  }, minute);
});

test('a machine that is stopped under its job: evicted, in other words', async () => {
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'stopped'));
  const { requestId, agent } = await runningJob('stopped');

  await disturb(agent, 'stop');

  const reason = 'its machine was stopped from outside';
  const job = await ended(requestId);
  expect(job).toMatchObject({ state: 'evicted', result: 'abandoned', reason });
  expect(job).not.toHaveProperty('retried');
  expect(job.notes).toEqual(await tagsOf('stopped', requestId));
});

test('an agent that dies on a live machine: silent while its lock holds, then lost', async () => {
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'died'));
  await stack.fault({ match: { machineName: '*' }, effect: { kind: 'agentDies', afterMs: 4_000 }, times: 1 });
  disturbances.push({ at: Date.now(), kind: 'agentDied', subject: 'any' });
  const { requestId } = await runningJob('died');

  await eventually(async () => {
    const { state, silent } = await odp.jobs.show(requestId);
    expect(state).toBe('running');
    expect(silent).toMatchObject({ reason: expect.stringContaining('while its machine runs') });
    expect(silent?.lockedUntil).toBeGreaterThan(Date.now());
  }, minute);
  expect(await ended(requestId)).toMatchObject({
    state: 'agentLost',
    result: 'abandoned',
    reason: expect.stringContaining('while its machine runs'),
  });
  expect(await tagsOf('died', requestId)).toEqual([expect.stringContaining('its agent fell silent')]);
});

test('a ready agent whose machine is taken away ends at once, and is replaced', async () => {
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'idle', { agentProfile: standby }));
  const agent = await readyAgent('idle');

  await disturb(agent, 'evict');

  // Its longest silence is five minutes; this takes none of them.
  await readyAgent('idle', agent);
  await eventually(async () => {
    expect((await odp.pools.show('idle')).agents.map(({ name }) => name)).not.toContain(agent);
  }, minute);
  await odp.pools.delete('idle');
});

test('an agent that cannot open a session, because another one is open, is silent on a live machine', async () => {
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'conflict', { agentProfile: standby }));
  const agent = await readyAgent('conflict');
  // Met by every agent that is there; its open poll lasts up to fifty seconds.
  const refuse = (operation: string, status: number, code: string) =>
    stack.fault({ match: { operation }, effect: { kind: 'reject', status, code } });
  await refuse('Sessions_Create', 409, 'TaskAgentSessionConflictException');
  await refuse('Messages_Get', 400, 'TaskAgentSessionExpiredException');

  await eventually(async () => {
    const { state, why } = await odp.agents.show(agent);
    expect({ state, why }).toEqual({ state: 'Ready', why: expect.stringContaining('cannot open a session') });
  }, 2 * minute);
  // It is no capacity, so that another one stands by as soon as sessions can be opened.
  await stack.clearFaults();
  await readyAgent('conflict', agent);
});

test('whatever was lost: nothing is left, every job ended once, and no invariant is broken', async () => {
  const odp = await stack.client();
  for (const pool of ['taken', 'stopped', 'died']) await odp.pools.delete(pool);
  await eventually(async () => {
    const { agents } = await odp.pools.show('conflict');
    const kept = agents.map(({ name }) => name);
    const mine = (names: string[]) => names.filter((id) => !kept.some((name) => id.includes(name)));
    expect(mine(await resourcesLeft(stack))).toEqual([]);
    expect(mine(await registrationsLeft(stack))).toEqual([]);
  }, minute);
  for (const events of (await jobEvents(stack)).values()) {
    expect(events.filter(({ event }) => event === 'finished')).toHaveLength(1);
  }
  const rules = { limits: installationLimits(stack.installation), knownErrors: knownErrorCodes };
  const subjects = await machineIds();
  const account = await accountOfStack(stack, {
    disturbances: disturbances.flatMap((one) => [
      one,
      ...(subjects.get(one.subject) ?? []).map((subject) => ({ ...one, subject })),
    ]),
  });
  expect(checkAccount(account, rules)).toEqual([]);
});

/** ARM ids of machines by their names. */
async function machineIds(): Promise<Map<string, string[]>> {
  const ids = (await stack.ledger('machine')).map(({ id }) => id);
  return Map.groupBy(new Set(ids), (id) => id.split('/').at(-1) ?? '');
}

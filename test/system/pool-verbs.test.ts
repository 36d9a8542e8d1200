import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../client/cli/run.ts';
import type { AgentSummary, DrainAnswer, PurgeAnswer } from '../../client/sdk/index.ts';
import { brokenPromises, jobEvents, registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import { breachesOf } from '../support/account/breaches.ts';
import { testIo } from '../support/cli-io.ts';
import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** The verbs of operators as people type them, on a whole installation. Each test leaves the pool as it found it. */

jest.setTimeout(180_000);

const minute = 60_000;

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 0.02, limits: { agent: { connectMs: 20_000 } } });
  await writeFile(join(stack.folder, 'odp.json'), JSON.stringify(stack.installation));
  const odp = await stack.client();
  await odp.pools.apply(
    embeddedPool(stack.cloud, 'linux', {
      agentProfile: {
        kind: 'Stateless',
        resourcePredictionsProfile: { kind: 'Manual' },
        resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': 1 }] },
      },
      operatorProfile: { retainedFailures: { count: 1, timeSpan: '0.01:00:00' } },
    }),
  );
});
afterAll(async () => {
  await stack.close();
});

async function odp(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const io = testIo({ environment: { ODP_INSTALLATION: join(stack.folder, 'odp.json') } });
  const code = await run(args, io);
  return { code, output: io.output(), errors: io.errors() };
}

async function json<T>(...args: string[]): Promise<T> {
  const { code, output, errors } = await odp(...args, '--output', 'json');
  if (code !== 0) throw new Error(errors);
  return JSON.parse(output) as T;
}

async function agentsIn(phase: string): Promise<string[]> {
  const { agents } = await (await stack.client()).pools.show('linux');
  return agents.filter((one) => one.phase === phase).map(({ name }) => name);
}

const readyAgent = () =>
  eventually(async () => {
    const [ready] = await agentsIn('ready');
    if (ready === undefined) throw new Error('no agent is ready');
    return ready;
  }, minute);

const finished = async (): Promise<string[]> =>
  [...(await jobEvents(stack)).values()].flatMap((events) =>
    events.flatMap(({ event, result }) => (event === 'finished' ? [result ?? ''] : [])),
  );

test('a purge replaces a free agent, lets a job finish, and names every agent that is not there', async () => {
  const first = await readyAgent();
  expect((await odp('pool', 'purge', 'linux', first)).output).toMatch(new RegExp(`${first} +goes now`));
  const second = await eventually(async () => {
    const next = await readyAgent();
    expect(next).not.toBe(first);
    return next;
  }, minute);

  await queueJobs(stack, 'linux', { count: 1, image: 'ubuntu', durationSeconds: 4 });
  await eventually(async () => expect(await agentsIn('busy')).toEqual([second]), minute);
  const { agents } = await json<PurgeAnswer>('pool', 'purge', 'linux', '--all');
  expect(agents).toContainEqual({ agent: second, outcome: 'afterItsJob' });
  await eventually(async () => expect(await finished()).toEqual(['succeeded']), minute);

  const wrong = await odp('pool', 'purge', 'linux', 'nobody', 'no-one');
  expect(wrong).toMatchObject({ code: 1, output: '' });
  expect(wrong.errors).toMatch(/agents\[0\][\s\S]*agents\[1\][\s\S]*hint: /);
  expect((await odp('pool', 'purge', 'nowhere', '--all')).code).toBe(3);
});

test('a drain waits for the last job, leaves those that come meanwhile waiting, and a resume serves them', async () => {
  await readyAgent();
  await queueJobs(stack, 'linux', { count: 1, image: 'ubuntu', durationSeconds: 5 });
  await eventually(async () => expect(await agentsIn('busy')).toHaveLength(1), minute);

  const draining = odp('pool', 'drain', 'linux', '--by', '8h', '--wait', '--output', 'json');
  await eventually(async () => expect((await odp('pool', 'show', 'linux')).output).toContain('(Draining, '), minute);
  await queueJobs(stack, 'linux', { count: 1, image: 'ubuntu', durationSeconds: 1 });
  const { output, errors, code } = await draining;

  expect({ code, errors }).toEqual({ code: 0, errors: expect.stringContaining('at the latest, when its lease does') });
  const answer = JSON.parse(output) as DrainAnswer;
  expect(answer).toMatchObject({ status: 'Draining', drain: { agents: 0, lastJob: { basis: 'noJob' } } });
  expect(await finished()).toEqual(['succeeded', 'succeeded']);
  const { output: explained } = await odp('pool', 'explain', 'linux');
  expect(explained).toContain('1 queued job waits until it is resumed');
  expect(await resourcesLeft(stack)).toEqual([]);

  expect((await odp('pool', 'resume', 'linux')).output).toBe('pool linux: Succeeded');
  await eventually(async () => expect(await finished()).toHaveLength(3), minute);
  expect(await brokenPromises(stack)).toEqual([]);
});

test('a machine whose agent never connects is kept, shown with its reason, and goes when it is released', async () => {
  await readyAgent();
  await stack.fault({ match: {}, effect: { kind: 'bootWithoutAgent' }, times: 1 });
  await odp('pool', 'purge', 'linux', '--all');
  const [kept = ''] = await eventually(async () => {
    const names = await agentsIn('kept');
    expect(names).toHaveLength(1);
    return names;
  }, minute);

  const list = await eventually(async () => {
    const agents = await json<AgentSummary[]>('agent', 'list');
    expect(agents.find(({ name }) => name === kept)?.kept?.why).toMatch(/did not connect/);
    return agents;
  });
  expect(list.find(({ name }) => name === kept)).toMatchObject({ state: 'PendingReturn' });
  expect((await odp('agent', 'list')).output).toContain(`${kept} is kept for inspection until `);
  expect(await registrationsLeft(stack)).not.toContain(kept);
  expect((await resourcesLeft(stack)).some((id) => id.endsWith(`/${kept}`))).toBe(true);

  expect(await odp('agent', 'release', kept)).toMatchObject({ code: 0, output: `${kept}: goes now` });
  await eventually(async () => {
    expect((await resourcesLeft(stack)).filter((id) => id.includes(kept))).toEqual([]);
  }, minute);
  await eventually(async () => expect((await odp('agent', 'release', kept)).code).not.toBe(0), minute);
});

test('a forced purge cancels the job first, then the machine goes; a deleted pool leaves nothing', async () => {
  expect(await breachesOf(stack)).toEqual([]);
  await readyAgent();
  await queueJobs(stack, 'linux', { count: 1, image: 'ubuntu', durationSeconds: 300 });
  const [busy = ''] = await eventually(async () => {
    const names = await agentsIn('busy');
    expect(names).toHaveLength(1);
    return names;
  }, minute);

  const answer = await json<PurgeAnswer>('pool', 'purge', 'linux', busy, '--force');

  expect(answer.agents).toEqual([{ agent: busy, outcome: 'cancelled' }]);
  await eventually(async () => expect((await finished()).at(-1)).toBe('canceled'), minute);
  const client = await stack.client();
  await eventually(async () => {
    const cancelled = (await client.jobs.list({ pool: 'linux' })).filter(({ agent }) => agent === busy);
    expect(cancelled.map(({ state }) => state)).toEqual(['cancelled']);
  }, minute);

  await odp('pool', 'delete', 'linux');
  await eventually(async () => {
    expect(await resourcesLeft(stack)).toEqual([]);
    expect((await odp('pool', 'list', '--output', 'json')).output).toBe('[]');
  }, minute);
  expect((await odp('pool', 'resume', 'linux')).code).toBe(3);
});

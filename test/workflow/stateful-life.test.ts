import { defaultLimits } from '../../domain/limits.ts';
import type { AgentReport } from '../../domain/messages.ts';
import { agentObserved, agentView, jobObserved, park, retire, wake } from '../../workflows/messages.ts';
import { agentInput, fakeActivities, observedJob, specification, type Calls, type Fakes } from './fakes.ts';
import { timeSkippingSuite, type Stage } from './stage.ts';

const suite = timeSkippingSuite();
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const id = 'agent/linux/012345678000001';

/** What the product promises: seven days, from creation, all states together. */
const stateful = { lifetimeMs: 7 * day, graceMs: 0, park: true };

interface Life {
  calls: Calls;
  result(): Promise<AgentReport>;
  observe(changes?: { job?: ReturnType<typeof observedJob>; online?: boolean; enabled?: boolean }): Promise<void>;
  /** Runs one job on it, from being seen to its end, after which it is ready again. */
  serve(requestId: number): Promise<void>;
  /** Runs one job on it, to its end. */
  run(requestId: number, result?: string): Promise<void>;
  until(state: string): Promise<void>;
}

async function live(stage: Stage, overrides: Partial<Fakes> = {}): Promise<Life> {
  const calls: Calls = [];
  await stage.work(fakeActivities(calls, overrides));
  const input = agentInput({ specification: { ...specification, stateful } });
  const handle = await stage.start('agent', id, [input]);
  let sequence = 0;
  const observe: Life['observe'] = ({ job, online = true, enabled = true } = {}) =>
    handle.signal(agentObserved, { sequence: ++sequence, online, enabled, ...(job ? { job } : {}) });
  const until: Life['until'] = (state) => stage.settle(async () => (await stage.query(id, agentView)).state === state);
  const run: Life['run'] = async (requestId, result = 'succeeded') => {
    await observe({ job: observedJob({ requestId }) });
    await stage.until(`lease/contoso/${requestId}`);
    await until('Allocated');
    const job = observedJob({ requestId, finishedAt: 9_000, result });
    await stage.signal(`lease/contoso/${requestId}`, jobObserved, { sequence: ++sequence, job });
  };
  return {
    calls,
    observe,
    until,
    run,
    result: () => handle.result() as Promise<AgentReport>,
    async serve(requestId) {
      await run(requestId);
      await stage.settle(async () => (await stage.query(id, agentView)).state !== 'Allocated');
      await observe();
    },
  };
}

suite('the life of a stateful agent', (stage) => {
  test('is: one machine for job after job, each under a lease of its own, never disabled', async () => {
    const { calls, observe, serve, until, result } = await live(stage());
    await observe();
    await serve(21);
    await until('Ready');
    await serve(22);
    await until('Ready');
    expect(calls).toEqual(['provision 012345678000001']);

    await stage().signal(id, retire, { reason: 'surplus' });

    expect(await result()).toEqual({ agent: '012345678000001', outcome: 'returned', told: 2 });
    expect(calls).toEqual(['provision 012345678000001', 'return 012345678000001']);
  });

  test('ends after seven days, however it spent them', async () => {
    const { calls, observe, serve, until, result } = await live(stage());
    await observe();
    await stage().pass(3 * day);
    await serve(31);
    await until('Ready');

    await stage().pass(4 * day - 5 * minute);
    expect(calls).not.toContain('return 012345678000001');
    await stage().pass(6 * minute);

    expect(await result()).toMatchObject({ outcome: 'returned', told: 1 });
  });

  test('ends after its running job when that outlives the seven days', async () => {
    const { calls, observe, result } = await live(stage());
    await observe();
    await stage().pass(7 * day - hour);
    await observe({ job: observedJob({ requestId: 41 }) });
    await stage().until('lease/contoso/41');

    await stage().pass(day);
    expect(calls).toEqual(['provision 012345678000001']);
    await stage().signal('lease/contoso/41', jobObserved, {
      sequence: 1_000,
      job: observedJob({ requestId: 41, finishedAt: 9_000, result: 'succeeded' }),
    });

    expect(await result()).toMatchObject({ outcome: 'returned', told: 1 });
    expect(calls).toEqual(['provision 012345678000001', 'return 012345678000001']);
  });

  test('does not outlive the two days of its job: the build is cancelled and the machine goes', async () => {
    const { calls, observe, result } = await live(stage());
    await observe();
    await observe({ job: observedJob({ requestId: 51 }) });
    await stage().until('lease/contoso/51');

    await stage().pass(2 * day + minute);
    await stage().settle(() => calls.includes('cancel 70'));
    await stage().signal('lease/contoso/51', jobObserved, {
      sequence: 1_000,
      job: observedJob({ requestId: 51, finishedAt: 9_000, result: 'canceled' }),
    });

    expect(await result()).toMatchObject({ outcome: 'returned', told: 1 });
  });

  test('ends with a job that it lost: nobody knows what still runs on the machine', async () => {
    const { observe, run, result } = await live(stage());
    await observe();
    await run(61, 'abandoned');

    expect(await result()).toMatchObject({ outcome: 'returned', told: 1 });
  });

  test('shows NotReady while it is away after a job, and goes when it stays away', async () => {
    const { calls, observe, serve, until, result } = await live(stage());
    await observe();
    await serve(71);
    await observe({ online: false });
    await until('NotReady');
    await observe();
    await until('Ready');
    await observe({ online: false });
    await until('NotReady');

    await stage().pass(defaultLimits.agent.offlineMs + minute);

    expect(await result()).toMatchObject({ outcome: 'returned' });
    expect(calls).toContain('return 012345678000001');
  });

  test('serves the job that came in the moment of its return, and goes after it', async () => {
    let refusals = 1;
    const { calls, observe, run, result } = await live(stage(), {
      async returnAgent() {
        calls.push('return');
        return refusals-- > 0 ? { outcome: 'busy' } : { outcome: 'returned' };
      },
    });
    await observe();
    await stage().signal(id, retire, { reason: 'surplus' });
    await stage().settle(() => calls.includes('return'));
    await run(81);

    expect(await result()).toMatchObject({ outcome: 'returned', told: 1 });
    expect(calls).toEqual(['provision 012345678000001', 'return', 'return']);
  });

  test('is parked, woken for a job, and serves it on the same machine', async () => {
    const { calls, observe, serve, until, result } = await live(stage());
    await observe();
    await serve(91);
    await stage().signal(id, park, { reason: 'surplus' });
    await until('Parked');
    await observe({ online: false, enabled: false });
    await stage().pass(day);
    expect(await stage().query(id, agentView)).toMatchObject({ state: 'Parked' });

    await stage().signal(id, wake, { reason: 'a job waits', decidedAt: 5, seenAt: 4 });
    await until('Starting');
    await observe();
    await until('Ready');
    await serve(92);
    const { receipt } = await stage().query(id, agentView);
    expect(receipt).toMatchObject({ seenAt: 4, decidedAt: 5, createSentAt: 30, runningAt: 40 });

    await stage().signal(id, retire, { reason: 'surplus' });
    expect(await result()).toMatchObject({ outcome: 'returned', told: 2 });
    const agent = '012345678000001';
    expect(calls).toEqual([`provision ${agent}`, `park ${agent}`, `wake ${agent}`, `return ${agent}`]);
  });

  test('goes on serving when a job was faster than its parking', async () => {
    const { calls, observe, serve, until, result } = await live(stage(), {
      async parkAgent() {
        calls.push('park');
        return { outcome: 'busy' };
      },
    });
    await observe();
    await stage().signal(id, park, { reason: 'surplus' });
    await stage().settle(() => calls.includes('park'));
    await serve(101);
    await until('Ready');
    await stage().signal(id, retire, { reason: 'surplus' });

    expect(await result()).toMatchObject({ outcome: 'returned', told: 1 });
  });

  test('ends seven days after its creation, parked and never woken', async () => {
    const { calls, observe, until, result } = await live(stage());
    await observe();
    await stage().pass(day);
    await stage().signal(id, park, { reason: 'surplus' });
    await until('Parked');

    await stage().pass(6 * day - 5 * minute);
    expect(calls).not.toContain('return 012345678000001');
    await stage().pass(6 * minute);

    expect(await result()).toMatchObject({ outcome: 'returned' });
    const agent = '012345678000001';
    expect(calls).toEqual([`provision ${agent}`, `park ${agent}`, `return ${agent}`]);
  });

  test('returns when it is retired while it is parked', async () => {
    const { observe, until, result } = await live(stage());
    await observe();
    await stage().signal(id, park, { reason: 'surplus' });
    await until('Parked');
    await stage().signal(id, retire, { reason: 'the pool closes' });

    expect(await result()).toMatchObject({ outcome: 'returned', told: 0 });
  });

  test('is given up when it does not connect after it was woken', async () => {
    const { observe, until, result } = await live(stage());
    await observe();
    await stage().signal(id, park, { reason: 'surplus' });
    await until('Parked');
    await stage().signal(id, wake, { reason: 'a job waits', decidedAt: 5 });
    await until('Starting');

    await stage().pass(defaultLimits.agent.connectMs + minute);

    expect(await result()).toMatchObject({ outcome: 'failed', failure: { code: 'AgentDidNotConnect' } });
  });
});

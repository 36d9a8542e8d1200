import { defaultLimits } from '../../domain/limits.ts';
import type {
  AgentObservation,
  AgentReport,
  JobObservation,
  MachineSight,
  ObservedJob,
} from '../../domain/messages.ts';
import { agentObserved, agentView, jobObserved, leaseView, retire } from '../../workflows/messages.ts';
import { agentInput, fakeActivities, observedJob, specification, type Calls, type Fakes } from './fakes.ts';
import { timeSkippingSuite } from './stage.ts';

/**
 * What went wrong in other systems, and must not here. Each test is named after the rule and the trackers that it was
 * drawn from; the workflows are the real ones, with the limits of production.
 */

const suite = timeSkippingSuite();
const minute = 60_000;
const day = 24 * 60 * minute;
const { agent: limits } = defaultLimits;
const { subscriptionId } = specification.machine;
const id = 'agent/linux/012345678000001';
const sight = (state: MachineSight['state']): MachineSight => ({ state, subscriptionId, at: 1 });

suite('what other systems got wrong', (stage) => {
  let nextRequest = 100;

  async function agent(overrides: Partial<Fakes> = {}) {
    const calls: Calls = [];
    await stage().work(fakeActivities(calls, overrides));
    const handle = await stage().start('agent', id, [agentInput()]);
    let sequence = 0;
    // A job request has one lease for ever, so that each test has a request of its own.
    const requestId = nextRequest++;
    const leaseId = `lease/contoso/${requestId}`;
    const job = (fields: Partial<ObservedJob> = {}) => observedJob({ requestId, ...fields });
    return {
      calls,
      job,
      leaseId,
      result: () => handle.result() as Promise<AgentReport>,
      observe: (fields: Partial<AgentObservation> = {}) =>
        handle.signal(agentObserved, { sequence: ++sequence, online: true, enabled: true, ...fields }),
      tellLease: (fields: Partial<ObservedJob>, silent?: JobObservation['silent']) =>
        stage().signal(leaseId, jobObserved, {
          sequence: ++sequence,
          job: job(fields),
          ...(silent ? { silent } : {}),
        }),
      state: async () => (await stage().query(id, agentView)).state,
    };
  }

  test('agent #2332: a used agent is disabled at its first assignment, and a second request on it is told for what it is', async () => {
    const returns: ('busy' | 'returned')[] = ['busy', 'returned'];
    const { calls, observe, tellLease, result, job, leaseId } = await agent({
      returnAgent: async () => ({ outcome: returns.shift() ?? 'returned' }),
    });
    await observe();
    await observe({ job: job() });
    await stage().settle(() => calls.includes('disable 5'));
    await stage().until(leaseId);
    // The server was faster than the disabling: a second request sits on the agent that is about to exit.
    const requestId = nextRequest++;
    const second = `lease/contoso/${requestId}`;
    const { startedAt: _, ...waiting } = job({ requestId });
    await observe({ job: waiting });
    await tellLease({ finishedAt: 9_000, result: 'succeeded' });
    await stage().until(second);
    await stage().signal(second, jobObserved, {
      sequence: 99,
      job: { ...waiting, finishedAt: 700_000, result: 'abandoned' },
    });

    expect(await result()).toMatchObject({
      job: { requestId, outcome: 'agentLost', reason: expect.stringContaining('had served its one job already') },
    });
    expect(calls.filter((call) => call.startsWith('tag'))).toEqual([
      expect.stringContaining('had served its one job already'),
    ]);
  });

  test('Jenkins #588, BK #1051: an agent that is silent for ten minutes while its machine runs is over', async () => {
    const { calls, observe, result, state } = await agent();
    await observe();
    await observe({ online: false });
    await observe({ online: false, machine: sight('running') });
    await stage().pass(limits.offlineMs - minute);
    expect(await state()).toBe('Ready');
    expect(calls).toEqual(['provision 012345678000001']);
    await stage().pass(2 * minute);

    expect(await result()).toMatchObject({ outcome: 'returned' });
    expect(calls).toContain('return 012345678000001');
  });

  test('ARC #4307, #4091, #4136, #4197, #4203: whatever never comes, each state of an agent ends by itself', async () => {
    // Never online.
    const starting = await agent();
    await stage().pass(limits.connectMs + minute);
    expect(await starting.result()).toMatchObject({ failure: { code: 'AgentDidNotConnect' } });
  });

  test('… online, and no job ever comes', async () => {
    const { observe, result } = await agent();
    await observe();
    await stage().pass(limits.lifetimeMs + minute);
    expect(await result()).toMatchObject({ outcome: 'returned' });
  });

  test('… holding a job whose end is never heard of: after two days and the time to cancel it, and never by then', async () => {
    const { calls, observe, result, job, leaseId } = await agent();
    await observe();
    await observe({ job: job() });
    await stage().until(leaseId);
    await stage().pass(limits.leaseMs - minute);
    expect(calls).not.toContain('cancel 70');
    await stage().pass(minute + limits.leaseEndMs + minute);
    expect(await result()).toMatchObject({ outcome: 'returned', job: { outcome: 'expired' } });
    expect(calls).toContain('cancel 70');
  });

  test('… told to return, held by a job that the server does not show: asked again, until it can go', async () => {
    let busy = 3;
    const { observe, result } = await agent({
      returnAgent: async () => ({ outcome: busy-- > 0 ? 'busy' : 'returned' }),
    });
    await observe();
    for (let turn = 0; turn < 4; turn++) {
      await stage().signal(id, retire, { reason: 'surplus' });
      await stage().pass(minute);
    }
    expect(await result()).toMatchObject({ outcome: 'returned' });
  });

  test.each(['gone', 'deallocated', 'stopped'] as const)(
    'Jenkins #322, #323: a machine that is %s under its job ends the lease and the agent, though the agent is not idle',
    async (state) => {
      let held = true;
      const { calls, observe, tellLease, result, job, leaseId } = await agent({
        returnAgent: async () => ({ outcome: held ? 'busy' : 'returned' }),
      });
      await observe();
      await observe({ job: job() });
      await stage().until(leaseId);
      await observe({ online: false, machine: sight(state), job: job() });
      await tellLease({}, { since: 5_000, machine: sight(state) });
      await stage().settle(() => calls.some((call) => call.startsWith('tag odp build was lost')));
      // The lock runs out after ten minutes, and with it the server's hold on the agent.
      await stage().pass(10 * minute);
      held = false;
      await tellLease({ finishedAt: 700_000, result: 'abandoned' });

      expect(await result()).toMatchObject({ outcome: 'returned', job: { outcome: 'evicted', result: 'abandoned' } });
    },
  );

  test.each(['gone', 'deallocated', 'stopped'] as const)(
    'Jenkins #322: an idle agent whose machine is %s is over at once',
    async (state) => {
      const { observe, result, calls } = await agent();
      await observe();
      await observe({ online: false, machine: sight(state) });
      expect(await result()).toMatchObject({ outcome: 'returned' });
      expect(calls).toEqual(['provision 012345678000001', 'return 012345678000001']);
    },
  );

  test('agent #3541: an agent that is silent while its lock holds is not lost, and may finish its job', async () => {
    const { observe, tellLease, result, job, leaseId } = await agent();
    await observe();
    await observe({ job: job() });
    await stage().until(leaseId);
    await observe({ online: false, job: job() });
    await tellLease({ lockedUntil: 9_000_000_000_000 }, { since: 5_000, machine: sight('running') });
    await stage().pass(limits.offlineMs + 5 * minute);
    expect(await stage().query(leaseId, leaseView)).toMatchObject({
      outcome: 'running',
      silent: { lockedUntil: 9_000_000_000_000 },
    });
    await tellLease({ finishedAt: 1_500_000, result: 'succeeded' });
    expect(await result()).toMatchObject({ job: { outcome: 'finished', result: 'succeeded' } });
  });

  test('agent #3499, #5491: a job of two days is not lost before, and is ended then, also when its agent is dead', async () => {
    const { calls, observe, tellLease, result, job, leaseId } = await agent();
    await observe();
    await observe({ job: job() });
    await stage().until(leaseId);
    await stage().pass(day + 23 * 60 * minute);
    expect(await stage().query(leaseId, leaseView)).toMatchObject({ outcome: 'running' });
    await observe({ online: false, job: job() });
    await tellLease({ lockedUntil: 9_000_000_000_000 }, { since: 5_000, machine: sight('running') });
    await stage().pass(61 * minute);
    await stage().settle(() => calls.includes('cancel 70'));
    await tellLease({ finishedAt: 2_000_000, result: 'canceled' });
    expect(await result()).toMatchObject({ job: { outcome: 'expired', result: 'canceled' } });
  });
});

import { ApplicationFailure } from '@temporalio/common';
import { defaultLimits } from '../../domain/limits.ts';
import type { JobObservation, LeaseInput, LeaseOutcome, MachineSight } from '../../domain/messages.ts';
import { jobObserved, leaseView } from '../../workflows/messages.ts';
import { fakeActivities, identity, observedJob, specification, type Calls, type Fakes } from './fakes.ts';
import { timeSkippingSuite } from './stage.ts';

/** Leases as agents start them now: with the limits of production, and with somebody to tell. */

const suite = timeSkippingSuite();
const minute = 60_000;
const day = 24 * 60 * minute;
const { subscriptionId } = specification.machine;
const id = 'lease/contoso/7';

suite('a lease with people to tell', (stage) => {
  async function lease(notes: Partial<LeaseInput['notes']> = {}, overrides: Partial<Fakes> = {}) {
    const calls: Calls = [];
    await stage().work(fakeActivities(calls, overrides));
    const input: LeaseInput = {
      identity,
      job: observedJob(),
      limits: defaultLimits.agent,
      receipt: { decidedAt: 1 },
      notes: { subscriptionId, ...notes },
    };
    const handle = await stage().start('lease', id, [input]);
    let sequence = 0;
    return {
      calls,
      result: () => handle.result() as Promise<LeaseOutcome>,
      observe: (observation: Partial<JobObservation> = {}) =>
        stage().signal(id, jobObserved, { sequence: ++sequence, job: observedJob(), ...observation }),
      sees: (state: MachineSight['state'], of = subscriptionId) =>
        stage().signal(id, jobObserved, {
          sequence: ++sequence,
          job: observedJob({ lockedUntil: 600_000 }),
          silent: { since: 5_000, machine: { state, subscriptionId: of, at: 6_000 } },
        }),
      ends: (result: string) =>
        stage().signal(id, jobObserved, { sequence: ++sequence, job: observedJob({ finishedAt: 9_000, result }) }),
    };
  }

  test('is warned of one hour and ten minutes before its end, and cancelled at exactly two days', async () => {
    const { calls, result, ends } = await lease();
    const { expiresAt = 0 } = await stage().query(id, leaseView);
    const end = `${new Date(expiresAt).toISOString().slice(0, 16).replace('T', ' ').replace(':', '.')} UTC`;

    await stage().pass(2 * day - 61 * minute);
    expect(calls).toEqual([]);
    await stage().pass(2 * minute);
    await stage().settle(() => calls.length === 1);
    await stage().pass(50 * minute);
    await stage().settle(() => calls.length === 2);
    expect(calls).toEqual([
      `tag odp build will be cancelled at ${end} (1 hour left)`,
      `tag odp build will be cancelled at ${end} (10 minutes left)`,
    ]);
    await stage().pass(8 * minute);
    expect(calls).toHaveLength(2);
    await stage().pass(2 * minute);
    await stage().settle(() => calls.length === 4);
    expect(calls.slice(2)).toEqual(['cancel 70', 'tag odp build was cancelled after 2 days']);
    await ends('canceled');

    expect(await result()).toMatchObject({ outcome: 'expired', result: 'canceled', reason: expect.any(String) });
    const { startTime } = await stage().client.workflow.getHandle(id).describe();
    expect(Math.abs(expiresAt - startTime.getTime() - 2 * day)).toBeLessThan(1_000);
  });

  test('that ends before its last hour warns nobody', async () => {
    const { calls, result, ends } = await lease();
    await stage().pass(day);
    await ends('succeeded');

    expect(await result()).not.toHaveProperty('reason');
    expect(calls).toEqual([]);
  });

  test('of a silent agent whose machine runs is not lost while its lock holds, and ends as its job ends', async () => {
    const { calls, result, sees, observe, ends } = await lease();
    await sees('running');

    expect(await stage().query(id, leaseView)).toMatchObject({
      outcome: 'running',
      silent: { since: 5_000, lockedUntil: 600_000, reason: expect.stringContaining('while its machine runs') },
    });
    await observe();
    expect(await stage().query(id, leaseView)).not.toHaveProperty('silent');
    await ends('succeeded');

    expect(await result()).toMatchObject({ outcome: 'finished', result: 'succeeded' });
    expect(calls).toEqual([]);
  });

  test('of an agent that dies on a live machine ends as agentLost, and its people are told why', async () => {
    const { calls, result, sees, ends } = await lease();
    await sees('running');
    await ends('abandoned');

    expect(await result()).toMatchObject({
      outcome: 'agentLost',
      result: 'abandoned',
      reason: expect.stringContaining('while its machine runs'),
    });
    expect(calls).toEqual([expect.stringMatching(/^tag odp build was lost - its agent fell silent while its machine/)]);
  });

  test.each([
    ['gone', true, 'Azure evicted its machine'],
    ['deallocated', true, 'Azure evicted its machine'],
    ['gone', false, 'its machine was deleted from outside'],
    ['deallocated', false, 'its machine was deallocated from outside'],
    ['stopped', true, 'its machine was stopped from outside'],
  ] as const)('of a machine that is %s (spot: %s) is evicted: %s', async (state, spot, reason) => {
    const { calls, result, sees, ends } = await lease(spot ? { spot } : {});
    await sees(state);
    // Told at once, while Azure DevOps waits for the lock to run out.
    await stage().settle(() => calls.length > 0);
    expect(calls).toEqual([`tag odp build was lost - ${reason}`]);
    await ends('abandoned');

    expect(await result()).toMatchObject({ outcome: 'evicted', reason, result: 'abandoned' });
    expect(calls).toHaveLength(1);
  });

  test('does not believe the list of another subscription', async () => {
    const { calls, result, sees, ends } = await lease();
    await sees('gone', 'another');
    await ends('abandoned');

    expect(await result()).toMatchObject({ outcome: 'agentLost', reason: 'its agent fell silent' });
    expect(calls).toHaveLength(1);
  });

  test('has the stage of a lost job run again, where the pool asks for that', async () => {
    const outcomes = ['running', 'retried'] as const;
    let looks = 0;
    const { calls, result, sees, ends } = await lease(
      { retryLostJobs: true },
      { retryStage: async () => ({ outcome: outcomes[looks++] ?? 'again' }) },
    );
    await sees('gone');
    await ends('abandoned');

    expect(await result()).toMatchObject({ outcome: 'evicted', retried: true });
    expect(looks).toBe(2);
    expect(calls).toHaveLength(1);
  });

  test('never has the stage of an expired job run again', async () => {
    const { calls, result, ends } = await lease({ retryLostJobs: true });
    await stage().pass(2 * day + minute);
    await stage().settle(() => calls.includes('cancel 70'));
    await ends('canceled');

    expect(await result()).not.toHaveProperty('retried');
    expect(calls.filter((call) => call.startsWith('retry'))).toEqual([]);
  });

  test('ends although nothing can be written on its build, and says so', async () => {
    const { result, ends } = await lease(
      {},
      {
        tagBuild: () =>
          Promise.reject(ApplicationFailure.nonRetryable('not allowed', 'AzureDevOpsAuthorizationFailed')),
      },
    );
    await ends('abandoned');

    expect(await result()).toMatchObject({
      outcome: 'agentLost',
      notes: [expect.stringMatching(/^odp build was lost - .* \(not written on the build: /)],
    });
  });
});

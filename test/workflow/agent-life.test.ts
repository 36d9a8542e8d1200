import { ApplicationFailure } from '@temporalio/common';
import type { FailureDetails } from '../../domain/failure.ts';
import { defaultLimits } from '../../domain/limits.ts';
import type { AgentReport, LeaseOutcome } from '../../domain/messages.ts';
import { agentObserved, agentView, jobObserved, retire } from '../../workflows/messages.ts';
import { agentInput, fakeActivities, observedJob, type Calls, type Fakes } from './fakes.ts';
import { timeSkippingSuite, type Stage } from './stage.ts';

const suite = timeSkippingSuite();
const day = 24 * 3_600_000;

interface Life {
  calls: Calls;
  result(): Promise<AgentReport>;
  observe(sequence: number, job?: ReturnType<typeof observedJob>, online?: boolean): Promise<void>;
}

async function live(stage: Stage, overrides: Partial<Fakes> = {}): Promise<Life> {
  const calls: Calls = [];
  await stage.work(fakeActivities(calls, overrides));
  const handle = await stage.start('agent', 'agent/linux/012345678000001', [agentInput()]);
  return {
    calls,
    result: () => handle.result() as Promise<AgentReport>,
    observe: (sequence, job, online = true) =>
      handle.signal(agentObserved, { sequence, online, enabled: true, ...(job ? { job } : {}) }),
  };
}

suite('the life of one agent', (stage) => {
  test('is: provision, online, one job under a lease, disabled, returned', async () => {
    const { calls, observe, result } = await live(stage());
    await observe(100);
    await observe(200, observedJob());
    await stage().until('lease/contoso/7');
    await stage().signal('lease/contoso/7', jobObserved, {
      sequence: 300,
      job: observedJob({ finishedAt: 9_000, result: 'succeeded' }),
    });

    const report = await result();

    expect(calls).toEqual(['provision 012345678000001', 'disable 5', 'return 012345678000001']);
    expect(report).toMatchObject({
      outcome: 'returned',
      job: {
        requestId: 7,
        outcome: 'finished',
        result: 'succeeded',
        receipt: { queuedAt: 1_000, decidedAt: 1, createSentAt: 10, runningAt: 20, onlineAt: 100, startedAt: 3_000 },
      },
    });
  });

  test('ends when the agent does not connect within forty-five minutes', async () => {
    const { result } = await live(stage());

    await stage().pass(defaultLimits.agent.connectMs - 60_000);
    expect(await stage().query('agent/linux/012345678000001', agentView)).toMatchObject({ state: 'Starting' });
    await stage().pass(2 * 60_000);

    expect(await result()).toMatchObject({ outcome: 'failed', failure: { code: 'AgentDidNotConnect' } });
  });

  test('ends after seven days without a job', async () => {
    const { observe, result, calls } = await live(stage());
    await observe(100);

    await stage().pass(7 * day - 60_000);
    expect(calls).not.toContain('return 012345678000001');
    await stage().pass(2 * 60_000);

    expect(await result()).toMatchObject({ outcome: 'returned' });
  });

  test('ends when the agent was silent for ten minutes without a job', async () => {
    const { observe, result } = await live(stage());
    await observe(100);
    await observe(200, undefined, false);

    await stage().pass(defaultLimits.agent.offlineMs + 60_000);

    expect(await result()).toMatchObject({ outcome: 'returned' });
  });

  test('goes on serving when the server refuses to forget it, because a job came in the same moment', async () => {
    let refusals = 1;
    const { calls, observe, result } = await live(stage(), {
      async returnAgent() {
        calls.push('return');
        return refusals-- > 0 ? { outcome: 'busy' } : { outcome: 'returned' };
      },
    });
    await observe(100);
    await stage().signal('agent/linux/012345678000001', retire, { reason: 'surplus' });
    await stage().settle(() => calls.includes('return'));
    await observe(200, observedJob({ requestId: 8 }));
    await stage().until('lease/contoso/8');
    await stage().signal('lease/contoso/8', jobObserved, {
      sequence: 300,
      job: observedJob({ requestId: 8, finishedAt: 9_000, result: 'succeeded' }),
    });

    expect(await result()).toMatchObject({ outcome: 'returned', job: { requestId: 8, outcome: 'finished' } });
    expect(calls).toEqual(['provision 012345678000001', 'return', 'disable 5', 'return']);
  });

  test('returns its machine when its workflow is cancelled', async () => {
    const { observe, result, calls } = await live(stage());
    await observe(100);

    await stage().client.workflow.getHandle('agent/linux/012345678000001').cancel();

    expect(await result()).toMatchObject({ outcome: 'returned' });
    expect(calls).toEqual(['provision 012345678000001', 'return 012345678000001']);
  });

  test('leaves nothing behind when the machine cannot be created, and tells the pool why', async () => {
    const failure: FailureDetails = {
      code: 'AllocationFailed',
      class: 'capacity',
      message: 'no room',
      hint: 'Choose another size.',
      call: 'VirtualMachines_CreateOrUpdate',
      retryAfterMs: 3_600_000,
    };
    const { calls, result } = await live(stage(), {
      async provisionAgent() {
        throw ApplicationFailure.create({
          message: failure.message,
          type: failure.code,
          nonRetryable: true,
          details: [failure],
        });
      },
    });

    expect(await result()).toMatchObject({
      outcome: 'failed',
      failure: { code: 'AllocationFailed', class: 'capacity', retryAfterMs: 3_600_000 },
    });
    expect(calls).toEqual(['return 012345678000001']);
  });
});

suite('a lease', (stage) => {
  async function lease(limits = defaultLimits.agent) {
    const calls: Calls = [];
    await stage().work(fakeActivities(calls));
    const { identity } = agentInput();
    const handle = await stage().start('lease', 'lease/contoso/7', [
      { identity, job: observedJob(), limits, receipt: { decidedAt: 1 } },
    ]);
    return { calls, result: () => handle.result() as Promise<LeaseOutcome> };
  }

  test('cancels the build when two days are over, and not a minute earlier', async () => {
    const { calls, result } = await lease();

    await stage().pass(2 * day - 60_000);
    expect(calls).toEqual([]);
    await stage().pass(2 * 60_000);
    await stage().settle(() => calls.length > 0);
    expect(calls).toEqual(['cancel 70']);
    await stage().signal('lease/contoso/7', jobObserved, {
      sequence: 1,
      job: observedJob({ finishedAt: 9_000, result: 'canceled' }),
    });

    expect(await result()).toMatchObject({ outcome: 'expired', result: 'canceled' });
  });

  test('tells a cancelled job and an abandoned one from a finished one', async () => {
    const { result } = await lease();
    await stage().signal('lease/contoso/7', jobObserved, {
      sequence: 1,
      job: observedJob({ finishedAt: 9_000, result: 'abandoned' }),
    });

    expect(await result()).toMatchObject({ outcome: 'agentLost', result: 'abandoned' });
  });

  test('is not told a thing twice: an older observation changes nothing', async () => {
    const { result } = await lease();
    await stage().signal('lease/contoso/7', jobObserved, { sequence: 5, job: observedJob({ startedAt: 4_000 }) });
    await stage().signal('lease/contoso/7', jobObserved, { sequence: 4, job: observedJob({ startedAt: 1 }) });
    await stage().signal('lease/contoso/7', jobObserved, {
      sequence: 6,
      job: observedJob({ startedAt: 4_000, finishedAt: 9_000, result: 'failed' }),
    });

    expect(await result()).toMatchObject({ outcome: 'finished', result: 'failed', receipt: { startedAt: 4_000 } });
  });
});

test('the limits of production are those of the product', () => {
  expect(defaultLimits.agent).toMatchObject({
    leaseMs: 2 * day,
    leaseWarningMs: 3_600_000,
    leaseLastWarningMs: 10 * 60_000,
    lifetimeMs: 7 * day,
    connectMs: 45 * 60_000,
  });
});

import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createAgentActivities } from '../../activities/agent.ts';
import { failureOf } from '../../activities/errors.ts';
import {
  addFault,
  attempt,
  azure,
  closeCloud,
  cloud,
  keys,
  machinePath,
  newInput,
  registrar,
  resourcesOf,
} from './activities-azure-support.ts';

beforeEach(() => cloud.context.faults.clear());
afterAll(closeCloud);

type Input = ReturnType<typeof newInput>;

async function made(devops = registrar()) {
  const input = newInput();
  const activities = createAgentActivities({ azure, registrar: devops, keys });
  const { result } = await attempt(activities.provisionAgent, { ...input, stateful: true });
  expect(result).toBeDefined();
  devops.calls.length = 0;
  return { input, devops, ...activities };
}

function eventsOf(input: Input): string[] {
  const path = machinePath(input).toLowerCase();
  return cloud.context.ledger
    .entries('machine')
    .filter(({ id, event }) => id.toLowerCase() === path && /allocat|start|delet/i.test(event) && !/agent/.test(event))
    .map(({ event }) => event);
}

function submitted(input: Input, verb: string): number {
  const path = `${machinePath(input)}/${verb}`.toLowerCase();
  return cloud.context.ledger
    .entries('call')
    .filter((call) => call.method === 'POST' && call.path.toLowerCase() === path).length;
}

describe('parkAgent and wakeAgent', () => {
  test('deallocate a machine after its agent was withdrawn, and start it before the agent is admitted', async () => {
    const { input, devops, parkAgent, wakeAgent, returnAgent } = await made();

    expect(await attempt(parkAgent, input)).toMatchObject({ result: { outcome: 'parked' } });
    expect(devops.calls).toEqual(['withdraw']);
    expect(eventsOf(input)).toEqual(['deallocateAccepted', 'deallocated']);
    // Machine, disk and network interface are kept.
    expect(await resourcesOf(input)).toHaveLength(3);

    const { result } = await attempt(wakeAgent, input);
    expect(result).toMatchObject({ outcome: 'woken' });
    if (result?.outcome === 'woken') expect(result.runningAt).toBeGreaterThanOrEqual(result.startSentAt);
    expect(devops.calls).toEqual(['withdraw', 'admit']);
    expect(eventsOf(input).slice(2)).toEqual(['startAccepted', 'started']);

    await attempt(parkAgent, input);
    expect(await attempt(returnAgent, input)).toMatchObject({ result: { outcome: 'returned' } });
    expect(await resourcesOf(input)).toEqual([]);
  });

  test('change nothing while a job holds the agent', async () => {
    const { input, parkAgent } = await made(registrar({ busy: true }));
    expect(await attempt(parkAgent, input)).toMatchObject({ result: { outcome: 'busy' } });
    expect(eventsOf(input)).toEqual([]);
  });

  test('may run twice, also for a machine that is so already', async () => {
    const { input, parkAgent, wakeAgent } = await made();
    for (let turn = 0; turn < 2; turn++) {
      expect(await attempt(parkAgent, input)).toMatchObject({ result: { outcome: 'parked' } });
    }
    for (let turn = 0; turn < 2; turn++) {
      expect(await attempt(wakeAgent, input)).toMatchObject({ result: { outcome: 'woken' } });
    }
  });

  test('go on waiting for the operation of an attempt that died, and send no other', async () => {
    const { input, parkAgent, wakeAgent } = await made();
    for (const [verb, activity] of [
      ['deallocate', parkAgent],
      ['start', wakeAgent],
    ] as const) {
      const died = await attempt<Input, unknown>(activity, input, {
        cancelWhen: ({ poller }) => typeof poller === 'string',
      });
      expect(died.result).toBeUndefined();
      const { result } = await attempt<Input, unknown>(activity, input, {
        attempt: 2,
        heartbeatDetails: died.heartbeat,
      });
      expect(result).toMatchObject({ outcome: verb === 'deallocate' ? 'parked' : 'woken' });
      expect(submitted(input, verb)).toBe(1);
    }
  });

  test('say that a machine is gone, and do not touch one that is not ours', async () => {
    const { input, parkAgent, wakeAgent } = await made();
    expect(await attempt(parkAgent, { ...input, workflowId: 'agent/other/1' })).toMatchObject({
      result: { outcome: 'gone' },
    });
    expect(eventsOf(input)).toEqual([]);
    const never = newInput();
    expect(await attempt(parkAgent, never)).toMatchObject({ result: { outcome: 'gone' } });
    expect(await attempt(wakeAgent, never)).toMatchObject({ result: { outcome: 'gone' } });
  });

  test('do not try a start again that Azure accepted and then failed', async () => {
    const { input, parkAgent, wakeAgent } = await made();
    await attempt(parkAgent, input);
    addFault({
      match: { operation: 'VirtualMachines_Start' },
      effect: { kind: 'longRunningOperation', outcome: 'failed', code: 'AllocationFailed' },
      times: 1,
    });
    const { error } = await attempt(wakeAgent, input);
    expect(failureOf(error)).toMatchObject({ code: 'AllocationFailed', class: 'capacity' });
    expect((error as { nonRetryable?: boolean }).nonRetryable).toBe(true);
  });

  test('send another deallocation where one failed', async () => {
    const { input, parkAgent } = await made();
    addFault({
      match: { operation: 'VirtualMachines_Deallocate' },
      effect: { kind: 'longRunningOperation', outcome: 'failed', code: 'InternalExecutionError' },
      times: 1,
    });
    const failed = await attempt(parkAgent, input);
    expect(failed.error).toBeDefined();
    const again = await attempt(parkAgent, input, { attempt: 2, heartbeatDetails: failed.heartbeat });
    expect(
      again.result ?? (await attempt(parkAgent, input, { attempt: 3, heartbeatDetails: again.heartbeat })).result,
    ).toEqual({
      outcome: 'parked',
    });
  });
});

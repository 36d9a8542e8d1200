import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { CancelledFailure, type ApplicationFailure } from '@temporalio/common';
import { createAgentActivities } from '../../activities/agent.ts';
import { failureOf } from '../../activities/errors.ts';
import {
  addFault,
  attempt,
  azure,
  callsTo,
  closeCloud,
  cloud,
  exists,
  keys,
  machinePath,
  newInput,
  ownTags,
  putNetworkInterface,
  registrar,
  resourcesOf,
} from './activities-azure-support.ts';

beforeEach(() => cloud.context.faults.clear());
afterAll(closeCloud);

describe('returnAgent', () => {
  test('leaves nothing: machine, disk and network interface', async () => {
    const input = newInput();
    const devops = registrar();
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: devops, keys });
    await attempt(provisionAgent, input);
    expect(await attempt(returnAgent, input)).toMatchObject({ result: { outcome: 'returned' } });
    expect(await resourcesOf(input)).toEqual([]);
    expect(devops.calls.at(-1)).toBe('deregister');
    expect(callsTo(input, 'DELETE')).toBe(1);
  });

  test('deletes nothing while the server keeps the agent for a job', async () => {
    const input = newInput();
    const { provisionAgent, returnAgent } = createAgentActivities({
      azure,
      registrar: registrar({ busy: true }),
      keys,
    });
    await attempt(provisionAgent, input);
    expect(await attempt(returnAgent, input)).toMatchObject({ result: { outcome: 'busy' } });
    expect(callsTo(input, 'DELETE')).toBe(0);
    expect(await resourcesOf(input)).toHaveLength(3);
  });

  test('succeeds for an agent that never came to be, and when it runs twice at once', async () => {
    const never = newInput();
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    expect(await attempt(returnAgent, never)).toMatchObject({ result: { outcome: 'returned' } });
    const input = newInput();
    await attempt(provisionAgent, input);
    const runs = await Promise.all([attempt(returnAgent, input), attempt(returnAgent, input)]);
    for (const { result, error, heartbeat } of runs) {
      if (result) continue;
      // The slower one may meet the delete of the other; its retry then finds nothing to do.
      expect((error as ApplicationFailure).nonRetryable).toBe(false);
      const retry = await attempt(returnAgent, input, { attempt: 2, heartbeatDetails: heartbeat });
      expect(retry.result).toEqual({ outcome: 'returned' });
    }
    expect(await resourcesOf(input)).toEqual([]);
  });

  test('resumes a delete that an earlier attempt sent', async () => {
    const input = newInput();
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    await attempt(provisionAgent, input);
    const first = await attempt(returnAgent, input, { cancelWhen: ({ poller }) => poller !== undefined });
    expect(first.error).toBeInstanceOf(CancelledFailure);
    const second = await attempt(returnAgent, input, { attempt: 2, heartbeatDetails: first.heartbeat });
    expect(second.result).toEqual({ outcome: 'returned' });
    expect(callsTo(input, 'DELETE')).toBe(1);
  });

  test('looks again when the answer to the delete call is lost', async () => {
    const input = newInput();
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    await attempt(provisionAgent, input);
    addFault({
      match: { method: 'DELETE', path: machinePath(input) },
      effect: { kind: 'loseResponse' },
      times: 1,
    });
    const first = await attempt(returnAgent, input);
    expect(failureOf(first.error)).toMatchObject({ code: 'ResponseLost', class: 'lost' });
    const second = await attempt(returnAgent, input, { attempt: 2, heartbeatDetails: first.heartbeat });
    expect(second.result).toEqual({ outcome: 'returned' });
    expect(await resourcesOf(input)).toEqual([]);
  });

  test('removes a network interface that stayed behind, and leaves one whose tags are not all ours', async () => {
    const input = newInput();
    const { provisionAgent, returnAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    await attempt(provisionAgent, input);
    const ours = await putNetworkInterface(input, `${input.identity.agent}-leaked`, ownTags(input));
    const foreign = await putNetworkInterface(input, `${input.identity.agent}-foreign`, {
      ...ownTags(input),
      'odp-installation': 'other',
    });
    expect(await attempt(returnAgent, input)).toMatchObject({ result: { outcome: 'returned' } });
    expect(await exists(input, ours, '2024-05-01')).toBe(false);
    expect(await exists(input, foreign, '2024-05-01')).toBe(true);
  });
});

import { ApplicationFailure } from '@temporalio/common';
import { WithStartWorkflowOperation } from '@temporalio/client';
import type { ProvisionInput } from '../../activities/interfaces.ts';
import { failureWith } from '../../domain/error-catalogue.ts';
import type { PoolObservation, PoolView } from '../../domain/messages.ts';
import { taskQueues, workflowIds } from '../../domain/names.ts';
import { agentView, apply, poolObserved, poolView } from '../../workflows/messages.ts';
import { validPoolDocument, withValue } from '../support/pool-document.ts';
import { fakeActivities, poolInput, type Fakes } from './fakes.ts';
import { timeSkippingSuite, type Stage } from './stage.ts';

const suite = timeSkippingSuite();
const minute = 60_000;

/** A pool of two zones without standby. */
const documentOf = (name: string) =>
  [
    [['properties', 'operatorProfile'], { zones: ['1', '2'] }] as const,
    [['properties', 'agentProfile'], { kind: 'Stateless' }] as const,
  ].reduce<unknown>((changed, [path, value]) => withValue(changed, [...path], value), {
    ...validPoolDocument(),
    name,
  });

interface ZonalPool {
  /** Zones in which machines were asked for, in order. */
  zones: (string | undefined)[];
  full: Set<string>;
  view(): Promise<PoolView>;
  observe(overrides: Partial<PoolObservation>): Promise<void>;
}

async function zonalPool(stage: Stage, name: string, overrides: Partial<Fakes> = {}): Promise<ZonalPool> {
  const zones: (string | undefined)[] = [];
  const full = new Set<string>();
  await stage.work(
    fakeActivities([], {
      async provisionAgent({ identity: { agent }, machine: { zone } }: ProvisionInput) {
        zones.push(zone);
        if (zone !== undefined && full.has(zone)) {
          const details = { ...failureWith('AllocationFailed', 'No room.'), azureCode: 'ZonalAllocationFailed' };
          throw ApplicationFailure.create({
            type: 'AllocationFailed',
            message: 'No room.',
            nonRetryable: true,
            details: [details],
          });
        }
        return { registrationId: 5, resourceId: `/vm/${agent}`, createSentAt: 10, runningAt: 20 };
      },
      ...overrides,
    }),
  );
  await stage.client.workflow.executeUpdateWithStart(apply, {
    args: [{ document: documentOf(name) }],
    startWorkflowOperation: new WithStartWorkflowOperation('pool', {
      workflowId: workflowIds.pool(name),
      taskQueue: taskQueues.workflows,
      args: [poolInput({ pool: name })],
      workflowIdConflictPolicy: 'USE_EXISTING',
    }),
  });
  let sequence = 0;
  return {
    zones,
    full,
    view: () => stage.query(workflowIds.pool(name), poolView),
    observe: (changes) =>
      stage.signal(workflowIds.pool(name), poolObserved, {
        sequence: ++sequence,
        at: Date.now(),
        queued: [],
        assigned: 0,
        running: 0,
        agents: [],
        ...changes,
      }),
  };
}

const waiting = [{ imageOverride: 'ubuntu', count: 1, oldestQueuedAt: 1 }];

suite('a pool with two zones', (stage) => {
  test('leaves a full zone for the hour that Azure is known to need, and then returns to it by itself', async () => {
    const pool = await zonalPool(stage(), 'zonal');
    pool.full.add('1');
    await pool.observe({ queued: waiting });
    await stage().settle(() => pool.zones.length === 2);
    expect(pool.zones).toEqual(['1', '2']);

    await stage().settle(async () => (await pool.view()).agents.length === 1);
    const { agents, holds, placement } = await pool.view();
    expect(holds).toEqual([]);
    expect(placement?.places).toMatchObject([{ zone: '1', closed: { code: 'AllocationFailed' } }, { zone: '2' }]);
    const [agent] = agents;
    expect(await stage().query(workflowIds.agent('zonal', agent?.name ?? ''), agentView)).toMatchObject({
      placement: { zone: '2', why: expect.stringContaining('zone 1 is closed until') },
    });

    // The job runs.
    await pool.observe({ running: 1, agents: [{ name: agent?.name ?? '', standing: 'held' }] });
    pool.full.clear();
    await stage().pass(50 * minute);
    await pool.observe({ running: 1, queued: waiting });
    await stage().settle(() => pool.zones.length === 3);
    expect(pool.zones.at(-1)).toBe('2');

    const second = (await pool.view()).agents.find(({ name }) => name !== agent?.name);
    await pool.observe({ running: 2, agents: [{ name: second?.name ?? '', standing: 'held' }] });
    await stage().pass(15 * minute);
    await pool.observe({ running: 2, queued: waiting });
    await stage().settle(() => pool.zones.length === 4);
    expect(pool.zones.at(-1)).toBe('1');
  });

  test('asks the next zone at once, while what the first left behind is still being removed', async () => {
    let release: () => void = () => {};
    const removed = new Promise<void>((resolve) => {
      release = resolve;
    });
    const pool = await zonalPool(stage(), 'leaving', {
      async returnAgent() {
        await removed;
        return { outcome: 'returned' };
      },
    });
    pool.full.add('1');
    await pool.observe({ queued: waiting });
    await stage().settle(() => pool.zones.length === 2);

    const phases = (await pool.view()).agents.map(({ phase }) => phase);
    expect(phases).toEqual(['returning', 'creating']);
    release();
    await stage().settle(async () => (await pool.view()).totals.failed === 1);
    expect(pool.zones).toEqual(['1', '2']);
  });
});

import type { ApplicationFailure } from '@temporalio/common';
import type { WorkflowHandle } from '@temporalio/client';
import { defaultLimits, type Limits } from '../../domain/limits.ts';
import type { ObservedJob, PoolObservation, PoolState, PoolView } from '../../domain/messages.ts';
import { agentName, workflowIds } from '../../domain/names.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';
import { newPoolState } from '../../domain/pool-state.ts';
import { agentObserved, jobObserved, poolObserved, poolView } from '../../workflows/messages.ts';
import { fakeActivities, observedJob, poolInput, specification, type Calls, type Fakes } from './fakes.ts';
import type { Stage } from './stage.ts';

const hour = 3_600_000;
const generation = 'abcdef012';

let pools = 0;

/** A pool with its agents, and the hand that plays Azure DevOps. */
export class Scene {
  readonly calls: Calls = [];
  readonly pool = `verbs-${++pools}`;
  private readonly stage: Stage;
  private readonly limits: Limits;
  private readonly observed = new Map<string, number>();
  private sequence = 1_000;

  constructor(stage: Stage, limits: Partial<Limits['pool']> = {}) {
    this.stage = stage;
    // What is rebuilt every ten minutes is another test's matter: it would only slow the days down.
    this.limits = { ...defaultLimits, pool: { ...defaultLimits.pool, reconcileMs: 30 * 24 * hour, ...limits } };
  }

  get handle(): WorkflowHandle {
    return this.stage.client.workflow.getHandle(workflowIds.pool(this.pool));
  }

  name(index: number): string {
    return agentName(generation, index);
  }

  /**
   * Starts a pool whose document was accepted.
   *
   * @param wanted what its specification has beyond that of the other tests
   */
  async begin(
    standby: number,
    overrides: Partial<Fakes> = {},
    more: Partial<PoolState> = {},
    wanted: Partial<PoolSpecification> = {},
  ): Promise<void> {
    const there = () => {
      const gone = new Set(this.calls.flatMap((call) => (call.startsWith('return ') ? [call.slice(7)] : [])));
      const made = this.calls.flatMap((call) => (call.startsWith('provision ') ? [call.slice(10)] : []));
      return made.filter((name) => !gone.has(name));
    };
    await this.stage.work(fakeActivities(this.calls, { listOpenAgents: async () => there(), ...overrides }));
    const state: PoolState = {
      ...newPoolState(generation),
      document: {},
      specification: { ...specification, name: this.pool, standby: { count: standby, counts: 'total' }, ...wanted },
      agentPoolId: 1,
      specificationVersion: 1,
      status: 'Succeeded',
      ...more,
    };
    const input = poolInput({ pool: this.pool, limits: this.limits, state });
    await this.stage.start('pool', workflowIds.pool(this.pool), [input]);
  }

  async view(): Promise<PoolView> {
    return await this.stage.query(workflowIds.pool(this.pool), poolView);
  }

  /** Waits until the pool has exactly these agents, in any phase. */
  async agents(...indices: number[]): Promise<void> {
    const names = indices.map((index) => this.name(index));
    await this.stage.settle(async () => (await this.view()).agents.map(({ name }) => name).join() === names.join());
    for (const name of names) await this.stage.until(workflowIds.agent(this.pool, name));
  }

  async told(...agents: PoolObservation['agents']): Promise<void> {
    await this.queue(0, ...agents);
  }

  async queue(count: number, ...agents: PoolObservation['agents']): Promise<void> {
    const queued = count === 0 ? [] : [{ imageOverride: 'ubuntu', count, oldestQueuedAt: 1 }];
    const at = await this.now();
    const sequence = (this.sequence += 1);
    await this.handle.signal(poolObserved, { sequence, at, queued, assigned: 0, running: 0, agents });
  }

  /** Virtual time as the engine has it. */
  now(): Promise<number> {
    return this.stage.now();
  }

  /** The agent connects. */
  async ready(index: number): Promise<void> {
    await this.observe(index);
    await this.told({ name: this.name(index), standing: 'free' });
  }

  /** Azure DevOps gives the agent a job, and the system sees it. */
  async busy(index: number, requestId: number): Promise<void> {
    const job = this.job(requestId);
    await this.observe(index, job);
    await this.told({ name: this.name(index), standing: 'held' });
    await this.stage.until(workflowIds.lease('contoso', requestId));
  }

  async finish(requestId: number, result = 'succeeded'): Promise<void> {
    const finishedAt = await this.now();
    const job = { ...this.job(requestId), finishedAt, result };
    await this.stage.signal(workflowIds.lease('contoso', requestId), jobObserved, { sequence: finishedAt, job });
  }

  private job(requestId: number): ObservedJob {
    return observedJob({ requestId, jobName: `job ${requestId}`, buildId: requestId * 10 });
  }

  /** Azure DevOps shows the agent, free or with a job. */
  async observe(index: number, job?: ObservedJob, online = true): Promise<void> {
    const sequence = (this.observed.get(this.name(index)) ?? 0) + 1;
    this.observed.set(this.name(index), sequence);
    const observation = { sequence, online, enabled: true, registrationId: 5, ...(job ? { job } : {}) };
    await this.stage.signal(workflowIds.agent(this.pool, this.name(index)), agentObserved, observation);
  }
}

/** How an update was refused: its code, and the details. */
export async function refusal(
  promise: Promise<unknown>,
): Promise<{ type: string; details: { code: string; target: string }[] }> {
  const error = await promise.then(
    () => Promise.reject(new Error('was not refused')),
    (reason: unknown) => (reason as { cause: ApplicationFailure }).cause,
  );
  const [body] = error.details as [{ error?: { details: { code: string; target: string }[] } }];
  return { type: error.type ?? '', details: body.error?.details ?? [] };
}

import type { ApplicationFailure } from '@temporalio/common';
import type { WorkflowHandle } from '@temporalio/client';
import { defaultLimits, type Limits } from '../../domain/limits.ts';
import type { ObservedJob, PoolObservation, PoolState, PoolView } from '../../domain/messages.ts';
import { agentName, workflowIds } from '../../domain/names.ts';
import { newPoolState } from '../../domain/pool-state.ts';
import {
  agentObserved,
  deletePool,
  drain,
  jobObserved,
  poolObserved,
  poolView,
  purge,
  resume,
} from '../../workflows/messages.ts';
import { fakeActivities, observedJob, poolInput, specification, type Calls, type Fakes } from './fakes.ts';
import { timeSkippingSuite, type Stage } from './stage.ts';

/** What operators do to a pool that is there, over days of virtual time. Its agents and leases are real workflows. */

const suite = timeSkippingSuite();
const hour = 3_600_000;
const generation = 'abcdef012';

let pools = 0;
let scene: Scene;

afterEach(() => scene.end());

/** A pool with its agents, and the hand that plays Azure DevOps. */
class Scene {
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

  async begin(standby: number, overrides: Partial<Fakes> = {}, more: Partial<PoolState> = {}): Promise<void> {
    const there = () => {
      const gone = new Set(this.calls.flatMap((call) => (call.startsWith('return ') ? [call.slice(7)] : [])));
      const made = this.calls.flatMap((call) => (call.startsWith('provision ') ? [call.slice(10)] : []));
      return made.filter((name) => !gone.has(name));
    };
    await this.stage.work(fakeActivities(this.calls, { listOpenAgents: async () => there(), ...overrides }));
    const state: PoolState = {
      ...newPoolState(generation),
      document: {},
      specification: { ...specification, name: this.pool, standby: { count: standby, counts: 'total' } },
      agentPoolId: 1,
      specificationVersion: 1,
      status: 'Succeeded',
      ...more,
    };
    const input = poolInput({ pool: this.pool, limits: this.limits, state });
    await this.stage.start('pool', workflowIds.pool(this.pool), [input]);
  }

  /** Ends everything: what a test leaves behind would live on through the days of the next one. */
  async end(): Promise<void> {
    const { client } = this.stage;
    const agents = Array.from({ length: 10 }, (_, index) => workflowIds.agent(this.pool, this.name(index)));
    for (const id of [workflowIds.pool(this.pool), ...agents]) {
      await client.workflow
        .getHandle(id)
        .terminate()
        .catch(() => undefined);
    }
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

  private async observe(index: number, job?: ObservedJob): Promise<void> {
    const sequence = (this.observed.get(this.name(index)) ?? 0) + 1;
    this.observed.set(this.name(index), sequence);
    const observation = { sequence, online: true, enabled: true, registrationId: 5, ...(job ? { job } : {}) };
    await this.stage.signal(workflowIds.agent(this.pool, this.name(index)), agentObserved, observation);
  }
}

async function refusal(
  promise: Promise<unknown>,
): Promise<{ type: string; details: { code: string; target: string }[] }> {
  const error = await promise.then(
    () => Promise.reject(new Error('was not refused')),
    (reason: unknown) => (reason as { cause: ApplicationFailure }).cause,
  );
  const [body] = error.details as [{ error?: { details: { code: string; target: string }[] } }];
  return { type: error.type ?? '', details: body.error?.details ?? [] };
}

suite('purge', (stage) => {
  test('replaces free agents by new ones, where standby wants them', async () => {
    scene = new Scene(stage());
    await scene.begin(2);
    await scene.agents(0, 1);
    await scene.ready(0);

    const { agents } = await scene.handle.executeUpdate(purge, { args: [{ all: true }] });

    expect(agents).toEqual([0, 1].map((index) => ({ agent: scene.name(index), outcome: 'goesNow' })));
    await scene.agents(2, 3);
  });

  test('lets a job finish, and only then returns its agent', async () => {
    scene = new Scene(stage());
    await scene.begin(1);
    await scene.agents(0);
    await scene.ready(0);
    await scene.busy(0, 101);

    const { agents } = await scene.handle.executeUpdate(purge, { args: [{ agents: [scene.name(0)] }] });

    expect(agents).toEqual([{ agent: scene.name(0), outcome: 'afterItsJob' }]);
    await stage().pass(5 * hour);
    expect(scene.calls.filter((call) => /^(cancel|return)/.test(call))).toEqual([]);
    await scene.finish(101);
    await stage().settle(() => scene.calls.includes(`return ${scene.name(0)}`));
  });

  test('with force cancels the job first; its lease ends as cancelled, then the agent goes', async () => {
    scene = new Scene(stage());
    await scene.begin(1);
    await scene.agents(0);
    await scene.ready(0);
    await scene.busy(0, 111);

    const { agents } = await scene.handle.executeUpdate(purge, { args: [{ all: true, force: true }] });
    expect(agents).toEqual([{ agent: scene.name(0), outcome: 'cancelled' }]);
    await stage().settle(() => scene.calls.includes('cancel 1110'));
    expect(scene.calls).not.toContain(`return ${scene.name(0)}`);
    await scene.finish(111, 'canceled');

    const lease = stage().client.workflow.getHandle(workflowIds.lease('contoso', 111));
    expect(await lease.result()).toMatchObject({ outcome: 'cancelled' });
    await stage().settle(() => scene.calls.includes(`return ${scene.name(0)}`));
  });

  test('with force also cancels the job that comes before the agent is gone', async () => {
    scene = new Scene(stage());
    let came = false;
    await scene.begin(1, {
      async returnAgent({ identity: { agent } }) {
        if (!came) {
          came = true;
          scene.calls.push('busy');
          return { outcome: 'busy' };
        }
        scene.calls.push(`return ${agent}`);
        return { outcome: 'returned' };
      },
    });
    await scene.agents(0);
    await scene.ready(0);

    await scene.handle.executeUpdate(purge, { args: [{ all: true, force: true }] });
    await stage().settle(() => scene.calls.includes('busy'));
    await scene.busy(0, 121);

    await stage().settle(() => scene.calls.includes('cancel 1210'));
    await scene.finish(121, 'canceled');
    await stage().settle(() => scene.calls.includes(`return ${scene.name(0)}`));
  });

  test('refuses unknown and repeated names, all at once, and does nothing', async () => {
    scene = new Scene(stage());
    await scene.begin(1);
    await scene.agents(0);

    const request = { agents: ['nobody', scene.name(0), scene.name(0), 'no-one'] };
    const { type, details } = await refusal(scene.handle.executeUpdate(purge, { args: [request] }));

    expect(type).toBe('InvalidRequest');
    expect(details.map(({ code, target }) => [code, target])).toEqual([
      ['NotAllowedValue', 'agents[0]'],
      ['Duplicate', 'agents[2]'],
      ['NotAllowedValue', 'agents[3]'],
    ]);
    expect((await refusal(scene.handle.executeUpdate(purge, { args: [{}] }))).details[0]?.code).toBe('ExactlyOneOf');
    await scene.agents(0);
  });

  test('is done once when it is sent twice, also after the pool continued as new', async () => {
    scene = new Scene(stage(), { signalsPerRun: 4 });
    await scene.begin(1);
    await scene.agents(0);
    const { runId } = await scene.handle.describe();
    await scene.handle.executeUpdate(purge, { args: [{ all: true }], updateId: 'once' });
    await scene.agents(1);
    for (let told = 0; told < 5; told++) await scene.told();
    await stage().settle(async () => (await scene.handle.describe()).runId !== runId);

    const again = await scene.handle.executeUpdate(purge, { args: [{ all: true }], updateId: 'once' });
    const byName = { agents: [scene.name(0)] };
    const named = await scene.handle.executeUpdate(purge, { args: [byName], updateId: 'once' });

    expect([again, named]).toEqual([{ agents: [] }, { agents: [] }]);
    await scene.agents(1);
  });
});

suite('drain', (stage) => {
  test('returns free agents, lets jobs finish, makes nothing for jobs that wait, and says so', async () => {
    scene = new Scene(stage());
    await scene.begin(2);
    await scene.agents(0, 1);
    await scene.ready(0);
    await scene.busy(0, 201);

    const answer = await scene.handle.executeUpdate(drain, { args: [{}] });
    await scene.queue(3);
    await scene.agents(0);

    expect(answer).toMatchObject({
      status: 'Draining',
      drain: { agents: 2, lastJob: { jobs: 1, basis: 'leaseLimit' } },
    });
    const { lastPlan, status, totals } = await scene.view();
    expect({ status, requested: totals.requested }).toEqual({ status: 'Draining', requested: 2 });
    expect(lastPlan?.remarks[0]).toMatchObject({
      code: 'Draining',
      message: expect.stringContaining('3 queued jobs wait'),
    });

    await scene.finish(201);
    await scene.agents();
    expect((await scene.view()).drain).toMatchObject({ agents: 0, lastJob: { basis: 'noJob' } });
  });

  test('forecasts the last job’s end from the jobs before, and by its lease where they say nothing', async () => {
    scene = new Scene(stage());
    // Twenty jobs of at most an hour and some.
    await scene.begin(1, {}, { durations: { '46': 20 } });
    await scene.agents(0);
    await scene.ready(0);
    await scene.busy(0, 211);

    const { drain: first } = await scene.handle.executeUpdate(drain, { args: [{}] });
    await stage().pass(6 * hour);
    // A view is as old as the last thing that the pool was told.
    await scene.told();
    const { drain: later } = await scene.view();

    expect(first?.lastJob).toMatchObject({ basis: 'history', jobs: 1, known: 20 });
    const since = (await scene.view()).agents[0]?.since ?? 0;
    expect((first?.lastJob.at ?? 0) - since).toBeLessThan(2 * hour);
    expect(later?.lastJob).toMatchObject({ basis: 'leaseLimit', at: since + defaultLimits.agent.leaseMs });
  });

  test('tells that its deadline has passed, and cancels nothing unless asked', async () => {
    scene = new Scene(stage());
    await scene.begin(1);
    await scene.agents(0);
    await scene.ready(0);
    await scene.busy(0, 221);
    const by = (await scene.now()) + 8 * hour;

    await scene.handle.executeUpdate(drain, { args: [{ by }] });
    await stage().pass(8 * hour - 60_000);
    expect((await scene.view()).drain).not.toHaveProperty('leftAtDeadline');
    await stage().pass(2 * 60_000);
    await stage().settle(async () => (await scene.view()).drain?.leftAtDeadline === 1);

    expect(scene.calls.filter((call) => call.startsWith('cancel'))).toEqual([]);
    const resumed = await scene.handle.executeUpdate(resume);
    expect(resumed).toEqual({ status: 'Succeeded' });
    await scene.finish(221);
    await scene.agents(1);
  });

  test('cancels what still runs at its deadline when asked, also after the pool continued as new', async () => {
    scene = new Scene(stage(), { signalsPerRun: 6 });
    await scene.begin(1);
    await scene.agents(0);
    await scene.ready(0);
    await scene.busy(0, 231);
    const { runId } = await scene.handle.describe();
    const by = (await scene.now()) + 4 * hour;
    await scene.handle.executeUpdate(drain, { args: [{ by, cancelAtDeadline: true }] });
    for (let told = 0; told < 7; told++) await scene.told();
    await stage().settle(async () => (await scene.handle.describe()).runId !== runId);

    await stage().pass(4 * hour - 60_000);
    expect(scene.calls).not.toContain('cancel 2310');
    await stage().pass(2 * 60_000);

    await stage().settle(() => scene.calls.includes('cancel 2310'));
    await scene.finish(231, 'canceled');
    await scene.agents();
  });

  test('is done once when it is sent twice: a resume in between stands', async () => {
    scene = new Scene(stage());
    await scene.begin(0);
    await scene.handle.executeUpdate(drain, { args: [{}], updateId: 'drain' });
    await scene.handle.executeUpdate(resume, { args: [], updateId: 'resume' });

    await scene.handle.executeUpdate(drain, { args: [{}], updateId: 'drain' });

    expect(await scene.view()).toMatchObject({ status: 'Succeeded' });
  });

  test('refuses a deadline that has passed, and a cancellation without a deadline', async () => {
    scene = new Scene(stage());
    await scene.begin(0);

    const past = await refusal(scene.handle.executeUpdate(drain, { args: [{ by: 1 }] }));
    const none = await refusal(scene.handle.executeUpdate(drain, { args: [{ cancelAtDeadline: true }] }));

    expect([past, none].map(({ details }) => details.map(({ code }) => code))).toEqual([['OutOfRange'], ['Required']]);
    expect(await scene.view()).toMatchObject({ status: 'Succeeded' });
  });
});

suite('deleting a pool', (stage) => {
  test('that drains lets its jobs finish, forgets the deadline, and closes', async () => {
    scene = new Scene(stage());
    await scene.begin(1);
    await scene.agents(0);
    await scene.ready(0);
    await scene.busy(0, 301);
    const by = (await scene.now()) + hour;
    await scene.handle.executeUpdate(drain, { args: [{ by, cancelAtDeadline: true }] });

    await scene.handle.executeUpdate(deletePool);
    await stage().pass(3 * hour);
    expect(scene.calls.filter((call) => call.startsWith('cancel'))).toEqual([]);
    await scene.finish(301);

    await scene.handle.result();
    expect(scene.calls.slice(-3)).toEqual([`return ${scene.name(0)}`, 'unwatch', 'remove agent pool']);
  });

  test('refuses purge, drain and resume from then on, with the reason', async () => {
    scene = new Scene(stage());
    await scene.begin(1);
    await scene.agents(0);
    await scene.ready(0);
    await scene.busy(0, 311);
    await scene.handle.executeUpdate(deletePool);

    const refused = await Promise.all([
      refusal(scene.handle.executeUpdate(purge, { args: [{ all: true }] })),
      refusal(scene.handle.executeUpdate(drain, { args: [{}] })),
      refusal(scene.handle.executeUpdate(resume)),
    ]);

    expect(refused.map(({ type }) => type)).toEqual(Array.from({ length: 3 }, () => 'PoolIsBeingDeleted'));
    await scene.finish(311);
    await scene.handle.result();
  });
});

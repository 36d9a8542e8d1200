import { defaultLimits } from '../../domain/limits.ts';
import { workflowIds } from '../../domain/names.ts';
import { agentView, deletePool, drain, purge, release } from '../../workflows/messages.ts';
import { refusal, Scene } from './pool-scene.ts';
import { timeSkippingSuite, type Stage } from './stage.ts';

/** Machines whose agent failed are kept for inspection, as long as the pool's document says. */

const suite = timeSkippingSuite({ fresh: true });
const hour = 3_600_000;
const { connectMs, offlineMs } = defaultLimits.agent;

let scene: Scene;

const retained = (count: number, timeSpanMs = 24 * hour) => ({ retainedFailures: { count, timeSpanMs } });

/** Jobs ask for agents and are served elsewhere: what fails is not replaced. The agents are never online. */
async function fail(stage: Stage, ...indices: number[]): Promise<void> {
  await scene.queue(indices.length);
  await stage.settle(() => indices.every((index) => scene.calls.includes(`provision ${scene.name(index)}`)));
  await scene.told();
  await stage.pass(connectMs + 60_000);
}

const kept = async () => (await scene.view()).agents.flatMap(({ name, kept: keeping }) => (keeping ? [name] : []));

suite('a machine whose agent never connected', (stage) => {
  test('is deregistered, kept as it is with its reason, and returned when its time is over', async () => {
    scene = new Scene(stage());
    await scene.begin(0, {}, {}, retained(1));
    await fail(stage(), 0);
    const name = scene.name(0);
    await stage().settle(async () => (await kept()).join() === name);

    expect(scene.calls).toContain(`deregister ${name}`);
    const view = await stage().query(workflowIds.agent(scene.pool, name), agentView);
    expect(view).toMatchObject({ state: 'PendingReturn', why: expect.stringContaining('did not connect') });
    const { memo } = await stage().client.workflow.getHandle(workflowIds.agent(scene.pool, name)).describe();
    expect(memo).toMatchObject({ kept: { until: view.deadline, why: expect.stringContaining('did not connect') } });
    const { holds, totals } = await scene.view();
    expect(holds.map(({ code }) => code)).toEqual(['AgentDidNotConnect']);
    expect(totals.failed).toBe(0);

    await stage().pass(23 * hour);
    expect(scene.calls).not.toContain(`return ${name}`);
    await stage().pass(hour);
    await stage().settle(async () => (await scene.view()).totals.failed === 1);
    expect(scene.calls).toContain(`return ${name}`);
    const after = await scene.view();
    expect(after.agents).toEqual([]);
  });

  test('is the newest of as many as the pool keeps: the oldest goes', async () => {
    scene = new Scene(stage());
    await scene.begin(0, {}, {}, retained(1));
    await fail(stage(), 0);
    await stage().settle(async () => (await kept()).join() === scene.name(0));

    await stage().pass(hour);
    await fail(stage(), 1);

    await stage().settle(() => scene.calls.includes(`return ${scene.name(0)}`));
    await stage().settle(async () => (await kept()).join() === scene.name(1));
  });

  test('yields its place to a job', async () => {
    scene = new Scene(stage());
    await scene.begin(0, {}, {}, { ...retained(1), maximumConcurrency: 1 });
    await fail(stage(), 0);
    await stage().settle(async () => (await kept()).join() === scene.name(0));
    await stage().pass(hour);
    expect(scene.calls).not.toContain(`return ${scene.name(0)}`);

    await scene.queue(1);

    await stage().settle(() => scene.calls.includes(`return ${scene.name(0)}`));
    await scene.agents(1);
  });

  test('goes when an operator releases it, or purges it with force; not by a purge without', async () => {
    scene = new Scene(stage());
    await scene.begin(0, {}, {}, retained(2));
    await fail(stage(), 0, 1);
    const [first, second] = [scene.name(0), scene.name(1)];
    await stage().settle(async () => (await kept()).join() === [first, second].join());

    const refused = await refusal(scene.handle.executeUpdate(release, { args: [{ agent: 'nobody' }] }));
    expect(refused.details.map(({ code }) => code)).toEqual(['NotAllowedValue']);
    const plain = await scene.handle.executeUpdate(purge, { args: [{ agents: [first, second] }] });
    expect(plain.agents.map(({ outcome }) => outcome)).toEqual(['kept', 'kept']);
    expect(scene.calls.filter((call) => call.startsWith('return'))).toEqual([]);

    await scene.handle.executeUpdate(release, { args: [{ agent: first }] });
    await stage().settle(() => scene.calls.includes(`return ${first}`));
    expect(await kept()).toEqual([second]);
    await scene.handle.executeUpdate(purge, { args: [{ agents: [second], force: true }] });
    await stage().settle(() => scene.calls.includes(`return ${second}`));
  });

  test('stays through a drain, which does not wait for it, and goes with the pool', async () => {
    scene = new Scene(stage());
    await scene.begin(0, {}, {}, retained(1));
    await fail(stage(), 0);
    await stage().settle(async () => (await kept()).join() === scene.name(0));

    const { drain: drained } = await scene.handle.executeUpdate(drain, { args: [{}] });
    expect(drained).toMatchObject({ agents: 0 });
    await stage().pass(hour);
    expect(scene.calls.filter((call) => call.startsWith('return'))).toEqual([]);

    await scene.handle.executeUpdate(deletePool);
    await scene.handle.result();
    expect(scene.calls).toContain(`return ${scene.name(0)}`);
  });

  test('is not kept where Azure DevOps holds a job for it', async () => {
    scene = new Scene(stage());
    await scene.begin(0, { deregisterAgent: async () => ({ outcome: 'busy' }) }, {}, retained(1));
    await fail(stage(), 0);
    await stage().settle(() => scene.calls.includes(`return ${scene.name(0)}`));
    expect(await kept()).toEqual([]);
  });

  test('is not kept by a pool that keeps none', async () => {
    scene = new Scene(stage());
    await scene.begin(0);
    await fail(stage(), 0);
    await stage().settle(() => scene.calls.includes(`return ${scene.name(0)}`));
    expect(scene.calls).not.toContain(`deregister ${scene.name(0)}`);
  });
});

suite('a machine that lost its agent', (stage) => {
  test('is kept too, and not taken for a failed creation', async () => {
    scene = new Scene(stage());
    await scene.begin(1, {}, {}, { ...retained(1), maximumConcurrency: 3 });
    await scene.agents(0);
    await scene.ready(0);
    await scene.observe(0, undefined, false);
    await scene.told({ name: scene.name(0), standing: 'offline' });
    await stage().pass(offlineMs + 60_000);

    await stage().settle(async () => (await kept()).length === 1);
    expect((await scene.view()).holds).toEqual([]);
  });

  test('with its job is kept after the lease has ended; one whose job ended well is not', async () => {
    scene = new Scene(stage());
    await scene.begin(2, {}, {}, { ...retained(2), maximumConcurrency: 6 });
    await scene.agents(0, 1);
    for (const index of [0, 1]) {
      await scene.ready(index);
      await scene.busy(index, 401 + index);
    }
    await scene.finish(401, 'abandoned');
    await scene.finish(402, 'succeeded');

    await stage().settle(() => scene.calls.includes(`return ${scene.name(1)}`));
    await stage().settle(async () => (await kept()).join() === scene.name(0));
    expect(scene.calls).not.toContain(`return ${scene.name(0)}`);
  });
});

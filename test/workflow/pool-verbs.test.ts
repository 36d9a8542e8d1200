import { defaultLimits } from '../../domain/limits.ts';
import { workflowIds } from '../../domain/names.ts';
import { deletePool, drain, purge, resume } from '../../workflows/messages.ts';
import { refusal, Scene } from './pool-scene.ts';
import { timeSkippingSuite } from './stage.ts';

/** What operators do to a pool that is there, over days of virtual time. Its agents and leases are real workflows. */

const suite = timeSkippingSuite({ fresh: true });
const hour = 3_600_000;

let scene: Scene;

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

import { expect, test } from '@jest/globals';
import { createWorld, events, makePool, queueBuild, register } from './azure-devops-world.ts';

async function withBuild() {
  const world = createWorld();
  const { poolId, queueId } = await makePool(world);
  await register(world, poolId, 'placeholder');
  const { json } = await queueBuild(world, queueId);
  const path = `/samples/_apis/build/builds/${json.id}`;
  const records = async () => (await world.call('GET', `${path}/timeline`)).json.records;
  const cancel = () => world.call('PATCH', path, { status: 'cancelling' });
  const retry = (body: unknown = { state: 'retry' }, stage = '__default') =>
    world.call('PATCH', `${path}/stages/${stage}`, body);
  return { world, poolId, path, records, cancel, retry };
}

test('a build has each tag once, whatever its case, and loses those that are taken away', async () => {
  const { world, path } = await withBuild();
  expect((await world.call('POST', `${path}/tags`, ['one', 'two'])).json.value).toEqual(['one', 'two']);
  expect((await world.call('POST', `${path}/tags`, ['ONE'])).json.value).toEqual(['one', 'two']);
  const changed = await world.call('PATCH', `${path}/tags`, { tagsToAdd: ['three'], tagsToRemove: ['One'] });
  expect(changed.json.value).toEqual(['two', 'three']);
  expect((await world.call('GET', path)).json.tags).toEqual(['two', 'three']);
  expect((await world.call('POST', `${path}/tags`, ['a,b'])).status).toBe(400);
});

test('the timeline leads from the job over its phase to its stage', async () => {
  const { records } = await withBuild();
  const [job, phase, stage] = await records();
  expect(job).toMatchObject({ type: 'Job', parentId: phase.id, attempt: 1, state: 'pending' });
  expect(phase).toMatchObject({ type: 'Phase', parentId: stage.id });
  expect(stage).toMatchObject({ type: 'Stage', identifier: '__default', parentId: null, state: 'pending' });
});

test('a stage that failed is run again: a new job of the same build, and its earlier run stays on record', async () => {
  const { world, poolId, path, records, cancel, retry } = await withBuild();
  await world.call('POST', `${path}/tags`, ['kept']);
  const [before] = await records();
  expect((await retry()).status).toBe(409);
  await cancel();

  expect((await retry({ state: 1, forceRetryAllJobs: false })).status).toBe(204);

  const [after, , stage] = await records();
  expect(after.id).not.toBe(before.id);
  expect(after).toMatchObject({
    state: 'pending',
    attempt: 2,
    previousAttempts: [{ attempt: 1, recordId: before.id }],
  });
  expect(stage).toMatchObject({ state: 'pending', attempt: 2, previousAttempts: [{ attempt: 1, recordId: stage.id }] });
  expect((await world.call('GET', path)).json).toMatchObject({ status: 'notStarted', tags: ['kept'] });
  const list = await world.call('GET', `/_apis/distributedtask/pools/${poolId}/jobrequests?completedRequestCount=9`);
  expect(list.json.count).toBe(2);
  expect((await world.call('GET', '/samples/_apis/build/builds')).json.count).toBe(1);
  expect(events(world, 'job')).toEqual(['queued', 'finished', 'queued']);
  expect((await retry({ state: 'retry' }, 'other')).status).toBe(404);
});

test('after a restart the build is still its latest run', async () => {
  const { world, path, cancel, retry } = await withBuild();
  await cancel();
  await retry();
  const after = world.restart();
  expect((await after.call('GET', path)).json.status).toBe('notStarted');
});

import type { Breach } from '../../../domain/invariants/account.ts';
import { tagNames } from '../../../domain/names.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { Nemesis } from './nemesis.ts';
import type { People } from './people.ts';
import { simulationStart, type World } from './world.ts';

/** Judges a run that has ended. */
export async function breachesOf(
  schedule: Schedule,
  world: World,
  people: People,
  nemesis: Nemesis,
): Promise<Breach[]> {
  const { engine, cloud, timeline } = world;
  const { ledger } = cloud.context;
  const breaches: Breach[] = engine.problems.map(({ kind, at, workflowId, message }) => ({
    invariant: kind,
    at,
    subject: workflowId,
    message,
  }));
  const now = timeline.now();
  const add = (invariant: string, subject: string, message: string) =>
    breaches.push({ invariant, at: now, subject, message });
  // leak
  const alive = new Map<string, string>();
  for (const { id, event, tags } of ledger.entries('resource')) {
    if (event === 'created')
      alive.set(id.toLowerCase(), tags[tagNames.installation] === 'simulated' ? (tags[tagNames.agent] ?? '') : '-');
    else alive.delete(id.toLowerCase());
  }
  for (const [id, owner] of alive) {
    if (owner === '-') continue;
    const altered = nemesis.disturbances.some(
      ({ kind, subject }) => kind === 'tagsAltered' && subject.toLowerCase() === id,
    );
    if (!engine.openRun(owner) && !altered) add('noLeak', id, `exists, and its owner ${owner} is not open`);
  }
  const registered = new Map<string, number>();
  for (const { name, event, agentId } of ledger.entries('registration')) {
    if (event === 'removed') registered.delete(name);
    else registered.set(name, agentId);
  }
  const openAgents = new Set(
    engine
      .allRuns()
      .filter((run) => run.type === 'agent' && run.status === 'running')
      .map((run) => run.workflowId.split('/').at(-1)),
  );
  for (const name of registered.keys()) {
    if (!name.includes('-placeholder-') && !openAgents.has(name)) add('noLeak', name, 'registered, and nobody owns it');
  }
  for (const id of nemesis.foreign) if (!alive.has(id.toLowerCase())) add('foreignUntouched', id, 'is gone');
  // jobs
  const jobs = new Map<number, { received: Set<string>; finished: string[]; refused: boolean }>();
  const perMachine = new Map<string, Set<number>>();
  const cleans = new Map<string, number>();
  for (const { id, event } of ledger.entries('machine')) {
    if (event === 'createAccepted' || event === 'reimaged') cleans.set(id, (cleans.get(id) ?? 0) + 1);
  }
  for (const { requestId, event, machineId, result } of ledger.entries('job')) {
    let job = jobs.get(requestId);
    if (!job) jobs.set(requestId, (job = { received: new Set(), finished: [], refused: false }));
    if (event === 'received' && machineId) {
      job.received.add(machineId);
      let of = perMachine.get(machineId);
      if (!of) perMachine.set(machineId, (of = new Set()));
      of.add(requestId);
    }
    if (event === 'finished') job.finished.push(result ?? '');
    if (event === 'refused') job.refused = true;
  }
  for (const [requestId, { received, finished, refused }] of jobs) {
    if (received.size > 1) add('noDoubleRun', `job ${requestId}`, `ran on ${[...received].join(', ')}`);
    if (finished.length === 0 && !refused && people.deleted.size === 0)
      add('liveness', `job ${requestId}`, 'did not finish');
    if (finished.includes('abandoned') && nemesis.disturbances.length === 0 && schedule.faults.length === 0) {
      add('liveness', `job ${requestId}`, 'was abandoned without a fault');
    }
  }
  for (const [machine, requests] of perMachine) {
    if (requests.size > (cleans.get(machine) ?? 0))
      add('oneCleanImagePerJob', machine, `ran ${[...requests].join(', ')}`);
  }
  for (const pool of people.deleted.keys()) {
    if (engine.openRun(`pool/${pool}`)) add('liveness', pool, 'was deleted and is still open');
  }
  // cap
  const counts = new Map<string, number>();
  for (const { event, tags, at } of ledger.entries('machine')) {
    const pool = tags[tagNames.pool];
    if (pool === undefined || tags[tagNames.installation] !== 'simulated') continue;
    const name = pool.toLowerCase();
    if (event === 'createAccepted') {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      const declared = people.accepted.filter((one) => one.pool.toLowerCase() === name && one.sentAt <= at);
      const caps = declared.map(
        ({ document }) => (document as { properties: { maximumConcurrency: number } }).properties.maximumConcurrency,
      );
      const cap = Math.max(...caps.slice(-2), 0);
      const orphans = nemesis.disturbances.filter(
        ({ kind }) => kind === 'orphanPlanted' || kind === 'tagsAltered',
      ).length;
      if ((counts.get(name) ?? 0) > cap + orphans) {
        breaches.push({ invariant: 'cap', at, subject: pool, message: `${counts.get(name)} machines, at most ${cap}` });
      }
    }
    if (event === 'deleted' || event === 'evicted') counts.set(name, (counts.get(name) ?? 0) - 1);
  }
  void simulationStart;
  return await Promise.resolve(breaches);
}

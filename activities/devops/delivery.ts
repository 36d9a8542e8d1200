import type { ObservationSink } from '../interfaces.ts';
import { forEach } from './each.ts';
import { owe, type Delta, type PoolMemory } from './observation.ts';

/** Signals on their way at the same time: enough to hide the engine's latency, too few to crowd it. */
const concurrency = 20;

/**
 * Tells everything of one delta, the pool first: that is what a waiting job waits for. What was told is remembered,
 * also when the rest fails; what was not is told again by the next look.
 *
 * @throws the first failure of the sink; a workflow that is not there is none
 */
export async function deliver(
  sink: ObservationSink,
  { organization, pool }: { organization: string; pool: string },
  before: PoolMemory | undefined,
  { agents, jobs, pool: poolObservation, memory }: Delta,
  { remember, notFound }: { remember(memory: PoolMemory): void; notFound(workflow: string): void },
): Promise<void> {
  const untoldAgents = new Set([...agents.map(({ name }) => name), ...jobs.flatMap(({ agent }) => agent ?? [])]);
  let poolTold = poolObservation === undefined;
  const tasks: (() => Promise<void>)[] = [];
  if (poolObservation) {
    tasks.push(async () => {
      if ((await sink.pool(pool, poolObservation)) === 'notFound') notFound(`pool ${pool}`);
      poolTold = true;
    });
  }
  /** Answers whether its lease now knows that the job ended. */
  const tellJob = async ({ requestId, finished, observation }: Delta['jobs'][number]): Promise<boolean> => {
    if ((await sink.lease(organization, requestId, observation)) !== 'notFound') return finished;
    notFound(`lease of job request ${requestId}`);
    if (finished) owe(before, memory, requestId);
    return false;
  };
  const observations = new Map(agents.map((told) => [told.name, told]));
  const jobsByAgent = Map.groupBy(jobs, ({ agent }) => agent);
  for (const name of untoldAgents) {
    const { observation, beside = false } = observations.get(name) ?? {};
    tasks.push(async () => {
      const ended = new Set<number>();
      for (const job of jobsByAgent.get(name) ?? []) if (await tellJob(job)) ended.add(job.requestId);
      // The lease that took the end tells its agent; a second word would only lengthen the agent's history.
      const known = !beside && observation?.job !== undefined && ended.has(observation.job.requestId);
      if (observation && !known && (await sink.agent(pool, name, observation)) === 'notFound') {
        notFound(`agent ${name}`);
      }
      untoldAgents.delete(name);
    });
  }
  for (const job of jobsByAgent.get(undefined) ?? []) tasks.push(async () => void (await tellJob(job)));

  let failed = true;
  try {
    await forEach(tasks, concurrency, (task) => task());
    failed = false;
  } finally {
    for (const name of untoldAgents) {
      const former = before?.agents.get(name);
      if (former) memory.agents.set(name, former);
      else memory.agents.delete(name);
    }
    if (!poolTold) memory.resync = true;
    // A first look tells what later ones take for granted: it is made again as a whole.
    if (before || !failed) remember(memory);
  }
}

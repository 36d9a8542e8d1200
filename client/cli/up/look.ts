import { waitLegs, type WaitLeg } from '../../../domain/wait.ts';
import { OdpError, type PoolDetails } from '../../sdk/index.ts';
import { readJobs, type JobLine } from '../commands/job-list.ts';
import type { Session } from '../session.ts';

/** One agent in the live view. */
export interface LookedAgent {
  name: string;
  image: string;
  state: string;
  /** Milliseconds since the epoch. */
  since: number;
  /** Name of the job that it runs, or empty. */
  job: string;
}

/** One job in the live view. */
export interface LookedJob extends JobLine {
  legs: WaitLeg[];
}

/** Everything that the live view draws: what one look found. */
export interface Look {
  /** Milliseconds since the epoch. */
  at: number;
  pool?: Pick<PoolDetails, 'pool' | 'status' | 'totals' | 'specification' | 'lastPlan' | 'holds'>;
  agents: LookedAgent[];
  /** Newest first; every job that was ever seen. */
  jobs: LookedJob[];
}

/** Jobs asked for at each look: more than run and finish between two looks of the embedded stack. */
const jobLimit = 200;

/** Reads what there is to see of one pool; keeps what cannot change any more, so that a look costs few calls. */
export function createLooker(session: Session, pool: string, now: () => number): () => Promise<Look> {
  const jobs = new Map<number, JobLine>();
  const legs = new Map<number, WaitLeg[]>();

  const legsOf = async ({ requestId, startedAt, agent }: JobLine): Promise<WaitLeg[]> => {
    const known = legs.get(requestId);
    if (known || startedAt === undefined || agent === '') return known ?? [];
    try {
      const { receipt } = await session.odp.jobs.show(requestId);
      const found = waitLegs(receipt);
      if (receipt.startedAt !== undefined) legs.set(requestId, found);
      return found;
    } catch (error) {
      // Its lease is a moment younger than the job.
      if (error instanceof OdpError && error.code === 'NotFound') return [];
      throw error;
    }
  };

  return async () => {
    const [view, agents, found] = await Promise.all([
      session.odp.pools.show(pool),
      session.odp.agents.list({ pool }),
      readJobs(session, { pool, limit: jobLimit, now }),
    ]);
    for (const job of found) jobs.set(job.requestId, job);
    const newest = [...jobs.values()].sort((a, b) => b.requestId - a.requestId);
    const jobOf = new Map(newest.filter(({ finishedAt }) => finishedAt === undefined).map((job) => [job.agent, job]));
    const since = new Map(view.agents.map((agent) => [agent.name, agent.since]));
    return {
      at: now(),
      pool: view,
      agents: agents.map((agent) => {
        const job = jobOf.get(agent.name);
        return {
          name: agent.name,
          image: agent.image,
          state: agent.state,
          since: since.get(agent.name) ?? agent.since,
          job: job ? `${job.jobName} (${job.requestId})` : '',
        };
      }),
      jobs: await Promise.all(newest.map(async (job) => ({ ...job, legs: await legsOf(job) }))),
    };
  };
}

/** No job waits or runs, and the agents that are left are those that stand by. */
export function isSettled({ pool, agents, jobs }: Look): boolean {
  const standby = pool?.specification?.standby.count ?? 0;
  return (
    jobs.every(({ finishedAt }) => finishedAt !== undefined) &&
    agents.length === standby &&
    agents.every(({ state }) => state === 'Ready')
  );
}

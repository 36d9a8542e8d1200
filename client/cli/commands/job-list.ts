import type { LeaseOutcome } from '../../../domain/messages.ts';
import type { JobSummary } from '../../sdk/index.ts';
import type { JobRequest } from '../azure-devops.ts';
import { duration, meaningOf, table, type Style } from '../render.ts';
import { poolNames, servingPool, type Session } from '../session.ts';

/** One job request as people see it: what Azure DevOps says of it, and what its lease says. */
export interface JobLine extends JobRequest {
  pool: string;
  /** From queued to started, so far where it has not started; absent where it ended without having started. */
  waitMs?: number;
  /** From started to finished, so far where it still runs. */
  durationMs?: number;
}

/**
 * The jobs of one pool or all: the requests that Azure DevOps shows, with their waits, completed by the leases that
 * only the engine still knows. One call to Azure DevOps per pool.
 */
export async function readJobs(
  { odp, organization }: Session,
  { pool, limit, now }: { pool?: string; limit: number; now: () => number },
): Promise<JobLine[]> {
  const names = await poolNames(odp, pool);
  const lists = await Promise.all(
    names.map(async (name) => {
      const serving = await servingPool(odp, name);
      const [requests, leases] = await Promise.all([
        organization(serving.organizationUrl).jobRequests(serving.agentPoolId, limit),
        odp.jobs.list({ pool: name, limit }),
      ]);
      return mergeJobs(requests, leases, { pool: name, firstImage: serving.firstImage, now: now() });
    }),
  );
  return newestFirst(lists.flat(), limit);
}

/** All unfinished jobs and the newest finished ones, at most `limit` of these. */
function newestFirst(jobs: JobLine[], limit: number): JobLine[] {
  const sorted = jobs.toSorted((a, b) => b.queuedAt - a.queuedAt || b.requestId - a.requestId);
  let finished = 0;
  return sorted.filter(({ finishedAt }) => finishedAt === undefined || ++finished <= limit);
}

/** Ends that Azure DevOps calls canceled or abandoned, and of which the lease knows more. */
const toldByLease: ReadonlySet<string> = new Set([
  'expired',
  'agentLost',
  'evicted',
] satisfies LeaseOutcome['outcome'][]);

/** Joins what Azure DevOps and the engine know of one pool's jobs. */
export function mergeJobs(
  requests: JobRequest[],
  leases: JobSummary[],
  { pool, firstImage, now }: { pool: string; firstImage: string; now: number },
): JobLine[] {
  const leaseOf = new Map(leases.map((lease) => [lease.requestId, lease]));
  return requests.map((request) => {
    const lease = leaseOf.get(request.requestId);
    const { queuedAt, startedAt, finishedAt } = request;
    const waitEnd = startedAt ?? (finishedAt === undefined ? now : undefined);
    return {
      ...request,
      pool,
      image: request.image || lease?.image || firstImage,
      agent: request.agent || lease?.agent || '',
      state: lease && toldByLease.has(lease.state) ? lease.state : request.state,
      ...(waitEnd === undefined ? {} : { waitMs: waitEnd - queuedAt }),
      ...(startedAt === undefined ? {} : { durationMs: (finishedAt ?? now) - startedAt }),
    };
  });
}

/** The table of `odp job list`. */
export function jobListLines(jobs: JobLine[], style: Style): string[] {
  const time = (ms: number | undefined) => (ms === undefined ? '-' : duration(ms));
  return table(
    [
      { title: 'REQUEST', value: ({ requestId }) => String(requestId), align: 'right' },
      { title: 'JOB', value: ({ jobName }) => jobName },
      { title: 'POOL', value: ({ pool }) => pool },
      { title: 'IMAGE', value: ({ image }) => image },
      { title: 'STATE', value: ({ state }) => state, meaning: ({ state }) => meaningOf(state) },
      { title: 'WAIT', value: ({ waitMs }) => time(waitMs), align: 'right' },
      { title: 'DURATION', value: ({ durationMs }) => time(durationMs), align: 'right' },
      { title: 'AGENT', value: ({ agent }) => agent || '-' },
    ],
    jobs,
    style,
  );
}

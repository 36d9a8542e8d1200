import { replay, type ReplayResult } from '../../workload/replay.ts';
import { schedule } from '../../workload/trace.ts';
import { asOdpError, OdpError } from '../../sdk/index.ts';
import { readPool } from '../commands/pool.ts';
import { pause } from '../output.ts';
import { projectFile } from '../project-files.ts';
import { openQueue } from '../queueing.ts';
import type { Session } from '../session.ts';
import { readTrace } from '../trace-file.ts';

/** The sample pool, for the organisation of the embedded cloud. */
export async function readSamplePool(organizationUrl: string): Promise<{ name: string; document: unknown }> {
  const document = (await readPool(
    { read: () => Promise.resolve('') },
    projectFile('samples/pool.yaml'),
  )) as SamplePool;
  const organization = document.properties.organizationProfile.organizations[0];
  if (!organization) throw new Error('invariant: the sample pool names an organisation');
  organization.url = organizationUrl;
  return { name: document.name, document };
}

interface SamplePool {
  name: string;
  properties: { organizationProfile: { organizations: { url: string }[] } };
}

/** Makes the sample pool where there is none; one that stands stays as its team left it. */
export async function applySamplePool({ odp }: Session, sample: { name: string; document: unknown }): Promise<string> {
  try {
    const { status } = await odp.pools.show(sample.name);
    return `stands since before (${status}), left as it is`;
  } catch (error) {
    if (!(error instanceof OdpError) || error.code !== 'NotFound') throw error;
  }
  const { agentPoolId } = await odp.pools.apply(sample.document);
  return `made, agent pool ${agentPoolId}`;
}

/** How far the sample's jobs are queued. */
export interface Workload {
  /** For people, or empty when there is none. */
  status(): string;
  /** No job will be queued any more. */
  done(): boolean;
  /** The queueing itself; settles when it ended or was stopped. */
  finished: Promise<void>;
}

/** No sample's jobs. */
export const noWorkload: Workload = { status: () => '', done: () => true, finished: Promise.resolve() };

/**
 * Queues the sample's jobs in the background. Azure DevOps is asked whether the pipeline ever ran: if so, a run before
 * this one queued them, and they are not queued twice.
 */
export async function startSampleWorkload(
  session: Session,
  target: { pool: string; project: string; pipeline: string },
  { stop, report }: { stop: AbortSignal; report(line: string): void },
): Promise<Workload> {
  const queue = await openQueue(session, target);
  const known = await session.organization(queue.organizationUrl).countBuilds(queue.project, queue.pipelineId, 1);
  if (known > 0) {
    return { ...noWorkload, status: () => 'the sample was queued before' };
  }
  const jobs = schedule(await readTrace(projectFile('samples/workload.csv')), 1);
  let latest: ReplayResult = { planned: jobs.length, queued: 0, failed: 0, longestLatenessMs: 0 };
  let ended = false;
  const finished = replay(jobs, {
    queue: ({ label, durationSeconds }) => queue.queue(label, durationSeconds),
    failed: ({ label }, error) => report(`a job for ${label} was not queued: ${asOdpError(error).message}`),
    progress: (result) => void (latest = result),
    signal: stop,
    now: Date.now,
    wait: pause,
  }).then(() => void (ended = true));
  return {
    status: () => `${latest.queued} of ${latest.planned} jobs queued`,
    done: () => ended,
    finished,
  };
}

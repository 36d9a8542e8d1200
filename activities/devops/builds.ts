import type { BuildReference, RetryOutcome } from '../interfaces.ts';
import type { DevOpsConnection } from './connections.ts';
import { isStageKept } from './refusals.ts';

type Build = Omit<BuildReference, 'organizationUrl'>;

/** `TimelineRecord`, as far as it leads from a job to its stage. */
interface WireRecord {
  id: string;
  parentId?: string | null;
  type: string;
  /** The name of a stage in the calls on it. */
  identifier?: string | null;
  state?: 'pending' | 'inProgress' | 'completed';
  attempt?: number;
}

const pathOf = ({ projectId, buildId }: Build) => `${projectId}/_apis/build/builds/${buildId}`;

/** Adds a tag to a build. REST reference: Build, Tags, Add Build Tags. */
export async function tagBuild(connection: DevOpsConnection, build: Build, tag: string): Promise<void> {
  await connection.send({ method: 'POST', path: `${pathOf(build)}/tags`, apiVersion: '7.1', body: [tag] });
}

/**
 * Runs the stage of a job again. REST reference: Build, Stages, Update. A stage that is run again gets new jobs, so that
 * a job that the timeline no longer has was run again already: by an attempt whose answer was lost, or by a person.
 */
export async function retryStage(connection: DevOpsConnection, build: Build, jobId: string): Promise<RetryOutcome> {
  const path = `${pathOf(build)}/timeline`;
  const timeline = await connection.send<{ records?: WireRecord[] }>({ method: 'GET', path, apiVersion: '7.1' });
  if (!timeline) return 'notFound';
  const records = new Map((timeline.records ?? []).map((record) => [record.id.toLowerCase(), record]));
  const job = records.get(jobId.toLowerCase());
  if (!job) return records.size > 0 ? 'retried' : 'notFound';
  if ((job.attempt ?? 1) > 1) return 'again';
  const stage = stageOf(job, records);
  if (!stage?.identifier) return 'notFound';
  if (stage.state !== 'completed') return 'running';
  try {
    await connection.send({
      method: 'PATCH',
      path: `${pathOf(build)}/stages/${encodeURIComponent(stage.identifier)}`,
      apiVersion: '7.1',
      // Jobs of the stage that succeeded are not run again.
      body: { state: 'retry', forceRetryAllJobs: false },
    });
  } catch (error) {
    // Somebody was faster, or the server holds the stage for unfinished: the next look tells.
    if (isStageKept(error)) return 'running';
    throw error;
  }
  return 'retried';
}

function stageOf(job: WireRecord, records: ReadonlyMap<string, WireRecord>): WireRecord | undefined {
  let record: WireRecord | undefined = job;
  // Job, phase, stage: the walk is bounded, whatever the server answers.
  for (let steps = 0; record && record.type !== 'Stage' && steps < 5; steps++) {
    record = record.parentId ? records.get(record.parentId.toLowerCase()) : undefined;
  }
  return record?.type === 'Stage' ? record : undefined;
}

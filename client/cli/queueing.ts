import type { Session } from './session.ts';
import { onePool, servingPool } from './session.ts';

/** Which pipeline of which project to queue jobs of, and for which pool. */
export interface QueueTarget {
  pool?: string;
  project?: string;
  pipeline: string;
}

/** Where jobs go: a pipeline's definition and the queue of a pool in its project. */
export interface JobQueue {
  pool: string;
  project: string;
  pipelineId: number;
  organizationUrl: string;
  agentPoolId: number;
  /** Name of the image that serves a job without `ImageOverride`. */
  firstImage: string;
  /** Queues one real build; answers its id. */
  queue(image: string, durationSeconds: number): Promise<number>;
  /** Queues one build whose job is a shell script; answers its id. */
  run(image: string, script: string): Promise<number>;
}

/**
 * Finds the pipeline and the queue once, so that each job costs one call. `check` refuses an organisation before it is
 * asked for anything.
 */
export async function openQueue(
  { odp, organization }: Session,
  target: QueueTarget,
  check: (organization: { url: string }) => void = () => undefined,
): Promise<JobQueue> {
  const pool = await servingPool(odp, await onePool(odp, target.pool));
  check({ url: pool.organizationUrl });
  const azureDevOps = organization(pool.organizationUrl);
  const project = await azureDevOps.project(target.project ?? pool.projects[0]);
  const [pipelineId, queueId] = await Promise.all([
    azureDevOps.pipelineId(project, target.pipeline),
    azureDevOps.queueId(project, pool.agentPoolName),
  ]);
  return {
    pool: pool.name,
    project,
    pipelineId,
    organizationUrl: pool.organizationUrl,
    agentPoolId: pool.agentPoolId,
    firstImage: pool.firstImage,
    run: (image, script) => azureDevOps.queueBuild({ project, pipelineId, queueId, image, script }),
    queue: (image, durationSeconds) => azureDevOps.queueBuild({ project, pipelineId, queueId, image, durationSeconds }),
  };
}

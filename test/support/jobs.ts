import type { Stack } from './stack.ts';

/** Queues builds on the embedded cloud's pipeline, as a developer's push would. */
export async function queueJobs(
  stack: Stack,
  pool: string,
  jobs: { count: number; image: string; durationSeconds: number },
): Promise<void> {
  const { organization, cloud } = stack;
  const pipelineId = await organization.pipelineId(cloud.project, cloud.pipeline);
  const queueId = await organization.queueId(cloud.project, pool);
  for (let k = 0; k < jobs.count; k++) {
    const { image, durationSeconds } = jobs;
    await organization.queueBuild({ project: cloud.project, pipelineId, queueId, image, durationSeconds });
  }
}

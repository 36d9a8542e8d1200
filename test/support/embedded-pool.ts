import type { EmbeddedCloud } from '../../client/cli/up/embedded-cloud.ts';
import type { Stack } from './stack.ts';

/** A small pool document for the embedded cloud; `properties` are laid over its own. */
export function embeddedPool(cloud: EmbeddedCloud, name: string, properties: Record<string, unknown> = {}): object {
  return {
    name,
    location: cloud.location,
    properties: {
      maximumConcurrency: 4,
      organizationProfile: {
        kind: 'AzureDevOps',
        organizations: [{ url: cloud.organizationUrl, projects: [cloud.project] }],
      },
      agentProfile: { kind: 'Stateless' },
      fabricProfile: {
        kind: 'Vmss',
        sku: { name: 'Standard_D2ads_v5' },
        images: [{ wellKnownImageName: 'ubuntu-24.04-g2', aliases: ['ubuntu'] }],
      },
      ...properties,
    },
  };
}

/** Builds on their way to the server at the same time. */
const sendersMax = 8;

/** Queues builds on the embedded cloud's pipeline, as a developer's push would. */
export async function queueJobs(
  { organization, cloud }: Stack,
  pool: string,
  { count, image, durationSeconds }: { count: number; image: string; durationSeconds: number },
): Promise<void> {
  const pipelineId = await organization.pipelineId(cloud.project, cloud.pipeline);
  const queueId = await organization.queueId(cloud.project, pool);
  let left = count;
  const queueNext = async (): Promise<void> => {
    while (left-- > 0) {
      await organization.queueBuild({ project: cloud.project, pipelineId, queueId, image, durationSeconds });
    }
  };
  await Promise.all(Array.from({ length: sendersMax }, queueNext));
}

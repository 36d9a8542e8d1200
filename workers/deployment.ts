import type { WorkerDeploymentOptions } from '@temporalio/worker';

/**
 * The variables that Temporal's own worker controller gives to the workers that it starts.
 * https://docs.temporal.io/production-deployment/worker-deployments/kubernetes-controller
 */
export const deploymentVariables = {
  name: 'TEMPORAL_DEPLOYMENT_NAME',
  buildId: 'TEMPORAL_WORKER_BUILD_ID',
} as const;

/**
 * The worker deployment version that this process is, from its environment; `undefined` where neither variable is set,
 * which makes an unversioned worker.
 *
 * Running workflows go over to the version that is made current (`AUTO_UPGRADE`): a stateful agent lives for nine days,
 * and pinned to its version it would need the workers of every version of those days. That the code of a new version
 * fits running workflows is what the replay of recorded histories proves (docs/testing.md).
 *
 * @throws RangeError when only one of the two is set
 */
export function deploymentOf(
  environment: Readonly<Record<string, string | undefined>>,
): WorkerDeploymentOptions | undefined {
  const deploymentName = environment[deploymentVariables.name];
  const buildId = environment[deploymentVariables.buildId];
  if (!deploymentName && !buildId) return undefined;
  if (!deploymentName || !buildId) {
    const { name, buildId: id } = deploymentVariables;
    throw new RangeError(
      `${name} and ${id} belong together; only ${deploymentName ? name : id} is set. Set both or neither.`,
    );
  }
  return { version: { deploymentName, buildId }, useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' };
}

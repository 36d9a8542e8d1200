import { deploymentOf } from '../../workers/deployment.ts';

test('a worker without the two variables is unversioned', () => {
  expect(deploymentOf({})).toBeUndefined();
  expect(deploymentOf({ TEMPORAL_DEPLOYMENT_NAME: '', TEMPORAL_WORKER_BUILD_ID: '' })).toBeUndefined();
});

test('a worker with both is that version, and running workflows go over to the current one', () => {
  expect(deploymentOf({ TEMPORAL_DEPLOYMENT_NAME: 'open-devops-pools', TEMPORAL_WORKER_BUILD_ID: '1.2.3' })).toEqual({
    version: { deploymentName: 'open-devops-pools', buildId: '1.2.3' },
    useWorkerVersioning: true,
    defaultVersioningBehavior: 'AUTO_UPGRADE',
  });
});

test.each([
  [{ TEMPORAL_DEPLOYMENT_NAME: 'open-devops-pools' }, 'only TEMPORAL_DEPLOYMENT_NAME is set'],
  [{ TEMPORAL_WORKER_BUILD_ID: '1.2.3' }, 'only TEMPORAL_WORKER_BUILD_ID is set'],
])('one without the other is refused: %o', (environment, says) => {
  expect(() => deploymentOf(environment)).toThrow(says);
});

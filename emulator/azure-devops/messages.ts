import type { Call } from './operation.ts';
import type { RequestRecord } from './records.ts';
import { signToken } from './tokens.ts';
import { time } from './wire.ts';

/** The id of the project's one job hub for builds, as agents report to it. */
export const hubName = 'Build';

/** What the server sends to the agent that shall run the job. */
export function jobMessage(call: Call, request: RequestRecord) {
  const { organization, baseUrl, context } = call;
  const { build } = request;
  const definition = organization.definitions.get(build.definitionId);
  const project = organization.projects.get(build.projectId);
  const token = signToken(organization, { requestId: request.id }, context.clock.now());
  const variable = (value: string | undefined) => ({ value: value ?? '' });
  return {
    messageType: 'PipelineAgentJobRequest',
    plan: {
      scopeIdentifier: build.projectId,
      planType: hubName,
      version: 8,
      planId: request.planId,
      planGroup: `${request.planId}.build`,
      definition: { id: build.definitionId, name: definition?.name },
      owner: { id: build.id, name: build.number },
    },
    timeline: { id: request.timelineId, changeId: 1, location: null },
    jobId: request.jobId,
    jobDisplayName: 'Job',
    jobName: '__default',
    requestId: request.id,
    lockToken: request.lockToken,
    lockedUntil: time(request.lockedUntil),
    resources: {
      endpoints: [
        {
          name: 'SystemVssConnection',
          url: `${baseUrl}/`,
          authorization: { scheme: 'OAuth', parameters: { AccessToken: token } },
        },
      ],
    },
    variables: {
      'system.teamProject': variable(project?.name),
      'system.teamProjectId': variable(build.projectId),
      'system.collectionUri': variable(`${baseUrl}/`),
      'build.buildId': variable(String(build.id)),
      'build.buildNumber': variable(build.number),
      'build.sourceBranch': variable(build.sourceBranch),
    },
    steps: [{ id: request.jobId, type: 'task', ...stepOf(request.work) }],
  };
}

/** The job's one step: `script: …` as a pipeline's `steps` would have it, or one of our own that takes time. */
function stepOf({ script, durationMs, result }: RequestRecord['work']) {
  return script === undefined
    ? {
        displayName: 'Workload',
        name: 'Workload',
        reference: { name: 'Workload', version: '1.0.0' },
        inputs: { durationMilliseconds: String(durationMs), result },
      }
    : {
        displayName: 'CmdLine',
        name: 'CmdLine',
        reference: { id: 'd9bafed4-0b18-4f58-968d-86655b4d2ce9', name: 'CmdLine', version: '2.0.0' },
        inputs: { script },
      };
}

/** What the server sends to the agent whose job is cancelled. */
export function cancellationMessage(request: RequestRecord) {
  return { jobId: request.jobId, timeout: '00:05:00' };
}

import { attemptOf, stageName } from './build-wire.ts';
import { Refusal } from './errors.ts';
import { asObject, enumAt } from './input.ts';
import type { Answer, Call, Operation } from './operation.ts';
import { newPlan } from './plans.ts';
import type { RequestRecord } from './records.ts';

/** The numbers of the typed clients. */
const stageUpdates = { cancel: 0, retry: 1, run: 2 } as const;

/** What can be done with the stage of a build. REST reference: Build, Stages, Update. */
export function stageOperations(
  below: (rest: string) => string[],
  buildOf: (call: Call) => RequestRecord,
): Operation[] {
  return [
    {
      name: 'Stages_Update',
      method: 'PATCH',
      paths: below('/stages/:stage'),
      run: (call) => update(call, buildOf(call)),
    },
  ];
}

function update(call: Call, request: RequestRecord): Answer {
  if (call.parameters['stage'] !== stageName) {
    throw new Refusal('StageNotFoundException', `The build ${request.build.id} has no stage of that name.`);
  }
  const state = enumAt(asObject(call.body), 'state', stageUpdates);
  if (state === 'cancel') call.jobs.cancel(request);
  else if (state === 'retry') retry(call, request);
  else throw new Refusal('NotEmulated', 'Of the updates of a stage, only cancel and retry are emulated.');
  return { status: 204 };
}

/**
 * Runs the stage's one job again, as a new job request of the same build. Jobs that succeeded are not run again, unless
 * all are asked for.
 */
function retry(call: Call, before: RequestRecord): void {
  const { organization, context } = call;
  const all = asObject(call.body)['forceRetryAllJobs'] === true;
  if (before.result === undefined || (before.result === 'succeeded' && !all)) {
    throw new Refusal(
      'StageRetryNotAllowedException',
      `The stage ${stageName} of the build ${before.build.id} cannot be run again: it ${before.result === undefined ? 'still runs' : 'succeeded'}.`,
    );
  }
  const { cancelRequestedAt: _, ...build } = before.build;
  const request: RequestRecord = {
    id: organization.nextId('request'),
    poolId: before.poolId,
    queueId: before.queueId,
    demands: before.demands,
    queuedAt: context.clock.now(),
    jobId: context.chance.uuid(),
    planId: context.chance.uuid(),
    timelineId: context.chance.uuid(),
    work: before.work,
    messages: [],
    build: {
      ...build,
      previousAttempts: [
        ...(build.previousAttempts ?? []),
        { attempt: attemptOf(before), timelineId: before.timelineId, jobId: before.jobId },
      ],
    },
  };
  organization.plans.put(newPlan(request));
  call.jobs.queue(request);
}

import { condition, log, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { waitReceipt } from '../domain/lease.ts';
import type { LeaseInput, LeaseOutcome, ObservedJob } from '../domain/messages.ts';
import { devops } from './activity-profiles.ts';
import { failureDetails } from './failures.ts';
import { cancelJob, jobObserved, leaseView } from './messages.ts';
import { searchAttributes } from './search-attributes.ts';

/** After Azure DevOps refused for a reason that only an operator can mend, how long until we ask again. */
const refusedRetryMs = 300_000;

/**
 * One job request on one agent. Its id, `lease/<organisation>/<request>`, makes a second lease of the same request
 * impossible. It ends when Azure DevOps reports the job finished, which it also does for the job of a lost agent, or when
 * its time is up or somebody asks for that (the build is then cancelled). It never continues as new: a job brings a handful of events, and at
 * most one timer.
 */
export async function lease(input: LeaseInput): Promise<LeaseOutcome> {
  const { limits, identity } = input;
  let job: ObservedJob = input.job;
  let sequence = 0;

  const receipt = () => waitReceipt(input.receipt, job);
  setHandler(
    jobObserved,
    (observation) => {
      if (observation.sequence <= sequence || observation.job.requestId !== job.requestId) return;
      sequence = observation.sequence;
      job = { ...job, ...observation.job };
    },
    { description: 'What Azure DevOps shows of this job.' },
  );
  setHandler(
    leaseView,
    () => ({
      requestId: job.requestId,
      outcome: job.finishedAt === undefined ? 'running' : outcomeOf(job),
      receipt: receipt(),
    }),
    { description: 'How far the job is, with its wait receipt.' },
  );

  let unwanted: string | undefined;
  setHandler(cancelJob, ({ reason }) => void (unwanted ??= reason), {
    description: 'Cancel the job through Azure DevOps, before its time is up.',
  });

  const over = () => job.finishedAt !== undefined;
  const ending = () => over() || unwanted !== undefined;
  setCurrentDetails(`Job ${job.jobName} (request ${job.requestId}) runs on ${identity.agent}.`);

  let outcome: LeaseOutcome['outcome'];
  const inTime = await condition(ending, limits.leaseMs, { summary: `longest life of the lease of ${job.jobName}` });
  if (over()) {
    outcome = outcomeOf(job);
  } else if (inTime) {
    log.info('cancelling the build of a job', { requestId: job.requestId, buildId: job.buildId, why: unwanted });
    await cancelBuild(identity.organizationUrl, job, over, unwanted ?? '');
    await condition(over, limits.leaseEndMs, { summary: 'wait for the cancelled job to end' });
    outcome = over() ? outcomeOf(job) : 'cancelled';
  } else {
    log.warn('lease expired, cancelling the build', { requestId: job.requestId, buildId: job.buildId });
    await cancelBuild(identity.organizationUrl, job, over, 'its lease expired');
    await condition(over, limits.leaseEndMs, { summary: 'wait for the cancelled job to end' });
    outcome = 'expired';
  }

  upsertSearchAttributes([{ key: searchAttributes.leaseState, value: outcome }]);
  return {
    requestId: job.requestId,
    outcome,
    ...(job.result === undefined ? {} : { result: job.result }),
    receipt: receipt(),
  };
}

/** Cancels the job's build. Whatever refuses that is tried again: nobody else ends a job that must end. */
async function cancelBuild(organizationUrl: string, job: ObservedJob, over: () => boolean, why: string): Promise<void> {
  const { buildId, projectId, requestId } = job;
  while (!over()) {
    try {
      await devops.cancelBuild.executeWithOptions({ summary: `cancel build ${buildId}: ${why}` }, [
        { organizationUrl, projectId, buildId },
      ]);
      return;
    } catch (error) {
      const failure = failureDetails(error);
      log.error('the build of a lease could not be cancelled', { requestId, buildId, code: failure.code });
      setCurrentDetails(`Build ${buildId} could not be cancelled (${why}): ${failure.message} ${failure.hint}`);
      await condition(over, refusedRetryMs, { summary: `cancel again after ${failure.code}` });
    }
  }
}

/** `abandoned` is how Azure DevOps ends the job of an agent whose lock ran out. */
function outcomeOf(job: ObservedJob): LeaseOutcome['outcome'] {
  if (job.result === 'canceled') return 'cancelled';
  return job.result === 'abandoned' ? 'agentLost' : 'finished';
}

import { condition, log, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { waitReceipt } from '../domain/lease.ts';
import type { LeaseInput, LeaseOutcome, ObservedJob } from '../domain/messages.ts';
import { devops } from './activity-profiles.ts';
import { jobObserved, leaseView } from './messages.ts';
import { searchAttributes } from './search-attributes.ts';

/**
 * One job request on one agent. Its id, `lease/<organisation>/<request>`, makes a second lease of the same request
 * impossible. It ends when Azure DevOps reports the job finished, which it also does for the job of a lost agent, or when
 * its time is up (the build is then cancelled). It never continues as new: a job brings a handful of events, and at
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

  const over = () => job.finishedAt !== undefined;
  setCurrentDetails(`Job ${job.jobName} (request ${job.requestId}) runs on ${identity.agent}.`);

  let outcome: LeaseOutcome['outcome'];
  const ended = await condition(over, limits.leaseMs, { summary: `longest life of the lease of ${job.jobName}` });
  if (ended) {
    outcome = outcomeOf(job);
  } else {
    log.warn('lease expired, cancelling the build', { requestId: job.requestId, buildId: job.buildId });
    await devops.cancelBuild.executeWithOptions({ summary: `cancel build ${job.buildId}: its lease expired` }, [
      { organizationUrl: identity.organizationUrl, projectId: job.projectId, buildId: job.buildId },
    ]);
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

/** `abandoned` is how Azure DevOps ends the job of an agent whose lock ran out. */
function outcomeOf(job: ObservedJob): LeaseOutcome['outcome'] {
  if (job.result === 'canceled') return 'cancelled';
  return job.result === 'abandoned' ? 'agentLost' : 'finished';
}

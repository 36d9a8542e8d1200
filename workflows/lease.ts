import { condition, log, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { outcomeOf, silenceReason, takenAway, waitReceipt, type Silence } from '../domain/lease.ts';
import type { JobObservation, LeaseInput, LeaseOutcome, LeaseView, ObservedJob } from '../domain/messages.ts';
import { devops } from './activity-profiles.ts';
import { failureDetails } from './failures.ts';
import { JobOwner } from './lease/owner.ts';
import { cancelJob, jobObserved, leaseView } from './messages.ts';
import { searchAttributes } from './search-attributes.ts';

/** After Azure DevOps refused for a reason that only an operator can mend, how long until we ask again. */
const refusedRetryMs = 300_000;

/**
 * One job request on one agent. Its id, `lease/<organisation>/<request>`, makes a second lease of the same request
 * impossible. It ends when Azure DevOps reports the job finished, which it also does for the job of a lost agent, or when
 * its time is up or somebody asks for that (the build is then cancelled). Nobody's word but the server's ends a job: an
 * agent that is silent while its lock holds may come back. It never continues as new: a job brings a handful of events,
 * and at most three timers.
 */
export async function lease(input: LeaseInput): Promise<LeaseOutcome> {
  return await new LeaseLife(input).live();
}

class LeaseLife {
  private readonly input: LeaseInput;
  private readonly owner: JobOwner;
  private readonly expiresAt: number;
  private job: ObservedJob;
  private sequence = 0;
  /** Of the agent, as last told; kept when the job ends, for that is then why. */
  private silent: JobObservation['silent'];
  /** Why somebody wants the job cancelled. */
  private unwanted: string | undefined;

  constructor(input: LeaseInput) {
    this.input = input;
    this.job = input.job;
    this.owner = new JobOwner(input);
    this.expiresAt = Date.now() + input.limits.leaseMs;
    setHandler(jobObserved, (observation) => this.observe(observation), {
      description: 'What Azure DevOps shows of this job, and Azure of the machine of a silent agent.',
    });
    setHandler(cancelJob, ({ reason }) => void (this.unwanted ??= reason), {
      description: 'Cancel the job through Azure DevOps, before its time is up.',
    });
    setHandler(leaseView, () => this.view(), { description: 'How far the job is, with its wait receipt.' });
    this.describe();
  }

  async live(): Promise<LeaseOutcome> {
    const { input, owner } = this;
    const ending = await this.untilOver();
    if (ending.outcome === 'evicted' || ending.outcome === 'agentLost') owner.tellLost(ending.reason ?? 'unknown');
    await owner.done();
    const lost = ending.outcome === 'evicted' || ending.outcome === 'agentLost';
    const retried = lost ? await owner.retryStage(this.job) : undefined;
    upsertSearchAttributes([{ key: searchAttributes.leaseState, value: ending.outcome }]);
    return {
      requestId: this.job.requestId,
      ...ending,
      ...(this.job.result === undefined ? {} : { result: this.job.result }),
      ...(retried === undefined ? {} : { retried }),
      receipt: waitReceipt(input.receipt, this.job),
      ...(owner.notes.length === 0 ? {} : { notes: owner.notes }),
    };
  }

  /** Waits for the end of the job; cancels its build when its time is up. */
  private async untilOver(): Promise<Pick<LeaseOutcome, 'outcome' | 'reason'>> {
    const { limits } = this.input;
    const inTime = await this.endsInTime();
    if (this.over()) return this.ending();
    if (inTime) {
      await this.cancel(this.unwanted ?? '');
      // Azure DevOps ends a cancelled job within minutes, and says how: it may have finished all the same.
      const left = Math.max(1, this.expiresAt - Date.now());
      if (await condition(() => this.over(), left, { summary: 'wait for the cancelled job to end' }))
        return this.ending();
    }
    await this.cancel('its lease expired');
    this.owner.tellExpired();
    await condition(() => this.over(), limits.leaseEndMs, { summary: 'wait for the cancelled job to end' });
    return { outcome: 'expired', reason: 'it ran as long as a job may' };
  }

  private async cancel(why: string): Promise<void> {
    const { identity } = this.input;
    log.warn('cancelling the build of a job', { requestId: this.job.requestId, buildId: this.job.buildId, why });
    await cancelBuild(identity.organizationUrl, this.job, () => this.over(), why);
  }

  /** Answers whether the job ended, or somebody wants it to, within its time; tells its people meanwhile what they must know. */
  private async endsInTime(): Promise<boolean> {
    const { limits, notes } = this.input;
    const summary = `longest life of the lease of ${this.job.jobName}`;
    const ending = () => this.over() || this.unwanted !== undefined;
    if (!notes) return await condition(ending, limits.leaseMs, { summary });
    const warnings = [limits.leaseWarningMs, limits.leaseLastWarningMs].filter((ms) => ms < limits.leaseMs);
    let lossTold = false;
    for (;;) {
      const [leftMs] = warnings;
      const at = this.expiresAt - (leftMs ?? 0);
      const woken = await condition(
        () => ending() || (!lossTold && this.taken() !== undefined),
        Math.max(1, at - Date.now()),
        { summary: leftMs === undefined ? summary : `warn the people of ${this.job.jobName}` },
      );
      if (ending()) return true;
      if (woken) {
        lossTold = true;
        this.owner.tellLost(this.taken() ?? '');
      } else if (leftMs === undefined) return false;
      else {
        warnings.shift();
        log.info('the lease ends soon', { requestId: this.job.requestId, leftMs });
        this.owner.warn(this.expiresAt, leftMs);
        this.describe();
      }
    }
  }

  private observe({ sequence, job, silent }: JobObservation): void {
    if (sequence <= this.sequence || job.requestId !== this.job.requestId) return;
    this.sequence = sequence;
    this.job = { ...this.job, ...job };
    if (silent || !this.over()) this.silent = silent;
    this.describe();
  }

  private over(): boolean {
    return this.job.finishedAt !== undefined;
  }

  private silence(): Silence | undefined {
    const { silent, input } = this;
    if (!silent || !input.notes) return undefined;
    return { ...input.notes, ...(silent.machine === undefined ? {} : { machine: silent.machine }) };
  }

  private ending(): ReturnType<typeof outcomeOf> {
    return outcomeOf(this.job, this.silence(), this.input.notes?.usedAgent);
  }

  private taken(): string | undefined {
    const silence = this.silence();
    return silence && takenAway(silence);
  }

  private describe(): void {
    const { job, input, expiresAt } = this;
    const silence = this.silence();
    const lock =
      job.lockedUntil === undefined ? '' : `, its lock holds until ${new Date(job.lockedUntil).toISOString()}`;
    setCurrentDetails(
      [
        `Job ${job.jobName} (request ${job.requestId}) runs on ${input.identity.agent}, at the longest until ${new Date(expiresAt).toISOString()}.`,
        ...(silence ? [`Silent, not given up${lock}: ${silenceReason(silence)}.`] : []),
        ...this.owner.notes.map((note) => `- ${note}`),
      ].join('\n'),
    );
  }

  private view(): LeaseView {
    const { job, input, expiresAt, silent } = this;
    const silence = this.silence();
    return {
      requestId: job.requestId,
      outcome: this.over() ? this.ending().outcome : 'running',
      receipt: waitReceipt(input.receipt, job),
      ...(this.over() ? {} : { expiresAt }),
      ...(silence && silent && !this.over()
        ? {
            silent: {
              since: silent.since,
              ...(job.lockedUntil === undefined ? {} : { lockedUntil: job.lockedUntil }),
              reason: silenceReason(silence),
            },
          }
        : {}),
      ...(this.owner.notes.length === 0 ? {} : { notes: this.owner.notes }),
    };
  }
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

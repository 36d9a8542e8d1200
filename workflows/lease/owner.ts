import { log, sleep } from '@temporalio/workflow';
import { buildTags } from '../../domain/lease.ts';
import type { LeaseInput, LeaseOutcome, ObservedJob } from '../../domain/messages.ts';
import { forJobOwners } from '../activity-profiles.ts';
import { failureDetails } from '../failures.ts';

/** How long to wait before each further look at whether the stage of a lost job has ended. */
const stageLooksMs = [15_000, 30_000, 60_000, 120_000];

/**
 * Tells the people of a job, on its build, what they must know of its lease. What cannot be told is noted, and keeps
 * nothing from going on.
 */
export class JobOwner {
  /** What was told, in the words of the tags; with what went wrong where it could not be. */
  readonly notes: string[] = [];
  private readonly input: LeaseInput;
  private readonly told = new Set<string>();
  private telling: Promise<void>[] = [];

  constructor(input: LeaseInput) {
    this.input = input;
  }

  warn(expiresAt: number, leftMs: number): void {
    this.tell(buildTags.warning(this.input.job.jobName, expiresAt, leftMs));
  }

  tellExpired(): void {
    this.tell(buildTags.expired(this.input.job.jobName, this.input.limits.leaseMs));
  }

  tellLost(reason: string): void {
    this.tell(buildTags.lost(this.input.job.jobName, reason));
  }

  /** Waits until all is told, or given up. */
  async done(): Promise<void> {
    await Promise.all(this.telling);
    this.telling = [];
  }

  /**
   * Has the stage of a lost job run once more, where the pool asks for that. A stage whose other jobs run yet is
   * waited for, but no longer than a machine may wait to be returned.
   */
  async retryStage(job: ObservedJob): Promise<LeaseOutcome['retried']> {
    const { notes, identity } = this.input;
    const { buildId, projectId, jobId, jobName } = job;
    if (!notes?.retryLostJobs || jobId === '' || buildId === 0) return undefined;
    for (let look = 0; ; look++) {
      try {
        const { outcome } = await forJobOwners.retryStage.executeWithOptions(
          { summary: `run the stage of ${jobName} again`.slice(0, 200) },
          [{ organizationUrl: identity.organizationUrl, projectId, buildId, jobId }],
        );
        if (outcome === 'retried') return true;
        const wait = stageLooksMs[look];
        if (outcome !== 'running' || wait === undefined) {
          this.notes.push(`its stage was not run again: ${whyNot[outcome]}`);
          return false;
        }
        await sleep(wait, { summary: 'other jobs of its stage run yet' });
      } catch (error) {
        const failure = failureDetails(error);
        log.warn('the stage of a lost job was not run again', { buildId, code: failure.code });
        this.notes.push(`its stage was not run again: ${failure.message} ${failure.hint}`);
        return false;
      }
    }
  }

  private tell(tag: string): void {
    const { identity, job, notes } = this.input;
    if (!notes || job.buildId === 0 || this.told.has(tag)) return;
    this.told.add(tag);
    const telling = forJobOwners.tagBuild
      .executeWithOptions({ summary: `write on build ${job.buildId}: ${tag}`.slice(0, 200) }, [
        { organizationUrl: identity.organizationUrl, projectId: job.projectId, buildId: job.buildId, tag },
      ])
      .then(() => void this.notes.push(tag))
      .catch((error: unknown) => {
        const failure = failureDetails(error);
        log.warn('a note on a build could not be written', { buildId: job.buildId, code: failure.code });
        this.notes.push(`${tag} (not written on the build: ${failure.message} ${failure.hint})`);
      });
    this.telling.push(telling);
  }
}

const whyNot = {
  running: 'other jobs of it ran on for too long. Run it again in Azure DevOps',
  again: 'it was run again once already',
  notFound: 'Azure DevOps does not show it',
} as const;

import {
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { agentState, type AgentFacets, type AgentState } from '../domain/agent-state.ts';
import type { FailureDetails } from '../domain/failure.ts';
import type {
  AgentInput,
  AgentObservation,
  AgentReport,
  LeaseOutcome,
  ObservedJob,
  WaitReceipt,
} from '../domain/messages.ts';
import type { WakeRequest } from '../domain/stateful-messages.ts';
import { organizationName, workflowIds } from '../domain/names.ts';
import { devops, machines, priorities } from './activity-profiles.ts';
import { askToPark, askToWake, parkUntilNeeded } from './agent/parking.ts';
import { endingOf, reportOf, returnMachine } from './agent/end.ts';
import { JobCancellation } from './agent/job-cancellation.ts';
import { MachineWatch } from './agent/machine-watch.ts';
import { machineOf, tellRefusal, whyOf } from './agent/placement.ts';
import { isForInspection, keepForInspection } from './agent/retention.ts';
import { carry, followConnection, goOn, held, refused, shouldContinueAsNew, takeUp } from './agent/stateful.ts';
import { detailsOf, viewOf } from './agent/view.ts';
import { longestWait } from './agent/waits.ts';
import { failureDetails } from './failures.ts';
import { lease } from './lease.ts';
import { agentObserved, agentReported, agentView, park, retire, wake } from './messages.ts';
import { searchAttributes } from './search-attributes.ts';

/** After Azure or Azure DevOps refused for a reason that only an operator can mend, how long until we ask again. */
const refusedRetryMs = 300_000;

/**
 * The life of one agent: one machine and its one registration, from the create call until both are proven gone. The
 * states that it shows are derived from three facets. It takes observations, `retire`, `park` and `wake` by signal, starts
 * one lease per job, and reports its end to the pool.
 *
 * A stateless agent serves one job and never continues as new: one job brings about fifty events. A stateful one serves
 * until it is told to return or its longest life is over, tells its pool of each job, may be parked in between, and
 * continues as new when the server suggests it.
 */
export async function agent(input: AgentInput): Promise<AgentReport> {
  const life = new AgentLife(input);
  // Who cancels the workflow wants the agent gone, not its machine left behind without an owner.
  CancellationScope.current().cancelRequested.catch(() => life.ask('its workflow was cancelled'));
  return await CancellationScope.nonCancellable(() => live(life));
}

async function live(life: AgentLife): Promise<AgentReport> {
  life.begin();
  let job: LeaseOutcome | undefined;
  for (;;) {
    // Nothing may be awaited between the question and the command: what a handler added meanwhile is carried.
    if (shouldContinueAsNew(life)) return await continueAsNew<typeof agent>(carry(life));
    const next = await life.nextEvent();
    if (next.kind === 'long') continue;
    if (next.kind === 'park') {
      await parkUntilNeeded(life, next.why);
      continue;
    }
    if (next.kind === 'job') job = await life.serve(next.job);
    if (next.kind === 'job' && life.isStateful) {
      await goOn(life, job);
      job = undefined;
      continue;
    }
    let why = next.kind === 'job' ? `served ${next.job.jobName}` : next.why;
    const ending = endingOf(life, job);
    if (isForInspection(ending)) why = await keepForInspection(ending, why);
    if ((await life.giveBack(why)) === 'returned') break;
  }
  return await life.report(job);
}

type NextEvent =
  { kind: 'job'; job: ObservedJob } | { kind: 'end'; why: string } | { kind: 'park'; why: string } | { kind: 'long' };

/** What one run of an agent knows. The files of `agent/` work on it too. */
export class AgentLife {
  readonly input: AgentInput;
  readonly isStateful: boolean;
  readonly image;
  /** At the place that the pool chose. */
  readonly machine;
  readonly facets: AgentFacets = { compute: 'creating', registration: 'none', lease: 'none' };
  readonly createdAt: number;
  receipt: Partial<WaitReceipt>;
  shown: AgentState = 'Provisioning';
  since = Date.now();
  why: string;
  deadline: number | undefined;
  registrationId: number | undefined;
  resourceId: string | undefined;
  observation: AgentObservation | undefined;
  offlineSince: number | undefined;
  readonly watch: MachineWatch;
  readonly cancellation = new JobCancellation();
  retireReason: string | undefined;
  parkReason: string | undefined;
  wakeRequest: WakeRequest | undefined;
  /** Every job that was ever seen on this agent, the oldest first, as last told. */
  jobs: ObservedJob[] = [];
  served: number[] = [];
  /** Jobs that the pool was told of. */
  told = 0;
  /** Observations in this run. */
  signals = 0;
  /** Refusals in a row of its return. */
  refusals = 0;
  private provisioning: Promise<void> = Promise.resolve();
  provisioned = false;
  /** Set when the agent could not be made or did not connect: the pool must know. */
  failure: FailureDetails | undefined;

  constructor(input: AgentInput) {
    this.input = input;
    const image = input.specification.images.find(({ aliases }) => aliases.includes(input.image));
    if (!image) throw new Error(`invariant: the specification has no image ${input.image}`);
    this.image = { ...image, name: input.image };
    this.machine = machineOf(input);
    this.why = whyOf(input);
    this.watch = new MachineWatch(input.specification);
    this.receipt = { ...(input.seenAt === undefined ? {} : { seenAt: input.seenAt }), decidedAt: input.decidedAt };
    this.isStateful = input.specification.stateful !== undefined;
    this.createdAt = input.carried?.createdAt ?? Date.now();
    if (input.carried) takeUp(this, input.carried);
    setHandler(agentObserved, (observation) => this.observe(observation), {
      description: 'What Azure DevOps shows of this agent.',
    });
    setHandler(retire, ({ reason, force }) => this.ask(reason, force), {
      description: 'Return the machine; a running job is finished first, or with force cancelled.',
    });
    setHandler(park, ({ reason }) => askToPark(this, reason), {
      description: 'Deallocate the machine and keep its disks; a job that comes first is served instead.',
    });
    setHandler(wake, (request) => askToWake(this, request), { description: 'Start the parked machine again.' });
    setHandler(agentView, () => viewOf(this), { description: 'State, since when, why, and what is next.' });
    this.describe();
  }

  /** Asks it to return, as soon as no job holds it; with force its job is cancelled. */
  ask(reason: string, force = false): void {
    this.retireReason ??= reason;
    if (force) this.cancellation.ask(reason);
  }

  /** Begins, or goes on where a former run ended. */
  begin(): void {
    if (!this.input.carried) this.provision();
  }

  /**
   * Begins to register and create. It goes on beside the rest: Azure often reports a machine as created some seconds
   * after its agent has taken a job, and that job must have its lease, and the agent be disabled, at once.
   */
  provision(): void {
    const { identity, limits } = this.input;
    const { machine } = this;
    this.deadline = Date.now() + limits.provisionMs;
    this.provisioning = machines.provisionAgent
      .executeWithOptions(
        {
          summary: `create ${identity.agent} (${machine.vmSize}, ${this.image.name})`,
          scheduleToCloseTimeout: limits.provisionMs,
          heartbeatTimeout: limits.heartbeatMs,
          priority: { priorityKey: this.input.seenAt !== undefined ? priorities.demand : priorities.standby },
        },
        [
          {
            identity,
            workflowId: workflowInfo().workflowId,
            machine,
            image: this.image,
            ...(this.isStateful ? { stateful: true as const } : {}),
          },
        ],
      )
      .then(({ registrationId, resourceId, createSentAt, runningAt, spot = false }) => {
        this.watch.spot = spot;
        this.registrationId = registrationId;
        this.resourceId = resourceId;
        this.receipt.createSentAt = createSentAt;
        this.receipt.runningAt = runningAt;
        this.provisioned = true;
        const registration = this.receipt.onlineAt === undefined ? 'registered' : 'online';
        this.change({
          ...(this.facets.compute === 'creating' ? { compute: 'running' } : {}),
          ...(this.facets.registration === 'none' ? { registration } : {}),
        });
      })
      .catch((error: unknown) => {
        this.provisioned = true;
        this.failure = failureDetails(error);
        log.warn('agent could not be provisioned', { code: this.failure.code });
        return tellRefusal(this.input, this.failure);
      });
  }

  /** Waits until there is something to do: a job, or a reason to end. */
  async nextEvent(): Promise<NextEvent> {
    for (;;) {
      const job = this.unservedJob();
      if (job) return { kind: 'job', job };
      const end = this.reasonToEnd();
      if (end !== undefined) return { kind: 'end', why: end };
      if (this.provisioned && this.parkReason !== undefined) return { kind: 'park', why: this.parkReason };
      if (shouldContinueAsNew(this)) return { kind: 'long' };
      if (!this.provisioned) {
        // Bounded by the deadline of the create itself.
        await condition(() => this.provisioned || this.unservedJob() !== undefined);
        continue;
      }
      const { wait, summary, over } = longestWait(this);
      this.deadline = Date.now() + wait;
      const offlineBefore = this.offlineSince;
      const connecting = this.receipt.onlineAt === undefined;
      const woken = await condition(
        () =>
          this.unservedJob() !== undefined ||
          this.reasonToEnd() !== undefined ||
          this.parkReason !== undefined ||
          shouldContinueAsNew(this) ||
          this.offlineSince !== offlineBefore ||
          (connecting && this.receipt.onlineAt !== undefined),
        wait,
        { summary },
      );
      if (!woken) return { kind: 'end', why: over() };
    }
  }

  reasonToEnd(): string | undefined {
    if (!this.provisioned) return undefined;
    if (this.failure) return this.failure.message;
    if (this.observation?.missing) return 'its registration is gone from Azure DevOps';
    if (this.facets.registration === 'disabled') return 'it served its job';
    const taken = this.facets.compute === 'running' ? this.watch.taken() : undefined;
    return taken ?? this.retireReason ?? this.cancellation.reason;
  }

  /** Runs one job on the agent, from disabling it, if it is stateless, to the end of the lease. */
  async serve(job: ObservedJob): Promise<LeaseOutcome | undefined> {
    const { identity, limits } = this.input;
    this.served.push(job.requestId);
    this.deadline = Date.now() + limits.leaseMs;
    this.change(held(this), `runs ${job.jobName} (request ${job.requestId})`);
    const disabling = this.disable();
    const organization = organizationName(identity.organizationUrl);
    // Only a stateless agent has no second job.
    const jobsOfOneAgent = this.isStateful ? [] : this.served;
    let outcome: LeaseOutcome | undefined;
    try {
      const handle = await startChild(lease, {
        workflowId: workflowIds.lease(organization, job.requestId),
        args: [{ identity, job, limits, receipt: this.receipt, notes: this.watch.leaseNotes(jobsOfOneAgent) }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        staticSummary: `job ${job.jobName} on ${identity.agent}`,
        typedSearchAttributes: [
          { key: searchAttributes.poolName, value: identity.pool },
          { key: searchAttributes.organization, value: organization },
          { key: searchAttributes.leaseState, value: 'running' },
          { key: searchAttributes.jobId, value: String(job.requestId) },
          { key: searchAttributes.agentImage, value: this.image.name },
          { key: searchAttributes.vmSize, value: this.machine.vmSize },
        ],
      });
      this.cancellation.began(handle);
      outcome = await handle.result();
    } catch (error) {
      // A lease that exists already belongs to another agent's life; the server then decides what this one still holds.
      log.error('no lease of its own for a job on this agent', { requestId: job.requestId, error: String(error) });
    }
    await disabling;
    this.change({ lease: 'none' }, `${job.jobName} ended: ${outcome?.result ?? outcome?.outcome ?? 'unknown'}`);
    return outcome;
  }

  /** Deregisters, deletes, verifies. `busy`: the server holds a job for it, so it goes on serving. */
  async giveBack(why: string): Promise<'returned' | 'busy'> {
    const { limits } = this.input;
    if (!this.provisioned) await this.provisioning;
    this.change({ compute: 'deleting' }, why);
    for (;;) {
      this.deadline = Date.now() + limits.returnMs;
      try {
        const { outcome } = await returnMachine(this, why);
        if (outcome === 'returned') {
          this.change({ compute: 'absent', registration: 'removed' }, 'nothing is left');
          return 'returned';
        }
        const patience = refused(this, why);
        this.change({ compute: 'running' }, 'the server holds a job for it');
        await condition(() => this.unservedJob() !== undefined, patience, { summary: 'wait to see the job' });
        return 'busy';
      } catch (error) {
        const failure = failureDetails(error);
        log.error('agent could not be returned', { code: failure.code });
        this.change({}, `could not be returned: ${failure.message} ${failure.hint} Tried again in five minutes.`);
        await sleep(refusedRetryMs, { summary: `return again after ${failure.code}` });
      }
    }
  }

  /** Tells the pool. A pool that is gone has nobody left to tell. */
  async report(job: LeaseOutcome | undefined): Promise<AgentReport> {
    const report = reportOf(this, job);
    try {
      await getExternalWorkflowHandle(workflowIds.pool(this.input.identity.pool)).signal(agentReported, report);
    } catch (error) {
      log.warn('no pool to report to', { error: String(error) });
    }
    return report;
  }

  private observe(observation: AgentObservation): void {
    this.signals++;
    if (observation.sequence <= (this.observation?.sequence ?? 0)) return;
    this.observation = observation;
    const { job } = observation;
    if (job) this.jobs = [...this.jobs.filter(({ requestId }) => requestId !== job.requestId), job];
    this.registrationId ??= observation.registrationId;
    if (observation.online) {
      this.receipt.onlineAt ??= observation.sequence;
    }
    // Disabled by somebody at the server, it serves nobody, as if it were away. It is never enabled against their will.
    if (observation.online && observation.enabled) this.offlineSince = undefined;
    else if (this.receipt.onlineAt !== undefined) this.offlineSince ??= observation.sequence;
    const silence = this.watch.see(observation);
    if (silence !== undefined && this.facets.lease === 'none') this.change({}, silence);
    followConnection(this, observation);
    if (this.facets.registration === 'registered' && observation.online) {
      // A job that comes with it is about to be served; the state then goes straight to Allocated.
      this.change({ registration: 'online' }, 'online', this.unservedJob() === undefined);
    }
  }

  private unservedJob(): ObservedJob | undefined {
    return this.jobs.find(({ requestId }) => !this.served.includes(requestId));
  }

  private async disable(): Promise<void> {
    const { identity } = this.input;
    if (this.isStateful) return;
    if (this.registrationId === undefined) await this.provisioning;
    if (this.registrationId === undefined) return;
    try {
      await devops.disableAgent.executeWithOptions(
        { summary: `no second job for ${identity.agent}`, priority: { priorityKey: priorities.demand } },
        [{ identity, registrationId: this.registrationId }],
      );
    } catch (error) {
      // Deregistration still is the commit point; this only narrows the moment in which a second job can come.
      log.warn('agent could not be disabled', { code: failureDetails(error).code });
    }
  }

  change(facets: Partial<AgentFacets>, why = this.why, show = true): void {
    Object.assign(this.facets, facets);
    this.why = why;
    const state = agentState(this.facets);
    if (state !== this.shown) {
      this.shown = state;
      this.since = Date.now();
      // The closing state is in the report; one event less in every life.
      if (show && state !== 'Returned') upsertSearchAttributes([{ key: searchAttributes.agentState, value: state }]);
    }
    this.describe();
  }

  private describe(): void {
    setCurrentDetails(detailsOf(this));
  }
}

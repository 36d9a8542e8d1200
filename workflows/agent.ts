import {
  CancellationScope,
  condition,
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
  AgentView,
  LeaseOutcome,
  ObservedJob,
  WaitReceipt,
} from '../domain/messages.ts';
import { organizationName, workflowIds } from '../domain/names.ts';
import { devops, machines, priorities } from './activity-profiles.ts';
import { JobCancellation } from './agent/job-cancellation.ts';
import { MachineWatch } from './agent/machine-watch.ts';
import { failureReport, machineOf, placementOf, tellRefusal, whyOf } from './agent/placement.ts';
import { isForInspection, keepForInspection, type Ending } from './agent/retention.ts';
import { didNotConnect, failureDetails } from './failures.ts';
import { lease } from './lease.ts';
import { agentObserved, agentReported, agentView, retire } from './messages.ts';
import { searchAttributes } from './search-attributes.ts';

/** After Azure or Azure DevOps refused for a reason that only an operator can mend, how long until we ask again. */
const refusedRetryMs = 300_000;

/** After the server refused to forget an agent, how long to wait for the observer to show its job. */
const busyConfirmMs = 30_000;

/**
 * The life of one stateless agent: one machine and its one registration, from the create call until both are proven
 * gone. States: Provisioning, Starting, Ready, Allocated, PendingReturn, Returned, derived from three facets. It takes
 * observations and `retire` by signal, starts one lease per job, reports its end to the pool, and never continues as
 * new: one job brings about fifty events.
 */
export async function agent(input: AgentInput): Promise<AgentReport> {
  const life = new AgentLife(input);
  // Who cancels the workflow wants the agent gone, not its machine left behind without an owner.
  CancellationScope.current().cancelRequested.catch(() => life.ask('its workflow was cancelled'));
  return await CancellationScope.nonCancellable(() => live(life));
}

async function live(life: AgentLife): Promise<AgentReport> {
  life.provision();
  let job: LeaseOutcome | undefined;
  for (;;) {
    const next = await life.nextEvent();
    if (next.kind === 'job') job = await life.serve(next.job);
    let why = next.kind === 'job' ? `served ${next.job.jobName}` : next.why;
    const ending = life.ending(job);
    if (isForInspection(ending)) why = await keepForInspection(ending, why);
    if ((await life.giveBack(why)) === 'returned') break;
  }
  return await life.report(job);
}

type NextEvent = { kind: 'job'; job: ObservedJob } | { kind: 'end'; why: string };

class AgentLife {
  private readonly input: AgentInput;
  private readonly image;
  /** At the place that the pool chose. */
  private readonly machine;
  private readonly facets: AgentFacets = { compute: 'creating', registration: 'none', lease: 'none' };
  private readonly receipt: Partial<WaitReceipt>;
  private shown: AgentState = 'Provisioning';
  private since = Date.now();
  private why: string;
  private deadline: number | undefined;
  private registrationId: number | undefined;
  private resourceId: string | undefined;
  private observation: AgentObservation | undefined;
  private offlineSince: number | undefined;
  private readonly watch: MachineWatch;
  private retireReason: string | undefined;
  private readonly cancellation = new JobCancellation();
  /** Every job that was ever seen on this agent, the oldest first, as last told. */
  private jobs: ObservedJob[] = [];
  private readonly served: number[] = [];
  private provisioning: Promise<void> = Promise.resolve();
  private provisioned = false;
  /** Set when the agent could not be made or did not connect: the pool must know. */
  private failure: FailureDetails | undefined;

  constructor(input: AgentInput) {
    this.input = input;
    const image = input.specification.images.find(({ aliases }) => aliases.includes(input.image));
    if (!image) throw new Error(`invariant: the specification has no image ${input.image}`);
    this.image = { ...image, name: input.image };
    this.machine = machineOf(input);
    this.why = whyOf(input);
    this.watch = new MachineWatch(input.specification);
    this.receipt = { ...(input.seenAt === undefined ? {} : { seenAt: input.seenAt }), decidedAt: input.decidedAt };
    setHandler(agentObserved, (observation) => this.observe(observation), {
      description: 'What Azure DevOps shows of this agent.',
    });
    setHandler(retire, ({ reason, force }) => this.ask(reason, force), {
      description: 'Return the machine; a running job is finished first, or with force cancelled.',
    });
    setHandler(agentView, () => this.view(), { description: 'State, since when, why, and what is next.' });
    this.describe();
  }

  /** Asks it to return, as soon as no job holds it; with force its job is cancelled. */
  ask(reason: string, force = false): void {
    this.retireReason ??= reason;
    if (force) this.cancellation.ask(reason);
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
        [{ identity, workflowId: workflowInfo().workflowId, machine, image: this.image }],
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
      if (!this.provisioned) {
        // Bounded by the deadline of the create itself.
        await condition(() => this.provisioned || this.unservedJob() !== undefined);
        continue;
      }
      const { wait, summary, over } = this.longestWait();
      this.deadline = Date.now() + wait;
      const offlineBefore = this.offlineSince;
      const connecting = this.receipt.onlineAt === undefined;
      const woken = await condition(
        () =>
          this.unservedJob() !== undefined ||
          this.reasonToEnd() !== undefined ||
          this.offlineSince !== offlineBefore ||
          (connecting && this.receipt.onlineAt !== undefined),
        wait,
        { summary },
      );
      if (!woken) return { kind: 'end', why: over() };
    }
  }

  private reasonToEnd(): string | undefined {
    if (!this.provisioned) return undefined;
    if (this.failure) return this.failure.message;
    if (this.observation?.missing) return 'its registration is gone from Azure DevOps';
    if (this.facets.registration === 'disabled') return 'it served its job';
    const taken = this.facets.compute === 'running' ? this.watch.taken() : undefined;
    return taken ?? this.retireReason ?? this.cancellation.reason;
  }

  /** How long the agent may stay as it is, and what it means when that time is over. */
  private longestWait(): { wait: number; summary: string; over: () => string } {
    const { limits, identity } = this.input;
    if (this.receipt.onlineAt === undefined) {
      return {
        wait: limits.connectMs,
        summary: 'longest wait for the agent to connect',
        over: () => {
          this.failure = didNotConnect(identity.agent, limits.connectMs);
          return this.failure.message;
        },
      };
    }
    if (this.offlineSince !== undefined) {
      return {
        wait: limits.offlineMs,
        summary: 'longest silence',
        over: () => 'it was offline or disabled for too long',
      };
    }
    return { wait: limits.lifetimeMs, summary: 'longest wait for a job', over: () => 'its lifetime is over' };
  }

  /** Runs one job on the agent, from disabling it to the end of the lease. */
  async serve(job: ObservedJob): Promise<LeaseOutcome | undefined> {
    const { identity, limits } = this.input;
    this.served.push(job.requestId);
    this.deadline = Date.now() + limits.leaseMs;
    this.change({ registration: 'disabled', lease: 'held' }, `runs ${job.jobName} (request ${job.requestId})`);
    const disabling = this.disable();
    const organization = organizationName(identity.organizationUrl);
    let outcome: LeaseOutcome | undefined;
    try {
      const handle = await startChild(lease, {
        workflowId: workflowIds.lease(organization, job.requestId),
        args: [{ identity, job, limits, receipt: this.receipt, notes: this.watch.leaseNotes(this.served) }],
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

  ending(job: LeaseOutcome | undefined): Ending {
    const { input, resourceId, registrationId, observation, failure } = this;
    const retired = () => this.retireReason;
    const show = (why: string, until: number) => {
      this.deadline = until;
      this.change({ registration: 'removed' }, why);
    };
    return { input, resourceId, registrationId, observation, job, failure, retired, show };
  }

  /** Deregisters, deletes, verifies. `busy`: the server holds a job for it, so it goes on serving. */
  async giveBack(why: string): Promise<'returned' | 'busy'> {
    const { identity, limits } = this.input;
    if (!this.provisioned) await this.provisioning;
    this.change({ compute: 'deleting' }, why);
    for (;;) {
      this.deadline = Date.now() + limits.returnMs;
      try {
        const { outcome } = await machines.returnAgent.executeWithOptions(
          {
            summary: `return ${identity.agent}: ${why}`.slice(0, 200),
            scheduleToCloseTimeout: limits.returnMs,
            heartbeatTimeout: limits.heartbeatMs,
            priority: { priorityKey: priorities.release },
          },
          [
            {
              identity,
              workflowId: workflowInfo().workflowId,
              machine: this.machine,
              ...(this.registrationId === undefined ? {} : { registrationId: this.registrationId }),
            },
          ],
        );
        if (outcome === 'returned') {
          this.change({ compute: 'absent', registration: 'removed' }, 'nothing is left');
          return 'returned';
        }
        this.retireReason = undefined;
        this.change({ compute: 'running' }, 'the server holds a job for it');
        await condition(() => this.unservedJob() !== undefined, busyConfirmMs, { summary: 'wait to see the job' });
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
    const { failure } = this;
    const report: AgentReport = {
      agent: this.input.identity.agent,
      outcome: failure && !job ? 'failed' : 'returned',
      ...(failure && !job ? failureReport(this.input, failure) : {}),
      // Azure may have reported the machine only after the lease began: the agent knows the rest of the receipt.
      ...(job ? { job: { ...job, receipt: { ...this.receipt, ...job.receipt } } } : {}),
    };
    try {
      await getExternalWorkflowHandle(workflowIds.pool(this.input.identity.pool)).signal(agentReported, report);
    } catch (error) {
      log.warn('no pool to report to', { error: String(error) });
    }
    return report;
  }

  private observe(observation: AgentObservation): void {
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

  private change(facets: Partial<AgentFacets>, why = this.why, show = true): void {
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
    const until = this.deadline === undefined ? 'none' : new Date(this.deadline).toISOString();
    setCurrentDetails(
      `| state | since | why | next deadline |\n|---|---|---|---|\n` +
        `| ${this.shown} | ${new Date(this.since).toISOString()} | ${this.why} | ${until} |`,
    );
  }

  private view(): AgentView {
    const job = this.jobs.at(-1);
    return {
      agent: this.input.identity.agent,
      pool: this.input.identity.pool,
      image: this.image.name,
      state: this.shown,
      since: this.since,
      why: this.why,
      ...(this.deadline === undefined ? {} : { deadline: this.deadline }),
      ...(this.registrationId === undefined ? {} : { registrationId: this.registrationId }),
      ...(this.resourceId === undefined ? {} : { resourceId: this.resourceId }),
      ...(job === undefined ? {} : { job }),
      receipt: this.receipt,
      ...placementOf(this.input),
    };
  }
}

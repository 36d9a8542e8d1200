import {
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
  LeaseOutcome,
  ObservedJob,
  WaitReceipt,
} from '../domain/messages.ts';
import { organizationName, workflowIds } from '../domain/names.ts';
import { devops, machines, priorities } from './activity-profiles.ts';
import { failureDetails } from './failures.ts';
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
  const failure = await life.provision();
  let job: LeaseOutcome | undefined;
  let why = failure?.message ?? '';
  if (!failure) {
    for (;;) {
      const next = await life.nextEvent();
      if (next.kind === 'job') {
        job = await life.serve(next.job);
        why = `served ${next.job.jobName}`;
      } else {
        why = next.why;
      }
      if ((await life.giveBack(why)) === 'returned') break;
      why = 'the server still holds a job for it';
    }
  } else {
    while ((await life.giveBack(why)) === 'busy') await life.nextEvent();
  }
  return await life.report(failure ?? life.failure, job);
}

type NextEvent = { kind: 'job'; job: ObservedJob } | { kind: 'end'; why: string };

class AgentLife {
  /** Set when the agent ended without having served, for a cause that the pool must know. */
  failure: FailureDetails | undefined;

  private readonly input: AgentInput;
  private readonly image;
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
  private retireReason: string | undefined;
  private readonly served: number[] = [];

  constructor(input: AgentInput) {
    this.input = input;
    const image = input.specification.images.find(({ aliases }) => aliases.includes(input.image));
    if (!image) throw new Error(`invariant: the specification has no image ${input.image}`);
    this.image = { ...image, name: input.image };
    this.why = input.reason;
    this.receipt = { ...(input.seenAt === undefined ? {} : { seenAt: input.seenAt }), decidedAt: input.decidedAt };
    setHandler(agentObserved, (observation) => this.observe(observation), {
      description: 'What Azure DevOps shows of this agent.',
    });
    setHandler(retire, ({ reason }) => void (this.retireReason ??= reason), {
      description: 'Return the machine; a running job is finished first.',
    });
    setHandler(agentView, () => this.view(), { description: 'State, since when, why, and what is next.' });
    this.describe();
  }

  /** Registers and creates; answers the failure when that was not possible. */
  async provision(): Promise<FailureDetails | undefined> {
    const { identity, specification, limits } = this.input;
    this.deadline = Date.now() + limits.provisionMs;
    try {
      const made = await machines.provisionAgent.executeWithOptions(
        {
          summary: `create ${identity.agent} (${specification.machine.vmSize}, ${this.image.name})`,
          scheduleToCloseTimeout: limits.provisionMs,
          heartbeatTimeout: limits.heartbeatMs,
          priority: { priorityKey: this.input.seenAt !== undefined ? priorities.demand : priorities.standby },
        },
        [{ identity, workflowId: workflowInfo().workflowId, machine: specification.machine, image: this.image }],
      );
      this.registrationId = made.registrationId;
      this.resourceId = made.resourceId;
      this.receipt.createSentAt = made.createSentAt;
      this.receipt.runningAt = made.runningAt;
      this.change({ compute: 'running', registration: this.seenOnline() ? 'online' : 'registered' }, 'machine created');
      return undefined;
    } catch (error) {
      const failure = failureDetails(error);
      log.warn('agent could not be provisioned', { code: failure.code });
      return failure;
    }
  }

  /** Waits until there is something to do: a job, or a reason to end. */
  async nextEvent(): Promise<NextEvent> {
    const { limits } = this.input;
    for (;;) {
      const job = this.unservedJob();
      if (job) return { kind: 'job', job };
      if (this.retireReason !== undefined) return { kind: 'end', why: this.retireReason };
      if (this.observation?.missing) return { kind: 'end', why: 'its registration is gone from Azure DevOps' };
      if (this.facets.registration === 'disabled') return { kind: 'end', why: 'it served its job' };

      const connecting = this.receipt.onlineAt === undefined;
      const wait = connecting
        ? limits.connectMs
        : this.offlineSince !== undefined
          ? limits.offlineMs
          : limits.lifetimeMs;
      this.deadline = Date.now() + wait;
      const offlineBefore = this.offlineSince;
      const woken = await condition(
        () =>
          this.unservedJob() !== undefined ||
          this.retireReason !== undefined ||
          this.observation?.missing === true ||
          this.offlineSince !== offlineBefore ||
          (connecting && this.receipt.onlineAt !== undefined),
        wait,
        { summary: connecting ? 'longest wait for the agent to connect' : 'longest wait for a job' },
      );
      if (!woken) return this.timedOut(connecting);
    }
  }

  /** Runs one job on the agent, from disabling it to the end of the lease. */
  async serve(job: ObservedJob): Promise<LeaseOutcome | undefined> {
    const { identity, specification, limits } = this.input;
    this.served.push(job.requestId);
    this.deadline = Date.now() + limits.leaseMs;
    this.change({ registration: 'disabled', lease: 'held' }, `runs ${job.jobName} (request ${job.requestId})`);
    const disabling = this.disable();
    const organization = organizationName(identity.organizationUrl);
    let outcome: LeaseOutcome | undefined;
    try {
      const handle = await startChild(lease, {
        workflowId: workflowIds.lease(organization, job.requestId),
        args: [{ identity, job, limits, receipt: this.receipt }],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        staticSummary: `job ${job.jobName} on ${identity.agent}`,
        typedSearchAttributes: [
          { key: searchAttributes.poolName, value: identity.pool },
          { key: searchAttributes.organization, value: organization },
          { key: searchAttributes.leaseState, value: 'running' },
          { key: searchAttributes.jobId, value: String(job.requestId) },
          { key: searchAttributes.agentImage, value: this.image.name },
          { key: searchAttributes.vmSize, value: specification.machine.vmSize },
        ],
      });
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
    const { identity, specification, limits } = this.input;
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
          [{ identity, workflowId: workflowInfo().workflowId, machine: specification.machine }],
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
  async report(failure: FailureDetails | undefined, job: LeaseOutcome | undefined): Promise<AgentReport> {
    const report: AgentReport = {
      agent: this.input.identity.agent,
      outcome: failure && !job ? 'failed' : 'returned',
      ...(failure && !job
        ? {
            failure: {
              code: failure.code,
              class: failure.class,
              message: failure.message,
              retryAfterMs: failure.retryAfterMs,
            },
          }
        : {}),
      ...(job ? { job } : {}),
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
    if (observation.online) {
      this.receipt.onlineAt ??= observation.sequence;
      this.offlineSince = undefined;
    } else if (this.receipt.onlineAt !== undefined) {
      this.offlineSince ??= observation.sequence;
    }
    if (this.facets.compute !== 'running') return;
    if (this.facets.registration === 'registered' && observation.online) {
      // A job that comes with it is about to be served; the state then goes straight to Allocated.
      this.change({ registration: 'online' }, 'online', this.unservedJob() === undefined);
    }
  }

  private seenOnline(): boolean {
    return this.receipt.onlineAt !== undefined;
  }

  private unservedJob(): ObservedJob | undefined {
    const job = this.observation?.job;
    return job && !this.served.includes(job.requestId) ? job : undefined;
  }

  private timedOut(connecting: boolean): NextEvent {
    if (connecting) {
      const minutes = Math.round(this.input.limits.connectMs / 60_000);
      this.failure = {
        code: 'AgentDidNotConnect',
        class: 'lost',
        message: `${this.input.identity.agent} did not connect to Azure DevOps within ${minutes} minutes.`,
        hint: 'Look at the boot diagnostics of the image and at the way from its subnet to Azure DevOps.',
        call: 'connect',
        retryAfterMs: 0,
      };
      return { kind: 'end', why: this.failure.message };
    }
    return { kind: 'end', why: this.offlineSince === undefined ? 'its lifetime is over' : 'it went offline' };
  }

  private async disable(): Promise<void> {
    const { identity } = this.input;
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

  private change(facets: Partial<AgentFacets>, why: string, show = true): void {
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

  private view() {
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
      ...(this.observation?.job === undefined ? {} : { job: this.observation.job }),
      receipt: this.receipt,
    };
  }
}

/** Search attributes that the pool sets when it starts an agent. */
export function agentSearchAttributes(input: AgentInput) {
  return [
    { key: searchAttributes.poolName, value: input.identity.pool },
    { key: searchAttributes.organization, value: organizationName(input.identity.organizationUrl) },
    { key: searchAttributes.agentState, value: 'Provisioning' },
    { key: searchAttributes.agentImage, value: input.image },
    { key: searchAttributes.vmSize, value: input.specification.machine.vmSize },
  ];
}

import { getExternalWorkflowHandle, log, workflowInfo } from '@temporalio/workflow';
import { agentState, type AgentFacets } from '../../domain/agent-state.ts';
import type { AgentInput, AgentObservation, LeaseOutcome } from '../../domain/messages.ts';
import type { CarriedAgent, AgentProgress } from '../../domain/stateful-messages.ts';
import { workflowIds } from '../../domain/names.ts';
import type { AgentLife } from '../agent.ts';
import { agentProgressed } from '../messages.ts';

/** Request ids that an agent remembers, so that a job which is told twice is served once. */
const servedMax = 100;

/** After the server refused to forget an agent, how long to wait for the observer to show its job. */
const busyConfirmMs = 30_000;

/** Longest such wait after refusals in a row, so that a job that nobody shows fills no history. */
const busyConfirmMaxMs = 600_000;

/** When the longest life of an agent is over, in milliseconds since the epoch; `Infinity` for a stateless one. */
export function endOfLife({ input: { specification }, createdAt }: AgentLife): number {
  return createdAt + (specification.stateful?.lifetimeMs ?? Infinity);
}

/** The facets of an agent that a job holds. One that runs a job runs and is connected, whatever was reported of it. */
export function held({ isStateful, facets }: AgentLife): Partial<AgentFacets> {
  if (!isStateful) return { registration: 'disabled', lease: 'held' };
  return { lease: 'held', registration: 'online', ...(facets.compute === 'creating' ? { compute: 'running' } : {}) };
}

/** After a job: tells the pool, and keeps no more of the job than is needed. */
export async function goOn(life: AgentLife, job: LeaseOutcome | undefined): Promise<void> {
  const { pool, agent } = life.input.identity;
  const unfit = unfitAfter(job);
  if (unfit !== undefined) life.ask(unfit);
  life.refusals = 0;
  life.failure = undefined;
  life.served = life.served.slice(-servedMax);
  const last = life.jobs.at(-1);
  life.jobs = life.jobs.filter((one) => one === last || !life.served.includes(one.requestId));
  if (life.parkReason !== undefined) {
    // The pool decides anew: it may not have known of the job.
    life.parkReason = undefined;
    await tellPool(pool, { agent, kind: 'notParked' });
  }
  if (!job) return;
  life.told += 1;
  await tellPool(pool, { agent, kind: 'served', job: { ...job, receipt: { ...life.receipt, ...job.receipt } } });
}

/**
 * Why an agent must not serve on after this job: it lost its job, or the job its time, and nobody knows what still runs
 * on the machine. `undefined`: it may.
 */
function unfitAfter(job: LeaseOutcome | undefined): string | undefined {
  if (!job) return 'a job on it belongs to another lease';
  if (job.outcome === 'expired') return 'the lease of its job expired';
  return job.outcome === 'agentLost' || job.outcome === 'evicted' ? 'it lost its job' : undefined;
}

/**
 * The server refused to forget the agent, for a job came first. Answers how long to wait for the observer to show it. A
 * stateful agent goes after that job all the same, because its pool counts on it.
 */
export function refused(life: AgentLife, why: string): number {
  if (!life.isStateful) {
    life.retireReason = undefined;
    return busyConfirmMs;
  }
  life.ask(why);
  return Math.min(busyConfirmMaxMs, busyConfirmMs * 2 ** Math.min(10, life.refusals++));
}

/** A stateful agent may be away for a moment after a job; a stateless one is about to go then. */
export function followConnection(life: AgentLife, { online }: AgentObservation): void {
  const { compute, registration } = life.facets;
  if (!life.isStateful || compute !== 'running' || life.receipt.onlineAt === undefined) return;
  if (online && registration === 'offline') life.change({ registration: 'online' }, 'online again');
  if (!online && registration === 'online') life.change({ registration: 'offline' }, 'offline');
}

/** Whether the run has become so long that the next one should begin. Bounds the history of seven days of jobs. */
export function shouldContinueAsNew({ isStateful, provisioned, signals, input, cancellation }: AgentLife): boolean {
  // Whose job is being cancelled is about to end.
  if (!isStateful || !provisioned || cancellation.reason !== undefined) return false;
  return workflowInfo().continueAsNewSuggested || signals >= input.limits.signalsPerRun;
}

/** The input of the next run. */
export function carry(life: AgentLife): AgentInput {
  const { createdAt, facets, since, why, receipt, jobs, served, told } = life;
  const { registrationId, resourceId, observation, offlineSince, retireReason, parkReason, failure } = life;
  const optional = { registrationId, resourceId, observation, offlineSince, retireReason, parkReason, failure };
  const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined));
  const spot = life.watch.spot ? { spot: true as const } : {};
  const carried = {
    schemaVersion: 1 as const,
    createdAt,
    facets,
    since,
    why,
    receipt,
    jobs,
    served,
    told,
    ...given,
    ...spot,
  };
  return { ...life.input, carried };
}

/** Takes up the life of a former run. */
export function takeUp(life: AgentLife, { schemaVersion: _version, facets, spot, ...carried }: CarriedAgent): void {
  // The input itself stays as it is: the next run is handed it again.
  const { jobs, served, receipt } = carried;
  const own = { jobs: [...jobs], served: [...served], receipt: { ...receipt } };
  Object.assign(life, carried, own, { provisioned: true, shown: agentState(facets) });
  Object.assign(life.facets, facets);
  life.watch.spot = spot === true;
}

/** Tells the pool while the agent lives. A pool that is gone has nobody left to tell. */
export async function tellPool(pool: string, progress: AgentProgress): Promise<void> {
  try {
    await getExternalWorkflowHandle(workflowIds.pool(pool)).signal(agentProgressed, progress);
  } catch (error) {
    log.warn('no pool to tell', { error: String(error) });
  }
}

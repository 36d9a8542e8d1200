import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { AuditView } from '../domain/audit/report.ts';
import type {
  AgentKept,
  AgentObservation,
  AgentReport,
  AgentView,
  JobObservation,
  LeaseView,
  PoolObservation,
  PoolState,
  PoolView,
  WatchedPool,
} from '../domain/messages.ts';
import type { WakeRequest, AgentProgress } from '../domain/stateful-messages.ts';
import { signalNames } from '../domain/messages.ts';
import type { DrainAnswer, DrainRequest } from '../domain/verbs/drain.ts';
import type { PurgeAnswer, PurgeRequest } from '../domain/verbs/purge.ts';

/**
 * Every message that a workflow takes. Operator verbs are updates, machine events are signals, reads are queries.
 */

/** Answer of `apply`. */
export interface ApplyResult {
  specificationVersion: number;
  status: PoolState['status'];
  agentPoolId: number;
}

/**
 * Makes the pool what the document says; also creates it, with update-with-start. Fails with `InvalidPool`, whose
 * details are ARM's error body with every violation, before anything is created; what was running stays.
 */
export const apply = defineUpdate<ApplyResult, [{ document: unknown }]>('apply');

/** Returns every agent after its job, removes the agent pool, then closes the workflow. Answers when deletion has begun. */
export const deletePool = defineUpdate<{ status: PoolState['status'] }, []>('delete');

/**
 * Returns agents of the pool: after their jobs, or with force over cancelled jobs. Answers what becomes of each. Fails
 * with `InvalidRequest`, whose details name every unknown agent, before anything is done.
 */
export const purge = defineUpdate<PurgeAnswer, [PurgeRequest]>('purge');

/** Makes no new machine, lets free agents return and jobs finish. Answers at once, with a forecast of the last job's end. */
export const drain = defineUpdate<DrainAnswer, [DrainRequest]>('drain');

/** Returns a machine that is kept for inspection. */
export const release = defineUpdate<{ agent: string }, [{ agent: string }]>('release');

/** Undoes a drain, also after its deadline. Changes nothing where the pool does not drain. */
export const resume = defineUpdate<DrainAnswer, []>('resume');

/** What the pool knows, wants and last decided. */
export const poolView = defineQuery<PoolView>('view');

/** The document as it was last accepted, for `odp pool show --output yaml`. */
export const poolDocument = defineQuery<unknown>('document');

export const poolObserved = defineSignal<[PoolObservation]>(signalNames.poolObserved);

export const agentReported = defineSignal<[AgentReport]>('agentReported');

/** Told by an agent of a pool with several places as soon as Azure refused its machine, so that the pool goes on elsewhere. */
export const placeRefused = defineSignal<[AgentReport]>('placeRefused');
export const agentKept = defineSignal<[AgentKept]>('agentKept');
/** What a stateful agent tells while it lives: a job that it served, and whether it is parked. */
export const agentProgressed = defineSignal<[AgentProgress]>('agentProgressed');

export const agentObserved = defineSignal<[AgentObservation]>(signalNames.agentObserved);

/** Asks an agent to return its machine; a job that it runs is finished first, or with `force` cancelled first. */
export const retire = defineSignal<[{ reason: string; force?: true }]>('retire');

/** Asks a stateful agent to deallocate its machine and keep the disks. A job that comes first is served instead. */
export const park = defineSignal<[{ reason: string }]>('park');

/** Asks a parked agent to start its machine again. */
export const wake = defineSignal<[WakeRequest]>('wake');

export const agentView = defineQuery<AgentView>('view');

/** Asks a lease to cancel its job through Azure DevOps, before its time is up. */
export const cancelJob = defineSignal<[{ reason: string }]>('cancelJob');

export const jobObserved = defineSignal<[JobObservation]>(signalNames.jobObserved);

export const leaseView = defineQuery<LeaseView>('view');

export const watchPool = defineSignal<[WatchedPool]>(signalNames.watchPool);

export const unwatchPool = defineSignal<[{ pool: string }]>(signalNames.unwatchPool);

export const organizationView = defineQuery<{ organization: string; pools: WatchedPool[] }>('view');

/** Lets an audit delete more than its cap, as it planned. Refused when none waits for it. */
export const approveAudit = defineUpdate<{ approved: number }, []>('approve');

/** What the audit does, and what it found and did so far. */
export const auditView = defineQuery<AuditView>('view');

import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { AuditView } from '../domain/audit/report.ts';
import type {
  AgentObservation,
  AgentProgress,
  AgentReport,
  AgentView,
  JobObservation,
  LeaseOutcome,
  PoolObservation,
  PoolState,
  PoolView,
  WakeRequest,
  WatchedPool,
} from '../domain/messages.ts';
import { signalNames } from '../domain/messages.ts';

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

/** What the pool knows, wants and last decided. */
export const poolView = defineQuery<PoolView>('view');

/** The document as it was last accepted, for `odp pool show --output yaml`. */
export const poolDocument = defineQuery<unknown>('document');

export const poolObserved = defineSignal<[PoolObservation]>(signalNames.poolObserved);

export const agentReported = defineSignal<[AgentReport]>('agentReported');

/** What a stateful agent tells while it lives: a job that it served, and whether it is parked. */
export const agentProgressed = defineSignal<[AgentProgress]>('agentProgressed');

export const agentObserved = defineSignal<[AgentObservation]>(signalNames.agentObserved);

/** Asks an agent to return its machine; a job that it runs is finished first. */
export const retire = defineSignal<[{ reason: string }]>('retire');

/** Asks a stateful agent to deallocate its machine and keep the disks. A job that comes first is served instead. */
export const park = defineSignal<[{ reason: string }]>('park');

/** Asks a parked agent to start its machine again. */
export const wake = defineSignal<[WakeRequest]>('wake');

export const agentView = defineQuery<AgentView>('view');

export const jobObserved = defineSignal<[JobObservation]>(signalNames.jobObserved);

export const leaseView = defineQuery<
  LeaseOutcome | { requestId: number; outcome: 'running'; receipt: LeaseOutcome['receipt'] }
>('view');

export const watchPool = defineSignal<[WatchedPool]>(signalNames.watchPool);

export const unwatchPool = defineSignal<[{ pool: string }]>(signalNames.unwatchPool);

export const organizationView = defineQuery<{ organization: string; pools: WatchedPool[] }>('view');

/** Lets an audit delete more than its cap, as it planned. Refused when none waits for it. */
export const approveAudit = defineUpdate<{ approved: number }, []>('approve');

/** What the audit does, and what it found and did so far. */
export const auditView = defineQuery<AuditView>('view');

import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  AgentObservation,
  AgentReport,
  AgentView,
  JobObservation,
  LeaseOutcome,
  PoolObservation,
  PoolState,
  PoolView,
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
export const apply = defineUpdate<ApplyResult, [{ document: unknown }]>('apply', {
  description: 'Make the pool what the document says. Refused as a whole when anything in it is wrong.',
});

/** Returns every agent after its job, removes the agent pool, then closes the workflow. Answers when deletion has begun. */
export const deletePool = defineUpdate<{ status: PoolState['status'] }, []>('delete', {
  description: 'Return every agent after its job, remove the agent pool in Azure DevOps, then close.',
});

/** What the pool knows, wants and last decided. */
export const poolView = defineQuery<PoolView>('view', { description: 'What the pool knows, wants and last decided.' });

/** The document as it was last accepted, for `odp pool show --output yaml`. */
export const poolDocument = defineQuery<unknown>('document', { description: 'The document as last accepted.' });

export const poolObserved = defineSignal<[PoolObservation]>(signalNames.poolObserved, {
  description: 'What changed in Azure DevOps since the last look.',
});

export const agentReported = defineSignal<[AgentReport]>('agentReported', {
  description: 'An agent ended and how.',
});

export const agentObserved = defineSignal<[AgentObservation]>(signalNames.agentObserved, {
  description: 'What Azure DevOps shows of this agent.',
});

/** Asks an agent to return its machine; a job that it runs is finished first. */
export const retire = defineSignal<[{ reason: string }]>('retire', {
  description: 'Return the machine; a running job is finished first.',
});

export const agentView = defineQuery<AgentView>('view', { description: 'State, since when, why, and what is next.' });

export const jobObserved = defineSignal<[JobObservation]>(signalNames.jobObserved, {
  description: 'What Azure DevOps shows of this job.',
});

/** Tells a lease that its agent is gone. */
export const agentLost = defineSignal<[{ reason: string }]>('agentLost', { description: 'The agent is gone.' });

export const leaseView = defineQuery<
  LeaseOutcome | { requestId: number; outcome: 'running'; receipt: LeaseOutcome['receipt'] }
>('view', { description: 'How far the job is, with its wait receipt.' });

export const watchPool = defineSignal<[WatchedPool]>(signalNames.watchPool, { description: 'Observe this pool too.' });

export const unwatchPool = defineSignal<[{ pool: string }]>(signalNames.unwatchPool, {
  description: 'Observe this pool no longer.',
});

export const organizationView = defineQuery<{ organization: string; pools: WatchedPool[] }>('view', {
  description: 'The pools that this organisation serves.',
});

import { ActivityCancellationType, proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type {
  AgentActivities,
  AuditActivities,
  AzureActivities,
  DevOpsActivities,
  EngineActivities,
  InstallationActivities,
  ObserverActivities,
} from '../activities/interfaces.ts';
import { taskQueues } from '../domain/names.ts';

/**
 * One profile per class of call: its queue, its deadlines and its retries. The SDKs retry nothing by themselves, so
 * these are all the retries that there are. How long to wait after a throttled call comes with the failure itself
 * (`nextRetryDelay` from `Retry-After`).
 */

/** Priorities of tasks: what frees capacity goes first, what only tidies up goes last (1 is first, 5 is last). */
export const priorities = { release: 1, demand: 2, normal: 3, standby: 4, reconcile: 5 } as const;

/**
 * Register and create, return and delete: minutes of waiting for Azure, resumed from the heartbeat, whose time-out is a
 * limit of the agent.
 */
export const machines = proxyActivities<AgentActivities>({
  taskQueue: taskQueues.azure,
  startToCloseTimeout: '1h',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
});

/**
 * The auditor's looks. They are tried again before they answer with a gap; what still fails then is left to the next
 * audit.
 */
export const auditLooks = proxyActivities<Pick<AuditActivities, 'auditLook'>>({
  taskQueue: taskQueues.azure,
  startToCloseTimeout: '5m',
  scheduleToCloseTimeout: '10m',
  heartbeatTimeout: '20s',
  retry: { initialInterval: '5s', backoffCoefficient: 2, maximumAttempts: 5 },
});

/** The auditor's repairs. They give up, because the next audit finds what is still wrong. */
export const auditRepairs = proxyActivities<Omit<AuditActivities, 'auditLook'>>({
  taskQueue: taskQueues.azure,
  startToCloseTimeout: '20m',
  scheduleToCloseTimeout: '30m',
  heartbeatTimeout: '20s',
  retry: { initialInterval: '5s', backoffCoefficient: 2, maximumInterval: '1m', maximumAttempts: 5 },
});

/** Reads on Azure that answer within seconds, asked by a person who waits. */
export const azure = proxyActivities<AzureActivities>({
  taskQueue: taskQueues.azure,
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '2m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 5 },
});

/** Calls on Azure DevOps that a person waits for: they give up and say why. */
export const devopsForOperators = proxyActivities<DevOpsActivities>({
  taskQueue: taskQueues.devops,
  startToCloseTimeout: '1m',
  scheduleToCloseTimeout: '2m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumAttempts: 5 },
});

/** Calls on Azure DevOps that an agent's life depends on: they never give up, for nobody else would do it. */
export const devops = proxyActivities<DevOpsActivities>({
  taskQueue: taskQueues.devops,
  startToCloseTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** What is told or done for the people of a job. It gives up: no machine waits longer than this for a note. */
export const forJobOwners = proxyActivities<Pick<DevOpsActivities, 'tagBuild' | 'retryStage'>>({
  taskQueue: taskQueues.devops,
  startToCloseTimeout: '30s',
  scheduleToCloseTimeout: '5m',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '1m' },
});

/** Calls on the engine itself. */
export const engine = proxyActivities<EngineActivities>({
  taskQueue: taskQueues.devops,
  startToCloseTimeout: '30s',
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
});

/** Pure computation on the installation document, too heavy to load into each workflow. */
export const installation = proxyLocalActivities<InstallationActivities>({
  startToCloseTimeout: '10s',
  retry: { maximumAttempts: 3 },
});

/** The hour-long observer; its deadlines come from the limits of its input. */
export const observer = proxyActivities<ObserverActivities>({
  taskQueue: taskQueues.observer,
  startToCloseTimeout: '70m',
  // Two observers of one organisation must never run beside each other, and the SDK's default would let the next one
  // start before the last one has stopped.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '2s', backoffCoefficient: 1.5, maximumInterval: '30s' },
});

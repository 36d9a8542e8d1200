import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import type { AuditInput } from '../domain/audit/report.ts';
import { installationLimits, type Installation } from '../domain/installation.ts';
import { workflowTypes } from '../domain/messages.ts';
import { auditScheduleId, taskQueues } from '../domain/names.ts';

/** Until the schedule is asserted again after the engine refused; milliseconds. */
const retryMs = 60_000;

/** An audit that the engine could not start in time is not made up for: the next one sees the same and more. */
const catchUpMs = 60_000;

/** Asserts the schedule, and tries again until it succeeds or the signal aborts: a worker works without it too. */
export async function keepAuditSchedule(
  client: Client,
  installation: Installation,
  { signal, refused }: { signal: AbortSignal; refused(error: unknown): void },
): Promise<void> {
  while (!signal.aborted) {
    try {
      return await assertAuditSchedule(client, installation);
    } catch (error) {
      if (signal.aborted) return;
      refused(error);
    }
    await delay(retryMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

/**
 * Makes the engine's schedule of audits what the installation document says; also removes it. Every worker does so at
 * its start, with the same effect. Whether an operator paused it stays as it is.
 */
export async function assertAuditSchedule(client: Client, installation: Installation): Promise<void> {
  const handle = client.schedule.getHandle(auditScheduleId);
  if (!installation.audit.scheduled) {
    await handle.delete().catch((error: unknown) => {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    });
    return;
  }
  const limits = installationLimits(installation).audit;
  const wanted = {
    spec: { intervals: [{ every: limits.everyMs }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: workflowTypes.audit,
      workflowId: auditScheduleId,
      taskQueue: taskQueues.workflows,
      args: [{ limits }] satisfies [AuditInput],
      staticSummary: `audits the installation ${installation.name}`,
    },
    // Two audits beside each other would only find the same.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: catchUpMs },
  };
  try {
    await client.schedule.create({ scheduleId: auditScheduleId, ...wanted });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await handle.update(({ state }) => ({ ...wanted, state }));
  }
}

import type { Client } from '@temporalio/client';

/** An activity that had been scheduled and had not ended at some moment. */
export interface PendingActivity {
  workflowId: string;
  activity: string;
  /** When it ended, milliseconds since the epoch; `Infinity`: it never did. */
  doneAt: number;
}

/** Histories that are fetched at the same time. */
const fetchersMax = 16;

/** The hour-long observer ends only when its hour does; that it looks again shows elsewhere. */
const endless: ReadonlySet<string> = new Set(['observeOrganization']);

/** Every activity that was pending at a moment, from the histories. */
export async function pendingAt(client: Client, moment: number): Promise<PendingActivity[]> {
  const runs: { workflowId: string; runId: string }[] = [];
  for await (const { workflowId, runId, startTime, closeTime } of client.workflow.list()) {
    const closed = closeTime?.getTime() ?? Infinity;
    if (startTime.getTime() <= moment && closed >= moment) runs.push({ workflowId, runId });
  }
  const pending: PendingActivity[] = [];
  const left = runs.values();
  await Promise.all(
    Array.from({ length: fetchersMax }, async () => {
      for (const { workflowId, runId } of left) {
        const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        const scheduled = new Map<string, PendingActivity>();
        for (const { eventId, eventTime, ...event } of events ?? []) {
          const at = Number(eventTime?.seconds ?? 0) * 1_000 + (eventTime?.nanos ?? 0) / 1e6;
          const begun = event.activityTaskScheduledEventAttributes?.activityType?.name;
          if (begun && at <= moment && !endless.has(begun)) {
            scheduled.set(String(eventId), { workflowId, activity: begun, doneAt: Infinity });
          }
          const ended =
            event.activityTaskCompletedEventAttributes ??
            event.activityTaskFailedEventAttributes ??
            event.activityTaskTimedOutEventAttributes ??
            event.activityTaskCanceledEventAttributes;
          const known = ended && scheduled.get(String(ended.scheduledEventId));
          if (!known) continue;
          if (at <= moment) scheduled.delete(String(ended.scheduledEventId));
          else known.doneAt = at;
        }
        pending.push(...scheduled.values());
      }
    }),
  );
  return pending;
}

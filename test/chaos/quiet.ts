import { defaultLimits } from '../../domain/limits.ts';
import { chaosLimits, jobLockMs } from './arena.ts';
import type { ChaosSchedule } from './schedule.ts';

const second = 1_000;
const minute = 60 * second;

/** After Azure or Azure DevOps refused a return, how long an agent waits before it asks again (`workflows/agent.ts`). */
const refusedRetryMs = 5 * minute;

/** The longest pause between two attempts of an activity (`workflows/activity-profiles.ts`). */
const attemptsMs = minute;

/** Kinds of faults that can make a return fail for good, so that it is tried again five minutes later. */
const returnsFail: ReadonlySet<string> = new Set(['deleteFails', 'deleteConflict']);

/**
 * How long after the last disturbance everything may take to be as declared. In the worst case these come after each
 * other: the longest pause between two attempts; an agent whose create hangs, which never connects, and whose return
 * hangs; a dead agent's lock; two audits with their confirmation; the longest hold after three failures in a row; and
 * the backlog of the pool that has the most to do. Where a return can fail, its next try is five minutes later.
 */
export function boundMs(schedules: readonly ChaosSchedule[]): number {
  const { connectMs, provisionMs, returnMs, offlineMs } = chaosLimits.agent;
  const { everyMs, confirmMs } = { ...defaultLimits.audit, ...chaosLimits.audit };
  const hold = 2 * minute;
  const backlog = Math.max(
    ...schedules.map(
      ({ jobs, last }) =>
        jobs.reduce((sum, { durationMs }) => sum + durationMs + 12 * second, 0) / (last?.maximumConcurrency ?? 1),
    ),
  );
  const refused = schedules.some(({ faults }) => faults.some(({ kind }) => returnsFail.has(kind)));
  return Math.round(
    attemptsMs +
      provisionMs +
      connectMs +
      returnMs +
      offlineMs +
      jobLockMs +
      2 * everyMs +
      confirmMs +
      hold +
      backlog +
      (refused ? refusedRetryMs : 0),
  );
}

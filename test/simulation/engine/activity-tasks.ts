import proto from '@temporalio/proto';
import { decode, decodeAll } from './payloads.ts';
import type { Engine } from './engine.ts';
import type { ActivityRecord, Run } from './records.ts';
import { durationMs, type Command, type Failure, type Payload } from './sdk.ts';

const { RetryState, TimeoutType } = proto.temporal.api.enums.v1;
const { ActivityCancellationType } = proto.coresdk.workflow_commands;

/** How long a task waits before the engine looks again for somebody who polls. */
const noPollerMs = 500;

/** Heartbeats that are kept for a search. */
const textsKept = 500;

/** The life of activities in the engine: queued, given to workers, timed out, tried again. */
export class ActivityTasks {
  /** Details of heartbeats, as the engine's database has them: some, to be searched for secrets. */
  readonly heartbeats = new Set<string>();
  /** Failures of attempts, which the engine shows while it tries again: some, to be searched for secrets. */
  readonly failures = new Set<string>();
  private readonly engine: Engine;
  private readonly byToken = new Map<string, ActivityRecord>();
  private tokens = 0;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  schedule(run: Run, command: NonNullable<Command['scheduleActivity']>): void {
    const { retryPolicy } = command;
    const initialMs = durationMs(retryPolicy?.initialInterval) ?? 1_000;
    const scheduleToClose = durationMs(command.scheduleToCloseTimeout);
    const startToClose = durationMs(command.startToCloseTimeout);
    const heartbeat = durationMs(command.heartbeatTimeout);
    const activity: ActivityRecord = {
      run,
      seq: command.seq ?? 0,
      activityId: command.activityId ?? '',
      type: command.activityType ?? '',
      taskQueue: command.taskQueue ?? '',
      input: command.arguments ?? [],
      scheduledAt: this.engine.now(),
      timeouts: {
        ...(scheduleToClose === undefined ? {} : { scheduleToClose }),
        ...(startToClose === undefined ? {} : { startToClose }),
        ...(heartbeat === undefined ? {} : { heartbeat }),
      },
      retry: {
        initialMs,
        coefficient: retryPolicy?.backoffCoefficient || 2,
        // The server's default ceiling.
        maximumMs: durationMs(retryPolicy?.maximumInterval) ?? 100 * initialMs,
        attempts: retryPolicy?.maximumAttempts ?? 0,
      },
      cancellation:
        command.cancellationType === ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
          ? 'waitCompleted'
          : command.cancellationType === ActivityCancellationType.ABANDON
            ? 'abandon'
            : 'tryCancel',
      attempt: 1,
      heartbeatDetails: undefined,
      token: undefined,
      cancelRequested: false,
      done: false,
      deadlines: [],
    };
    run.activities.set(activity.seq, activity);
    run.events += 1;
    if (scheduleToClose !== undefined) {
      activity.closeDeadline = this.engine.at(activity.scheduledAt + scheduleToClose, () =>
        this.finish(activity, timedOut(activity, TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE)),
      );
    }
    this.queue(activity, this.engine.now());
  }

  /** A workflow asks for the end of an activity. */
  requestCancel(run: Run, seq: number): void {
    const activity = run.activities.get(seq);
    if (!activity || activity.done) return;
    run.events += 1;
    if (activity.cancellation === 'abandon') return;
    activity.cancelRequested = true;
    if (activity.cancellation === 'tryCancel' || activity.token === undefined) {
      this.resolve(activity, { cancelled: { failure: cancelled(activity) } });
    }
  }

  /** The run is over: nothing that its activities say is heard any more. */
  abandonAll(run: Run): void {
    for (const activity of run.activities.values()) this.forget(activity);
  }

  /** What the server answers to a heartbeat. */
  heartbeat(token: string, details: Payload | undefined): 'notFound' | 'cancelRequested' | 'goOn' {
    const activity = this.byToken.get(token);
    if (!activity) return 'notFound';
    if (details) {
      activity.heartbeatDetails = details;
      if (this.heartbeats.size < textsKept) this.heartbeats.add(Buffer.from(details.data ?? []).toString('utf8'));
    }
    this.armHeartbeat(activity);
    return activity.cancelRequested ? 'cancelRequested' : 'goOn';
  }

  completed(token: string, result: Payload): void {
    const activity = this.byToken.get(token);
    if (activity) this.resolve(activity, { completed: { result } });
  }

  cancelled(token: string): void {
    const activity = this.byToken.get(token);
    // A worker may only report as cancelled what was asked to end; else it is a failure like others.
    if (!activity) return;
    if (activity.cancelRequested) this.resolve(activity, { cancelled: { failure: cancelled(activity) } });
    else
      this.failed(token, { message: 'cancelled without being asked', applicationFailureInfo: { type: 'Cancelled' } });
  }

  failed(token: string, failure: Failure): void {
    const activity = this.byToken.get(token);
    if (!activity) return;
    const info = failure.applicationFailureInfo;
    activity.lastFailure = failure;
    if (this.failures.size < textsKept) this.failures.add(JSON.stringify(failure));
    this.retryOr(activity, failure, info?.nonRetryable === true, durationMs(info?.nextRetryDelay));
  }

  private queue(activity: ActivityRecord, at: number): void {
    this.engine.at(at + this.engine.latency(), () => this.dispatch(activity));
  }

  private dispatch(activity: ActivityRecord): void {
    if (activity.done || activity.token !== undefined) return;
    const worker = this.engine.workers.pick();
    if (worker === undefined) return this.queue(activity, this.engine.now() + noPollerMs);
    const token = `${activity.run.runId}/${activity.seq}/${++this.tokens}`;
    activity.token = token;
    this.byToken.set(token, activity);
    const { startToClose } = activity.timeouts;
    if (startToClose !== undefined) {
      activity.deadlines.push(
        this.engine.at(this.engine.now() + startToClose, () =>
          this.expired(activity, token, TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE),
        ),
      );
    }
    this.armHeartbeat(activity);
    const { run } = activity;
    this.engine.note(`${activity.type} ${activity.attempt} begins on ${worker.name} for ${run.workflowId}`);
    this.engine.figures.activities += 1;
    this.engine.at(this.engine.now() + this.engine.latency(), () =>
      this.engine.workers.runActivity(worker, {
        token,
        workflowId: run.workflowId,
        runId: run.runId,
        workflowType: run.type,
        activityId: activity.activityId,
        type: activity.type,
        taskQueue: activity.taskQueue,
        args: decodeAll(activity.input),
        attempt: activity.attempt,
        heartbeatDetails: decode(activity.heartbeatDetails),
        startToCloseMs: startToClose,
        heartbeatMs: activity.timeouts.heartbeat,
      }),
    );
  }

  private armHeartbeat(activity: ActivityRecord): void {
    const { heartbeat } = activity.timeouts;
    const { token } = activity;
    if (heartbeat === undefined || token === undefined) return;
    const [, former] = activity.deadlines;
    former?.();
    activity.deadlines[1] = this.engine.at(this.engine.now() + heartbeat, () =>
      this.expired(activity, token, TimeoutType.TIMEOUT_TYPE_HEARTBEAT),
    );
  }

  private expired(activity: ActivityRecord, token: string, kind: number): void {
    if (activity.token !== token || activity.done) return;
    this.engine.note(`${activity.type} ${activity.attempt} of ${activity.run.workflowId} timed out (${kind})`);
    this.engine.figures.timedOutAttempts += 1;
    this.retryOr(activity, timedOut(activity, kind), false, undefined);
  }

  private retryOr(activity: ActivityRecord, failure: Failure, final: boolean, delay: number | undefined): void {
    const { retry, timeouts, scheduledAt } = activity;
    const backOff = delay ?? Math.min(retry.maximumMs, retry.initialMs * retry.coefficient ** (activity.attempt - 1));
    const nextAt = this.engine.now() + backOff;
    const tooLate = timeouts.scheduleToClose !== undefined && nextAt > scheduledAt + timeouts.scheduleToClose;
    const spent = retry.attempts > 0 && activity.attempt >= retry.attempts;
    if (final || spent || tooLate || activity.cancelRequested) return this.finish(activity, failure);
    this.release(activity);
    activity.attempt += 1;
    this.queue(activity, nextAt);
  }

  private finish(activity: ActivityRecord, cause: Failure): void {
    if (activity.done) return;
    this.resolve(activity, {
      failed: {
        failure: {
          message: cause.timeoutFailureInfo ? 'Activity task timed out' : 'Activity task failed',
          cause,
          activityFailureInfo: {
            activityId: activity.activityId,
            activityType: { name: activity.type },
            identity: 'worker',
            retryState: RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE,
          },
        },
      },
    });
  }

  private resolve(activity: ActivityRecord, result: object): void {
    if (activity.done) return;
    const { run, seq } = activity;
    this.forget(activity);
    run.events += 2;
    this.engine.happened(run, { resolveActivity: { seq, result } });
  }

  private release(activity: ActivityRecord): void {
    for (const cancel of activity.deadlines) cancel?.();
    activity.deadlines = [];
    if (activity.token !== undefined) this.byToken.delete(activity.token);
    activity.token = undefined;
  }

  private forget(activity: ActivityRecord): void {
    activity.done = true;
    activity.closeDeadline?.();
    this.release(activity);
    activity.run.activities.delete(activity.seq);
  }
}

function timedOut(activity: ActivityRecord, kind: number): Failure {
  const name = {
    [TimeoutType.TIMEOUT_TYPE_HEARTBEAT]: 'Heartbeat',
    [TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE]: 'StartToClose',
    [TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE]: 'ScheduleToClose',
  }[kind];
  return {
    message: `activity ${name} timeout`,
    timeoutFailureInfo: { timeoutType: kind },
    ...(activity.lastFailure ? { cause: activity.lastFailure } : {}),
  };
}

function cancelled({ activityId, type }: ActivityRecord): Failure {
  return {
    message: 'Activity cancelled',
    activityFailureInfo: { activityId, activityType: { name: type } },
    cause: { message: 'Cancelled', canceledFailureInfo: {} },
  };
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { Chance } from '../../../emulator/core/context.ts';
import type { Engine } from '../engine/engine.ts';
import { encode, failureOf } from '../engine/payloads.ts';
import type { ActivityTask, WorkerPool } from '../engine/records.ts';
import { currentProcess, inProcess, outside, whenAwake, type Process } from '../time/process.ts';
import type { Timeline } from '../time/timeline.ts';
import { newProcess } from './link.ts';

type Activity = (...args: unknown[]) => Promise<unknown>;

/** The product's activities with clients of their own, as each worker process makes them. */
export type MakeActivities = () => Record<string, Activity>;

/** The worker holds heartbeats back for this share of their time-out (SDK Core). */
const heartbeatShare = 0.8;
/** Longest time for which heartbeats are held back; milliseconds (SDK Core's default, and what our observer's worker sets). */
const throttleMs = { default: 60_000, observer: 2_000 } as const;
/** The worker itself ends an attempt that the server must have given up by this long ago; milliseconds (SDK Core). */
const localTimeoutGraceMs = 5_000;
/** How often the worker tries again to tell the engine how an attempt ended; milliseconds. */
const respondRetryMs = 1_000;

const mute = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** The workers of the installation. They come and go; what one did is only in the engine and in the cloud. */
export class Workers implements WorkerPool {
  engine!: Engine;
  private readonly timeline: Timeline;
  private readonly chance: Chance;
  private readonly make: MakeActivities;
  private readonly members: { process: Process; activities: Record<string, Activity> }[] = [];
  private started = 0;

  constructor(timeline: Timeline, chance: Chance, make: MakeActivities) {
    this.timeline = timeline;
    this.chance = chance;
    this.make = make;
  }

  start(): Process {
    const process = newProcess(`worker-${++this.started}`);
    const activities = inProcess(process, this.make);
    this.members.push({ process, activities });
    return process;
  }

  /** Those that run now, also stopped ones. */
  get alive(): Process[] {
    return this.members.flatMap(({ process }) => (process.alive ? [process] : []));
  }

  kill(process: Process): void {
    process.alive = false;
    const index = this.members.findIndex((member) => member.process === process);
    if (index >= 0) this.members.splice(index, 1);
  }

  usable(process: Process): boolean {
    return process.alive && !process.partitioned && process.stoppedUntil <= this.timeline.now();
  }

  pick(): Process | undefined {
    const ready = this.alive.filter((process) => this.usable(process));
    return ready[Math.floor(this.chance.uniform() * ready.length)];
  }

  async runLocal(worker: Process, type: string, args: unknown[]): Promise<unknown> {
    const activity = this.activitiesOf(worker)?.[type];
    if (!activity) throw new Error(`The workers have no local activity ${type}.`);
    return await inProcess(worker, () => environment({ isLocal: true, activityType: type }).run(activity, ...args));
  }

  runActivity(worker: Process, task: ActivityTask): void {
    // A worker that was killed or cut off in between took the task with it: the engine's time-outs find out.
    const activities = this.activitiesOf(worker);
    if (!activities || worker.partitioned) return;
    const run = (): void => inProcess(worker, () => this.attempt(activities, task));
    const later = (at: number): void =>
      void this.timeline.at(at, () => whenAwake(worker, this.timeline.now(), later, run));
    void whenAwake(worker, this.timeline.now(), later, run);
  }

  private activitiesOf(worker: Process): Record<string, Activity> | undefined {
    return this.members.find(({ process }) => process === worker)?.activities;
  }

  private attempt(activities: Record<string, Activity>, task: ActivityTask): void {
    const activity = activities[task.type];
    if (!activity) throw new Error(`The workers have no activity ${task.type}.`);
    const attempt = environment({
      activityType: task.type,
      activityId: task.activityId,
      attempt: task.attempt,
      taskQueue: task.taskQueue,
      heartbeatDetails: task.heartbeatDetails,
      heartbeatTimeoutMs: task.heartbeatMs,
      workflowType: task.workflowType,
      workflowExecution: { workflowId: task.workflowId, runId: task.runId },
    });
    const heartbeats = new Heartbeats(this, task, (reason) => attempt.cancel(reason));
    attempt.on('heartbeat', (details: unknown) => heartbeats.beat(details));
    const { startToCloseMs } = task;
    const timer =
      startToCloseMs === undefined
        ? undefined
        : setTimeout(() => attempt.cancel('TIMED_OUT'), startToCloseMs + localTimeoutGraceMs);
    const end = (respond: () => void): void => {
      clearTimeout(timer);
      heartbeats.stop();
      respond();
    };
    attempt.run(activity, ...task.args).then(
      (value) => end(() => this.respond(() => this.engine.activityTasks.completed(task.token, encode(value)))),
      (error: unknown) =>
        end(() => {
          this.engine.note(`${task.type} ${task.attempt} of ${task.workflowId} fails: ${oneLine(error)}`);
          if (error instanceof CancelledFailure || (error as Error | undefined)?.name === 'AbortError') {
            return this.respond(() => this.engine.activityTasks.cancelled(task.token));
          }
          const details = heartbeats.unsent;
          this.respond(() => {
            // The last heartbeat goes with the failure.
            if (details !== undefined) this.engine.activityTasks.heartbeat(task.token, encode(details));
            this.engine.activityTasks.failed(task.token, failureOf(error));
          });
        }),
    );
  }

  /** Tells the engine, again and again until it can be reached. A result may get lost on the way. */
  private respond(tell: () => void): void {
    if (this.engine.strikes('loseResult')) {
      this.engine.figures.lostResults += 1;
      return;
    }
    this.send(tell, true);
  }

  /** One message of the worker that is at work; `again`: until it gets through. */
  send(effect: () => void, again: boolean): void {
    const process = currentProcess();
    const { timeline, engine } = this;
    const leave = (at: number): void => {
      timeline.at(at, () =>
        whenAwake(process, timeline.now(), leave, () => {
          if (process?.partitioned || engine.down) {
            if (again) leave(timeline.now() + respondRetryMs);
            return;
          }
          outside(effect);
        }),
      );
    };
    leave(timeline.now() + engine.latency());
  }
}

/** Heartbeats of one attempt, held back as the real worker does. */
class Heartbeats {
  private readonly workers: Workers;
  private readonly task: ActivityTask;
  private readonly cancel: (reason: 'CANCELLED' | 'NOT_FOUND' | 'TIMED_OUT') => void;
  private held: { details: unknown } | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private expiry: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  constructor(workers: Workers, task: ActivityTask, cancel: (reason: 'CANCELLED' | 'NOT_FOUND' | 'TIMED_OUT') => void) {
    this.workers = workers;
    this.task = task;
    this.cancel = cancel;
    this.armExpiry();
  }

  /** Details that the engine has not been sent. */
  get unsent(): unknown {
    return this.held?.details;
  }

  beat(details: unknown): void {
    if (this.stopped || this.task.heartbeatMs === undefined) return;
    this.held = { details };
    if (this.timer === undefined) this.flush();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.expiry);
  }

  private flush(): void {
    this.timer = undefined;
    if (this.held === undefined) return;
    const { details } = this.held;
    this.held = undefined;
    const longest = this.task.type === 'observeOrganization' ? throttleMs.observer : throttleMs.default;
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.flush();
      },
      Math.min(heartbeatShare * (this.task.heartbeatMs ?? 0), longest),
    );
    const process = currentProcess();
    const here = AsyncLocalStorage.snapshot();
    const { engine } = this.workers;
    this.workers.send(() => {
      const answer = engine.activityTasks.heartbeat(this.task.token, encode(details));
      const hear = (at: number): void =>
        void engine.timeline.at(at, () =>
          whenAwake(process, engine.timeline.now(), hear, () => {
            if (this.stopped) return;
            here(() => {
              this.armExpiry();
              if (answer !== 'goOn') this.cancel(answer === 'notFound' ? 'NOT_FOUND' : 'CANCELLED');
            });
          }),
        );
      hear(engine.timeline.now() + engine.latency());
    }, false);
  }

  /** The worker ends an attempt by itself when no heartbeat got through for too long. */
  private armExpiry(): void {
    const { heartbeatMs } = this.task;
    if (heartbeatMs === undefined) return;
    clearTimeout(this.expiry);
    this.expiry = setTimeout(() => this.cancel('TIMED_OUT'), heartbeatMs + localTimeoutGraceMs);
  }
}

function environment(info: object): MockActivityEnvironment {
  return new MockActivityEnvironment({ attempt: 1, ...info }, { logger: mute });
}

function oneLine(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 300);
}

import type { Process } from '../time/process.ts';
import { applyCommands, isTerminal } from './commands.ts';
import type { Engine } from './engine.ts';
import { encode, failureOf, decodeAll, stable } from './payloads.ts';
import type { CommittedActivation, Run } from './records.ts';
import type { Activated, ActivationData, Command, Job, WorkflowRuntime } from './sdk.ts';

/** How long the engine waits for the answer of a workflow task before it gives it to another worker. */
const taskTimeoutMs = 10_000;

/** What one task did, until the engine has taken it. */
interface TaskOutcome {
  activations: CommittedActivation[];
  commands: Command[];
  /** Updates that the validator refused: history never hears of them. */
  refused: Set<string>;
  flags: number[];
}

/**
 * Gives workflow tasks to workers and takes their answers. A worker keeps an instance of each workflow; where it is
 * gone, or another worker takes over, the instance is rebuilt from what was committed, and must do the same again.
 */
export class WorkflowTasks {
  private readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  schedule(run: Run, afterMs = this.engine.latency()): void {
    if (run.task !== 'none' || run.status !== 'running') return;
    run.task = 'scheduled';
    this.engine.at(this.engine.now() + afterMs, () => this.start(run));
  }

  /** Drops the instance: the next task rebuilds it. */
  async evict(run: Run): Promise<void> {
    const { instance } = run;
    run.instance = undefined;
    if (instance) await this.engine.timeline.during(instance.workflow.dispose());
  }

  private async start(run: Run): Promise<void> {
    run.task = 'none';
    if (run.status !== 'running' || run.pending.length === 0) return;
    const { workers } = this.engine;
    const kept = run.instance?.worker;
    const worker = kept && workers.usable(kept) ? kept : workers.pick();
    if (worker === undefined) return this.schedule(run, 500);
    run.task = 'started';
    const { epoch } = this.engine;
    const jobs = inCoreOrder(run.pending);
    run.pending = [];
    if (worker !== kept) await this.evict(run);

    const outcome = await this.work(run, worker, jobs);
    if (typeof outcome === 'string') {
      // What the real worker does with a bug or a history that does not fit: it reports, and gets the task again.
      this.engine.problem('workflowTaskFailed', run.workflowId, outcome);
      return await this.again(run, jobs, Math.min(60_000, 1_000 * 2 ** run.taskFailures++));
    }
    run.taskFailures = 0;
    const lost = this.engine.strikes('loseTask');
    this.engine.at(this.engine.now() + this.engine.latency(), async () => {
      if (lost || epoch !== this.engine.epoch || !workers.usable(worker)) {
        this.engine.figures.lostTasks += 1;
        return await this.again(run, jobs, taskTimeoutMs);
      }
      // The server refuses to close a run that has not seen everything.
      if (run.pending.length > 0 && outcome.commands.some(isTerminal)) {
        this.engine.figures.unhandledCommands += 1;
        return await this.again(run, jobs, 1);
      }
      await this.commit(run, outcome);
    });
  }

  private async again(run: Run, jobs: Job[], afterMs: number): Promise<void> {
    run.task = 'none';
    run.pending = [...jobs, ...run.pending];
    await this.evict(run);
    this.schedule(run, afterMs);
  }

  private async commit(run: Run, { activations, commands, refused, flags }: TaskOutcome): Promise<void> {
    run.task = 'none';
    // A task that did nothing but refuse an update leaves no trace in the history.
    const recorded = activations
      .map((activation) => withoutRefused(activation, refused))
      .filter(({ jobs, commands: text }) => jobs.length > 0 || text !== '[]');
    if (recorded.length > 0) run.events += 3;
    run.committed.push(...recorded);
    run.flags = [...new Set([...run.flags, ...flags])];
    applyCommands(this.engine, run, commands);
    if (run.status !== 'running') return await this.evict(run);
    if (this.engine.strikes('evict')) await this.evict(run);
    if (run.pending.length > 0) this.schedule(run);
  }

  /** One task: activations, and the local activities between them. Answers why it failed, or what it did. */
  private async work(run: Run, worker: Process, jobs: Job[]): Promise<TaskOutcome | string> {
    const replayed = await this.instance(run, worker);
    if (replayed !== undefined) return replayed;
    const outcome: TaskOutcome = { activations: [], commands: [], refused: new Set(), flags: [] };
    const accepted = new Set<string>();
    let next = jobs;
    while (next.length > 0) {
      const data: ActivationData = {
        jobs: next,
        at: this.engine.now(),
        historyLength: run.events + 2,
        continueAsNewSuggested: run.events >= this.engine.chances.suggestContinueAsNewEvents,
      };
      this.engine.figures.activations += 1;
      const done = await this.activate(run.instance!.workflow, run.runId, data, {
        replaying: false,
        flags: run.flags,
      });
      if (done.failure !== undefined) return done.failure;
      outcome.commands.push(...done.commands);
      outcome.flags.push(...done.flags);
      for (const { updateResponse } of done.commands) {
        const id = updateResponse?.protocolInstanceId ?? '';
        if (updateResponse?.accepted) accepted.add(id);
        // After it was accepted, a rejection is how an update fails.
        if (updateResponse?.rejected && !accepted.has(id) && !run.updates.get(id)?.accepted) outcome.refused.add(id);
      }
      outcome.activations.push({ ...data, commands: stable(done.commands) });
      next = await this.runLocals(worker, done.commands);
    }
    return outcome;
  }

  private activate(...given: Parameters<WorkflowRuntime['activate']>): Promise<Activated> {
    return this.engine.timeline.during(this.engine.runtime.activate(...given));
  }

  private async runLocals(worker: Process, commands: readonly Command[]): Promise<Job[]> {
    const jobs: Job[] = [];
    for (const { scheduleLocalActivity: local } of commands) {
      if (!local) continue;
      const result = await this.engine.workers
        .runLocal(worker, local.activityType ?? '', decodeAll(local.arguments))
        .then(
          (value) => ({ completed: { result: encode(value) } }),
          (error: unknown) => ({
            failed: {
              failure: {
                message: 'Activity task failed',
                cause: failureOf(error),
                activityFailureInfo: { activityType: { name: local.activityType ?? '' } },
              },
            },
          }),
        );
      jobs.push({ resolveActivity: { seq: local.seq ?? 0, result, isLocal: true } });
    }
    return jobs;
  }

  /** Makes sure that there is an instance, rebuilt when it is gone. Answers how it differed from the history. */
  private async instance(run: Run, worker: Process): Promise<string | undefined> {
    if (run.instance) return undefined;
    const workflow = await this.engine.timeline.during(
      this.engine.runtime.create({
        workflowId: run.workflowId,
        runId: run.runId,
        firstRunId: run.firstRunId,
        workflowType: run.type,
        taskQueue: run.taskQueue,
        startedAt: run.startedAt,
        randomSeed: run.randomSeed,
        ...(run.parent ? { parent: { workflowId: run.parent.workflowId, runId: run.parent.runId } } : {}),
        ...(run.continuedFrom ? { continuedFrom: run.continuedFrom } : {}),
      }),
    );
    run.instance = { workflow, worker };
    if (run.committed.length > 0) this.engine.figures.replays += 1;
    for (const [index, activation] of run.committed.entries()) {
      const done = await this.activate(workflow, run.runId, activation, {
        replaying: true,
        flags: run.flags,
      });
      const differs = done.failure ?? difference(activation.commands, stable(done.commands));
      if (differs === undefined) continue;
      run.replayFailure = `activation ${index + 1} of ${run.committed.length}: ${differs}`;
      await this.evict(run);
      return `did not replay: ${run.replayFailure}`;
    }
    return undefined;
  }

  /** Answers a query on an instance that has seen all that was committed. */
  async query(run: Run, name: string, args: unknown[]): Promise<unknown> {
    while (run.task === 'started') await this.engine.sleep(5);
    const worker = run.instance?.worker ?? this.engine.workers.pick();
    if (worker === undefined) throw new Error('no worker polls');
    const differs = await this.instance(run, worker);
    if (differs !== undefined) throw new Error(differs);
    const done = await this.activate(
      run.instance!.workflow,
      run.runId,
      {
        jobs: [{ queryWorkflow: { queryId: 'query', queryType: name, arguments: args.map(encode) } }],
        at: this.engine.now(),
        historyLength: run.events,
        continueAsNewSuggested: false,
      },
      { replaying: true, flags: run.flags },
    );
    const answer = done.commands?.find(({ respondToQuery }) => respondToQuery)?.respondToQuery;
    if (answer?.succeeded) return decodeAll([answer.succeeded.response ?? {}])[0];
    throw new Error(answer?.failed?.message ?? done.failure ?? 'the query was not answered');
  }

  /** Replays a whole run in an instance of its own, whether or not one is kept. */
  async verify(run: Run, worker: Process): Promise<void> {
    await this.evict(run);
    const differs = await this.instance(run, worker);
    if (differs !== undefined) this.engine.problem('workflowTaskFailed', run.workflowId, differs);
    await this.evict(run);
  }
}

/** The order in which a worker hands over what happened (SDK Core): start, patches, seed, messages, the rest, locals. */
function inCoreOrder(jobs: Job[]): Job[] {
  const rank = (job: Job): number => {
    if (job.initializeWorkflow) return 1;
    if (job.notifyHasPatch) return 2;
    if (job.updateRandomSeed) return 3;
    if (job.signalWorkflow || job.doUpdate) return 4;
    return job.resolveActivity?.isLocal ? 6 : 5;
  };
  return jobs.toSorted((one, other) => rank(one) - rank(other));
}

/** The activation as history will tell it: accepted updates without their check, refused ones not at all. */
function withoutRefused(activation: CommittedActivation, refused: Set<string>): CommittedActivation {
  const jobs = activation.jobs
    .filter(({ doUpdate }) => !doUpdate || !refused.has(doUpdate.protocolInstanceId ?? ''))
    .map((job) => (job.doUpdate ? { doUpdate: { ...job.doUpdate, runValidator: false } } : job));
  if (jobs.length === activation.jobs.length) return { ...activation, jobs };
  const commands = (JSON.parse(activation.commands) as Command[]).filter(
    ({ updateResponse }) => !(updateResponse?.rejected && refused.has(updateResponse.protocolInstanceId ?? '')),
  );
  return { ...activation, jobs, commands: JSON.stringify(commands) };
}

function difference(expected: string, found: string): string | undefined {
  if (expected === found) return undefined;
  let index = 0;
  while (expected[index] === found[index]) index += 1;
  const from = Math.max(0, index - 120);
  return `expected …${expected.slice(from, index + 200)}… but did …${found.slice(from, index + 200)}…`;
}

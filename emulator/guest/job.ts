import type { BootedMachine, CloudContext } from '../core/context.ts';
import type { AgentConfiguration } from './configuration.ts';
import type { CallOptions, Connection, Reply } from './connection.ts';
import type { JobRecord } from './process.ts';

/** How often the agent tells that it is alive (microsoft/azure-pipelines-agent, JobDispatcher). */
const renewMs = 60_000;

/** What a running job needs of its agent. */
export interface JobSurroundings {
  context: CloudContext;
  machine: BootedMachine;
  configuration: AgentConfiguration;
  connection: Connection;
  /** The agent's version. */
  version: string;
  /** Ends with the machine. */
  signal: AbortSignal;
  /** Keeps a change of the job. */
  save(job: JobRecord): void;
  /** Aborted when the server cancels the job. */
  cancelled: AbortSignal;
}

/** Runs the job from wherever `job` stands to its end. Returns early where the server has given it up. */
export async function runJob(surroundings: JobSurroundings, job: JobRecord): Promise<void> {
  const { context, connection, configuration, signal, cancelled, save } = surroundings;
  const { clock, latencies } = context;
  const { message } = job;
  const plan = `${message.url}${message.scopeIdentifier}/_apis/distributedtask/hubs/${message.planType}/plans/${message.planId}`;
  const timeline = `${plan}/timelines/${message.timelineId}/records`;

  function report(method: string, url: string, options: CallOptions): Promise<Reply> {
    return connection.persist(method, url, { ...options, token: message.token });
  }

  async function renew(): Promise<boolean> {
    const url = `${configuration.serverUrl}/_apis/distributedtask/pools/${configuration.poolId}/jobrequests/${message.requestId}`;
    const query = { lockToken: message.lockToken };
    const reply = await connection.persist('PATCH', url, { query, json: { requestId: message.requestId } });
    return reply.status === 200;
  }

  /** Waits to `until`; true when the job was cancelled before. */
  async function wait(until: number): Promise<boolean> {
    if (cancelled.aborted) return true;
    try {
      await clock.sleep(until - clock.now(), AbortSignal.any([signal, cancelled]));
      return false;
    } catch {
      signal.throwIfAborted();
      return true;
    }
  }

  const at = (): string => new Date(clock.now()).toISOString();
  const step = (id: string, name: string, order: number, changes: Record<string, unknown>) => ({
    id,
    parentId: message.jobId,
    type: 'Task',
    name,
    order,
    workerName: configuration.agentName,
    ...changes,
  });

  async function writeLog(name: string, recordId: string, lines: string[]): Promise<number> {
    const stamped = lines.map((line) => `${at()} ${line}`);
    await report('POST', `${timeline}/${recordId}/feed`, {
      json: { stepId: recordId, count: lines.length, value: lines },
    });
    const created = await report('POST', `${plan}/logs`, { json: { path: `logs\\${recordId} ${name}` } });
    const id = Number({ id: 0, ...Object(created.json) }.id);
    await report('POST', `${plan}/logs/${id}`, { text: `${stamped.join('\n')}\n` });
    return id;
  }

  async function reportStart(): Promise<void> {
    const startTime = at();
    const log = await writeLog('Initialize job', job.initializeId, initializeJob(surroundings));
    const done = { state: 'completed', result: 'succeeded', startTime, finishTime: at(), log: { id: log } };
    const records = [
      {
        id: message.jobId,
        type: 'Job',
        name: 'Job',
        state: 'inProgress',
        workerName: configuration.agentName,
        startTime,
      },
      step(job.initializeId, 'Initialize job', 1, done),
      step(job.workloadId, 'Workload', 2, { state: 'inProgress', startTime: at() }),
    ];
    await report('PATCH', timeline, { json: { count: records.length, value: records } });
  }

  async function reportEnd(result: string): Promise<void> {
    const log = await writeLog('Workload', job.workloadId, [
      '##[section]Starting: Workload',
      `The workload ended: ${result}.`,
      '##[section]Finishing: Workload',
    ]);
    const end = { state: 'completed', result, finishTime: at() };
    const records = [step(job.workloadId, 'Workload', 2, { ...end, log: { id: log } }), { id: message.jobId, ...end }];
    await report('PATCH', timeline, { json: { count: records.length, value: records } });
    await report('POST', `${plan}/events`, {
      json: { name: 'JobCompleted', jobId: message.jobId, requestId: message.requestId, result, outputs: {} },
    });
  }

  if (job.receivedAt === undefined) {
    await clock.sleep(latencies.sample('receiveJob'), signal);
    // The first renewal must succeed before anything of the job runs.
    if (!(await renew())) return;
    job.receivedAt = clock.now();
    save(job);
  }
  if (job.reported !== true) {
    await reportStart();
    job.reported = true;
    save(job);
  }
  if (job.result === undefined) {
    const endsAt = job.receivedAt + message.durationMs;
    let stopped = cancelled.aborted;
    while (!stopped && clock.now() < endsAt) {
      stopped = await wait(Math.min(endsAt, clock.now() + renewMs));
      if (!stopped && clock.now() < endsAt && !(await renew())) return;
    }
    job.result = stopped ? 'canceled' : message.result;
    save(job);
  }
  await reportEnd(job.result);
}

/** What the agent prints first; every group of `.setup_info` is shown as a foldable block. */
function initializeJob({ configuration, machine, version }: JobSurroundings): string[] {
  return [
    '##[section]Starting: Initialize job',
    `Agent name: '${configuration.agentName}'`,
    `Agent machine name: '${machine.name}'`,
    `Current agent version: '${version}'`,
    ...configuration.setupInfo.flatMap(({ group, detail }) => [
      `##[group]${group}`,
      ...detail.split('\n'),
      '##[endgroup]',
    ]),
    '##[section]Finishing: Initialize job',
  ];
}

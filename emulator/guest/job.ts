import type { BootedMachine, MachineContext } from '../core/context.ts';
import type { AgentConfiguration } from './configuration.ts';
import type { CallOptions, Connection, Reply } from './connection.ts';
import type { JobRecord } from './process.ts';

/** How often the agent tells that it is alive (microsoft/azure-pipelines-agent, JobDispatcher). */
const renewMs = 60_000;

/** What a running job needs of its agent. */
export interface JobSurroundings {
  context: MachineContext;
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
  /** Runs a shell script on the machine; absent where the machine is only simulated. */
  runScript?: RunScript;
}

/** Runs a script with the variables of its job; tells each line of its output; answers its exit code. */
export type RunScript = (
  script: string,
  run: { variables: Record<string, string>; line(text: string): void; signal: AbortSignal },
) => Promise<number>;

/** How often the lines of a running step are sent (microsoft/azure-pipelines-agent, JobServerQueue). */
const sendLinesMs = 500;

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

  const stepName = message.script === undefined ? 'Workload' : 'CmdLine';
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

  async function feed(recordId: string, lines: string[]): Promise<void> {
    await report('POST', `${timeline}/${recordId}/feed`, {
      json: { stepId: recordId, count: lines.length, value: lines },
    });
  }

  async function createLog(name: string, recordId: string): Promise<number> {
    const created = await report('POST', `${plan}/logs`, { json: { path: `logs\\${recordId} ${name}` } });
    return Number({ id: 0, ...Object(created.json) }.id);
  }

  async function appendLog(id: number, lines: string[]): Promise<void> {
    const stamped = lines.map((line) => `${at()} ${line}`);
    await report('POST', `${plan}/logs/${id}`, { text: `${stamped.join('\n')}\n` });
  }

  async function writeLog(name: string, recordId: string, lines: string[]): Promise<number> {
    await feed(recordId, lines);
    const id = await createLog(name, recordId);
    await appendLog(id, lines);
    return id;
  }

  async function reportRecords(records: object[]): Promise<void> {
    await report('PATCH', timeline, { json: { count: records.length, value: records } });
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
      step(job.workloadId, stepName, 2, { state: 'inProgress', startTime: at() }),
    ];
    await reportRecords(records);
  }

  async function reportEnd(result: string): Promise<void> {
    const end = { state: 'completed', result, finishTime: at() };
    let log = job.scriptLog;
    log ??= await writeLog(stepName, job.workloadId, [
      `##[section]Starting: ${stepName}`,
      message.script === undefined
        ? `The workload ended: ${result}.`
        : '##[error]This machine is simulated and runs no script. Start the embedded cloud with --machines process.',
      `##[section]Finishing: ${stepName}`,
    ]);
    await reportRecords([
      step(job.workloadId, stepName, 2, { ...end, log: { id: log } }),
      { id: message.jobId, ...end },
    ]);
    await report('POST', `${plan}/events`, {
      json: { name: 'JobCompleted', jobId: message.jobId, requestId: message.requestId, result, outputs: {} },
    });
  }

  /** Waits as long as the workload lasts. Undefined where the server has given the job up. */
  async function passTime(receivedAt: number): Promise<string | undefined> {
    const endsAt = receivedAt + message.durationMs;
    let stopped = cancelled.aborted;
    while (!stopped && clock.now() < endsAt) {
      stopped = await wait(Math.min(endsAt, clock.now() + renewMs));
      if (!stopped && clock.now() < endsAt && !(await renew())) return undefined;
    }
    return stopped ? 'canceled' : message.result;
  }

  /** Runs the script and sends its lines as they come. Undefined where the server has given the job up. */
  async function runStep(script: string, run: RunScript): Promise<string | undefined> {
    const id = await createLog(stepName, job.workloadId);
    job.scriptLog = id;
    save(job);
    await reportRecords([step(job.workloadId, stepName, 2, { state: 'inProgress', log: { id } })]);
    let waiting = [
      `##[section]Starting: ${stepName}`,
      '========================== Starting Command Output ===========================',
    ];
    const send = async (): Promise<void> => {
      const lines = waiting;
      waiting = [];
      if (lines.length === 0) return;
      await feed(job.workloadId, lines);
      await appendLog(id, lines);
    };
    const lost = new AbortController();
    let ended = false;
    const running = run(script, {
      variables: message.variables,
      line: (text) => void waiting.push(text),
      signal: AbortSignal.any([signal, cancelled, lost.signal]),
    }).finally(() => void (ended = true));
    let renewAt = clock.now() + renewMs;
    while (!ended) {
      await Promise.race([running, clock.sleep(sendLinesMs, signal)]);
      await send();
      if (ended || clock.now() < renewAt) continue;
      renewAt = clock.now() + renewMs;
      if (!(await renew())) lost.abort();
    }
    const code = await running;
    if (lost.signal.aborted) return undefined;
    if (cancelled.aborted) waiting.push('##[error]The operation was canceled.');
    else if (code !== 0) waiting.push(`##[error]Bash exited with code '${code}'.`);
    waiting.push(`##[section]Finishing: ${stepName}`);
    await send();
    if (cancelled.aborted) return 'canceled';
    return code === 0 ? 'succeeded' : 'failed';
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
    const { script } = message;
    const { runScript } = surroundings;
    let result: string | undefined = 'failed';
    if (script === undefined) result = await passTime(job.receivedAt);
    else if (runScript !== undefined) result = await runStep(script, runScript);
    if (result === undefined) return;
    job.result = result;
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

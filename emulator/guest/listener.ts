import type { BootedMachine, MachineContext } from '../core/context.ts';
import type { AgentConfiguration } from './configuration.ts';
import { CredentialRefused, type Connection, type Reply } from './connection.ts';
import { readJobMessage, objectOf } from './job-message.ts';
import { runJob, type RunScript } from './job.ts';
import type { JobRecord, ProcessRecord } from './process.ts';

/** The version that emulated agents tell. */
const version = '4.260.0';

/** A session that is already open is tried again this often, and for so long (microsoft/azure-pipelines-agent). */
const conflictRetryMs = 30_000;
const conflictLimitMs = 240_000;

/** What a listener needs of its machine. */
export interface ListenerSurroundings {
  context: MachineContext;
  machine: BootedMachine;
  configuration: AgentConfiguration;
  connection: Connection;
  signal: AbortSignal;
  /** The process as it stands; changes go through `save`. */
  process: ProcessRecord;
  save(changes: Partial<ProcessRecord>): void;
  /** The first session of this process is open. */
  started(): void;
  runScript?: RunScript;
}

/** Runs the agent until it exits. Throws `CredentialRefused` where the server does not accept it. */
export async function listen(surroundings: ListenerSurroundings): Promise<void> {
  const { context, configuration, connection, signal, process, save } = surroundings;
  const pool = `${configuration.serverUrl}/_apis/distributedtask/pools/${configuration.poolId}`;
  /** Of the job that runs: an agent that was told to cancel one runs the next as any. */
  let cancel = new AbortController();
  let poll = new AbortController();
  let running: Promise<void> | undefined;
  let over = false;
  const failure: { reason?: unknown } = {};
  signal.addEventListener('abort', () => poll.abort(), { once: true });

  function startJob(job: JobRecord): void {
    cancel = new AbortController();
    if (job.cancelled === true) cancel.abort();
    const keep = (changed: JobRecord): void => save({ job: changed });
    running = runJob({ ...surroundings, version, save: keep, cancelled: cancel.signal }, job).then(
      () => ended(),
      (error: unknown) => {
        if (signal.aborted) return;
        failure.reason = error;
        ended();
      },
    );
  }

  /** With `--once` the agent exits after its job; the open poll must not hold it back. */
  function ended(): void {
    running = undefined;
    save({ job: undefined });
    if (!configuration.once && failure.reason === undefined) return;
    over = true;
    poll.abort();
  }

  async function take(message: Record<string, unknown>): Promise<void> {
    const id = Number(message['messageId']);
    const body = String(message['body']);
    if (message['messageType'] === 'PipelineAgentJobRequest' && running === undefined) {
      const { chance } = context;
      const job: JobRecord = { message: readJobMessage(body), initializeId: chance.uuid(), workloadId: chance.uuid() };
      // Kept before it is acknowledged: a job that the server thinks delivered must not be lost.
      save({ lastMessageId: id, job });
      startJob(job);
    } else {
      const { job } = process;
      const cancels =
        message['messageType'] === 'JobCancellation' && objectOf(JSON.parse(body))['jobId'] === job?.message.jobId;
      if (cancels && job !== undefined) {
        job.cancelled = true;
        cancel.abort();
      }
      save({ lastMessageId: id, job });
    }
    await connection.persist('DELETE', `${pool}/messages/${id}`, { query: { sessionId: process.sessionId ?? '' } });
  }

  if (process.job !== undefined) startJob(process.job);
  while (!over) {
    if (process.sessionId === undefined && !(await openSession(surroundings, pool))) return;
    poll = new AbortController();
    const reply = await next(surroundings, pool, poll.signal);
    signal.throwIfAborted();
    if (over) break;
    if (reply === undefined || reply.status >= 500 || reply.status === 429) await connection.pause();
    else if (reply.status !== 200) save({ sessionId: undefined });
    else if (reply.json === undefined) await connection.pause();
    else await take(objectOf(reply.json));
  }
  if (failure.reason !== undefined) throw failure.reason;
  await connection.persist('DELETE', `${pool}/sessions/${process.sessionId ?? ''}`);
}

/** One poll; undefined where the connection broke. */
async function next(
  { connection, process, signal }: ListenerSurroundings,
  pool: string,
  poll: AbortSignal,
): Promise<Reply | undefined> {
  try {
    const query = { sessionId: process.sessionId ?? '', lastMessageId: process.lastMessageId };
    return await connection.call('GET', `${pool}/messages`, { query, signal: poll });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CredentialRefused) throw error;
    return undefined;
  }
}

/** Opens a session, with the agent's own patience. False: another session of the agent stays open, and this one exits. */
async function openSession(surroundings: ListenerSurroundings, pool: string): Promise<boolean> {
  const { context, machine, configuration, connection, signal, save } = surroundings;
  const { clock, latencies } = context;
  const since = clock.now();
  const osDescription = 'Linux';
  for (;;) {
    const reply = await connection.persist('POST', `${pool}/sessions`, {
      json: {
        ownerName: machine.name,
        agent: { id: configuration.agentId, name: configuration.agentName, version, osDescription },
        systemCapabilities: capabilities(machine, configuration),
      },
    });
    if (reply.status === 200) {
      save({ sessionId: String(objectOf(reply.json)['sessionId']) });
      surroundings.started();
      return true;
    }
    if (reply.status >= 500 || reply.status === 429) continue;
    if (reply.status !== 409) throw new CredentialRefused(`No session: ${reply.status} ${reply.typeKey}`);
    if (clock.now() - since >= conflictLimitMs * latencies.scale) return false;
    await clock.sleep(conflictRetryMs * latencies.scale, signal);
  }
}

/** What the agent finds out about its machine. */
function capabilities(machine: BootedMachine, configuration: AgentConfiguration): Record<string, string> {
  return {
    'Agent.Name': configuration.agentName,
    'Agent.Version': version,
    'Agent.ComputerName': machine.name,
    'Agent.HomeDirectory': configuration.folder,
    'Agent.OS': 'Linux',
    'Agent.OSArchitecture': 'X64',
    bash: '/usr/bin/bash',
    git: '/usr/bin/git',
    sh: '/usr/bin/sh',
  };
}

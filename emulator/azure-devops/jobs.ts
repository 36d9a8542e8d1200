import type { CloudContext } from '../core/context.ts';
import { satisfies } from './demands.ts';
import { Refusal } from './errors.ts';
import { requestGroup, type Organization } from './organization.ts';
import { createPoolQueue, goesBefore, type DemandClass, type PoolQueue } from './queue.ts';
import type { AgentRecord, MessageRecord, RequestRecord, TaskResult } from './records.ts';

/**
 * How long the server waits for a sign of life of a job's agent before it gives the job up, unless the cloud is told
 * otherwise. From memory: typical.
 */
export const defaultLockMs = 600_000;

/** How long a cancelled job may take to stop before the server ends it; Azure DevOps' default `cancelTimeoutInMinutes`. */
export const cancelTimeoutMs = 300_000;

/** The life of job requests: queued, assigned, received, finished. */
export interface Jobs {
  queue(request: RequestRecord): void;
  /** The agent's sign of life; the first one is the moment at which it received the job. */
  renew(request: RequestRecord, machineId: string | undefined): RequestRecord;
  /** Ends the request, once; a second end changes nothing. */
  finish(request: RequestRecord, result: TaskResult): RequestRecord;
  cancel(request: RequestRecord): RequestRecord;
  acknowledge(agentId: number, messageId: number): void;
  /** The oldest message after `lastMessageId` that the agent has not acknowledged. */
  nextMessage(agentId: number, lastMessageId: number): { request: RequestRecord; message: MessageRecord } | undefined;
  /** The unfinished request that the agent holds. */
  heldBy(agentId: number): RequestRecord | undefined;
  /** Looks again for agents for the queued requests of a pool. */
  poolChanged(poolId: number): void;
  resume(): void;
  close(): void;
}

/** Starts where the organisation's records are. `wake` tells an agent's open poll that there is a message. */
export function createJobs(
  context: CloudContext,
  organization: Organization,
  { parallelism, lockMs }: { parallelism: number; lockMs: number },
  wake: (agentId: number) => void,
): Jobs {
  const { clock, chance, latencies, ledger } = context;
  const { requests, agents, pools } = organization;
  const queues = new Map<number, PoolQueue>();
  const held = new Map<number, number>();
  const passes = new Map<number, () => void>();
  const timers = new Map<number, () => void>();

  for (const pool of pools.values()) {
    for (const request of requests.inGroup(requestGroup(pool.id, 'queued'))) queueOf(pool.id).add(request);
    for (const state of ['assigned', 'running'] as const) {
      for (const request of requests.inGroup(requestGroup(pool.id, state))) {
        if (request.agent !== undefined) held.set(request.agent.id, request.id);
      }
    }
  }

  function queueOf(poolId: number): PoolQueue {
    let queue = queues.get(poolId);
    if (queue === undefined) queues.set(poolId, (queue = createPoolQueue()));
    return queue;
  }

  function current(request: RequestRecord): RequestRecord {
    return requests.get(request.id) ?? request;
  }

  function record(
    request: RequestRecord,
    event: 'queued' | 'assigned' | 'received' | 'finished',
    machineId?: string,
  ): void {
    ledger.record({
      kind: 'job',
      at: clock.now(),
      requestId: request.id,
      poolId: request.poolId,
      event,
      ...(request.agent && { agentName: request.agent.name }),
      ...(machineId !== undefined && { machineId }),
      ...(request.result && { result: request.result }),
    });
  }

  /** One timer per held request, for whichever comes first: the end of its lock or of its time to stop. */
  function arm(request: RequestRecord): void {
    timers.get(request.id)?.();
    timers.set(
      request.id,
      clock.at(dueAt(request), () => expire(request.id)),
    );
  }

  function dueAt(request: RequestRecord): number {
    const lock = request.lockedUntil ?? clock.now();
    const cancelled = request.build.cancelRequestedAt;
    return cancelled === undefined ? lock : Math.min(lock, cancelled + cancelTimeoutMs);
  }

  function expire(id: number): void {
    timers.delete(id);
    const request = requests.get(id);
    if (request === undefined || request.finishedAt !== undefined) return;
    if (dueAt(request) > clock.now()) arm(request);
    else finish(request, request.build.cancelRequestedAt === undefined ? 'abandoned' : 'canceled');
  }

  function poolChanged(poolId: number): void {
    if (passes.has(poolId) || (queues.get(poolId)?.size ?? 0) === 0) return;
    passes.set(
      poolId,
      clock.at(clock.now() + latencies.sample('assignJob'), () => {
        passes.delete(poolId);
        assignAll(poolId);
      }),
    );
  }

  function assignAll(poolId: number): void {
    const queue = queueOf(poolId);
    const free = agents
      .inGroup(String(poolId))
      .filter((agent) => agent.online && agent.enabled && !held.has(agent.id))
      .toSorted((a, b) => a.id - b.id);
    const unmatched = new Set<DemandClass>();
    while (free.length > 0 && held.size < parallelism) {
      const next = firstClass(queue, unmatched);
      const request = next?.requests[0];
      if (next === undefined || request === undefined) return;
      const index = free.findIndex((agent) => satisfies(agent, next.demands));
      const [agent] = index < 0 ? [] : free.splice(index, 1);
      if (agent === undefined) unmatched.add(next);
      else {
        queue.remove(request);
        assign(request, agent);
      }
    }
  }

  function firstClass(queue: PoolQueue, except: Set<DemandClass>): DemandClass | undefined {
    let first: DemandClass | undefined;
    for (const candidate of queue.classes) {
      if (except.has(candidate)) continue;
      const [a, b] = [candidate.requests[0], first?.requests[0]];
      if (a !== undefined && (b === undefined || goesBefore(a, b))) first = candidate;
    }
    return first;
  }

  function assign(queued: RequestRecord, agent: AgentRecord): void {
    const request: RequestRecord = {
      ...queued,
      assignedAt: clock.now(),
      lockedUntil: clock.now() + lockMs,
      lockToken: chance.uuid(),
      agent: { id: agent.id, name: agent.name },
      messages: [{ id: organization.nextId('message'), type: 'PipelineAgentJobRequest', acknowledged: false }],
    };
    held.set(agent.id, request.id);
    requests.put(request);
    record(request, 'assigned');
    arm(request);
    wake(agent.id);
  }

  function finish(given: RequestRecord, result: TaskResult): RequestRecord {
    const before = current(given);
    if (before.finishedAt !== undefined) return before;
    const { lockedUntil: _, ...rest } = before;
    const request: RequestRecord = { ...rest, finishedAt: clock.now(), result };
    requests.put(request);
    timers.get(request.id)?.();
    timers.delete(request.id);
    if (request.agent === undefined) queueOf(request.poolId).remove(request);
    else {
      held.delete(request.agent.id);
      const agent = agents.get(request.agent.id);
      if (agent !== undefined) agents.put({ ...agent, lastRequestId: request.id });
    }
    record(request, 'finished');
    // With a limit on parallel jobs, the end of one lets a job of any pool start.
    if (Number.isFinite(parallelism)) for (const poolId of queues.keys()) poolChanged(poolId);
    else poolChanged(request.poolId);
    return request;
  }

  return {
    queue(request) {
      requests.put(request);
      record(request, 'queued');
      queueOf(request.poolId).add(request);
      poolChanged(request.poolId);
    },
    renew(given, machineId) {
      const before = current(given);
      if (before.finishedAt !== undefined) {
        throw new Refusal(
          'TaskAgentJobTokenExpiredException',
          `The job request ${before.id} has ended: its lock cannot be renewed.`,
        );
      }
      const request: RequestRecord = {
        ...before,
        receivedAt: before.receivedAt ?? clock.now(),
        lockedUntil: clock.now() + lockMs,
      };
      requests.put(request);
      if (before.receivedAt === undefined) record(request, 'received', machineId);
      return request;
    },
    finish,
    cancel(given) {
      const before = current(given);
      if (before.finishedAt !== undefined || before.build.cancelRequestedAt !== undefined) return before;
      const build = { ...before.build, cancelRequestedAt: clock.now() };
      if (before.agent === undefined) return finish(put({ ...before, build }), 'canceled');
      const message: MessageRecord = {
        id: organization.nextId('message'),
        type: 'JobCancellation',
        acknowledged: false,
      };
      const request = put({ ...before, build, messages: [...before.messages, message] });
      arm(request);
      wake(before.agent.id);
      return request;
    },
    acknowledge(agentId, messageId) {
      const request = requests.get(held.get(agentId) ?? 0);
      if (request === undefined) return;
      put({
        ...request,
        messages: request.messages.map((it) => (it.id === messageId ? { ...it, acknowledged: true } : it)),
      });
    },
    nextMessage(agentId, lastMessageId) {
      const request = requests.get(held.get(agentId) ?? 0);
      const message = request?.messages.find((it) => it.id > lastMessageId && !it.acknowledged);
      return request !== undefined && message !== undefined ? { request, message } : undefined;
    },
    heldBy: (agentId) => requests.get(held.get(agentId) ?? 0),
    poolChanged,
    resume() {
      for (const id of held.values()) {
        const request = requests.get(id);
        if (request !== undefined) arm(request);
      }
      for (const poolId of queues.keys()) poolChanged(poolId);
    },
    close() {
      for (const cancel of [...passes.values(), ...timers.values()]) cancel();
      passes.clear();
      timers.clear();
    },
  };

  function put(request: RequestRecord): RequestRecord {
    requests.put(request);
    return request;
  }
}

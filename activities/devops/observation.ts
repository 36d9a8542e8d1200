import type {
  AgentObservation,
  JobObservation,
  MachineSight,
  ObservedJob,
  ObservedStanding,
  PoolObservation,
} from '../../domain/messages.ts';
import { hasServed, isHeardOrNot, listen, type Silent } from './silence.ts';
import { demandedImage, type WireAgent, type WireJobRequest } from './wire.ts';

/**
 * What changed between two looks at a pool. Pure: the observer fetches and delivers, this decides. Two rules keep jobs
 * alive. An agent is held when either list says so, and free only when both agree. An agent that one list leaves out is
 * unknown, and only two lists in a row make it missing.
 */

/** What was last told of one agent. */
export interface AgentMemory {
  online: boolean;
  enabled: boolean;
  /** Lists in a row that left it out. */
  absences: 0 | 1;
  /** The unfinished job request that holds it. */
  requestId?: number;
  /** That the agent has received that job. */
  received?: boolean;
  /**
   * That job had ended when an observer without a memory first saw the agent. Its lease may not know, its pool does or need
   * not: an agent of many jobs would look busy each time an observer begins, and never have waited long enough.
   */
  retold?: true;
  /** Its last job request that is known to have finished. */
  done?: number;
  /** Set while it is offline, after it was online, and something is expected of it. */
  silent?: Silent;
}

/** What was last told of one pool. */
export interface PoolMemory {
  /** Of the last look; the next one is greater, also in another process. */
  sequence: number;
  /** Queued classes, assigned and running, as they were told. */
  demand: string;
  agents: Map<string, AgentMemory>;
  /** The pool did not get the last delta: the next one names every agent. */
  resync?: boolean;
  /** Finished jobs whose lease was not there yet, with how often they are still told. */
  owed: Map<number, number>;
}

/** What the two lists of one tick say. */
export interface Look {
  /** Milliseconds since the epoch, before the first of the two calls. */
  at: number;
  /** Read first: a job assigned between the two calls then shows as held, never as queued beside a free agent. */
  agents: readonly WireAgent[];
  /** Unfinished job requests. */
  requests: readonly WireJobRequest[];
  /** Job requests that held our agents, and that the server now shows as finished. */
  finished: readonly WireJobRequest[];
  /** What Azure shows of the machines of silent agents, by name. */
  machines?: ReadonlyMap<string, MachineSight>;
}

/** All that one look has to tell, and what to remember once it is told. */
export interface Delta {
  /** `beside`: there is more to tell than a job's end, which its lease tells the agent. */
  agents: { name: string; observation: AgentObservation; beside?: true }[];
  /** `agent`: the one that it held until now; absent for a job that was told before, to no avail. */
  jobs: { requestId: number; finished: boolean; agent?: string; observation: JobObservation }[];
  pool?: PoolObservation;
  memory: PoolMemory;
}

/** Looks after which a finished job's lease that was never there is given up. */
const owedLooks = 3;

/**
 * Sorts out the remembered jobs that the unfinished ones no longer hold: those that the agents' list itself shows as
 * finished, and those to ask the server about, one by one.
 */
export function settle(
  memory: PoolMemory | undefined,
  agents: readonly WireAgent[],
  requests: readonly WireJobRequest[],
): { finished: WireJobRequest[]; unknown: number[] } {
  if (!memory) return { finished: [], unknown: [] };
  const unfinished = new Set(requests.map(({ requestId }) => requestId));
  const completed = new Map<number, WireJobRequest>();
  for (const { lastCompletedRequest } of agents) {
    if (lastCompletedRequest && isFinished(lastCompletedRequest)) {
      completed.set(lastCompletedRequest.requestId, lastCompletedRequest);
    }
  }
  const finished: WireJobRequest[] = [];
  const unknown: number[] = [];
  const held = [...memory.agents.values()].flatMap(({ requestId }) => (requestId === undefined ? [] : [requestId]));
  for (const requestId of new Set([...held, ...memory.owed.keys()])) {
    if (unfinished.has(requestId)) continue;
    const known = completed.get(requestId);
    if (known) finished.push(known);
    else unknown.push(requestId);
  }
  return { finished, unknown };
}

/**
 * Compares a look with what was last told.
 *
 * @param previous absent on the first look of an activity without a cursor: everything is told then
 * @param isLeftOut whether an agent of this name is a placeholder
 */
export function compare(
  previous: PoolMemory | undefined,
  look: Look,
  isLeftOut: (agentName: string) => boolean = () => false,
): Delta {
  // The clock makes it grow across restarts, the memory within one.
  const sequence = Math.max((previous?.sequence ?? 0) + 1, look.at);
  const fresh = previous === undefined;
  const finished = new Map(look.finished.map((request) => [request.requestId, request]));
  const reservations = reservationsByAgent(look.requests);
  const delta: Delta = {
    agents: [],
    jobs: finishedJobs(previous, finished, sequence),
    memory: {
      sequence,
      demand: '',
      agents: new Map(),
      owed: new Map([...(previous?.owed ?? [])].filter(([requestId]) => !finished.has(requestId))),
    },
  };
  const standings: PoolObservation['agents'] = [];
  const stand = (name: string, before: AgentMemory | undefined, after: AgentMemory) => {
    const now = standing(after);
    // A registration that is new and not connected is what its pool expects: it has just made it.
    const news = before ? standing(before) !== now : fresh || now !== 'offline';
    if (news || previous?.resync) standings.push({ name, standing: now });
  };

  const see = (agent: WireAgent) => {
    const before = previous?.agents.get(agent.name);
    const { after, job } = remember(before, agent, reservations.get(agent.name) ?? [], finished);
    const sight = listen(before, after, look, { name: agent.name, fresh, job, finished });
    delta.memory.agents.set(agent.name, after);
    stand(agent.name, before, after);
    const left = before?.requestId;
    // Another job took the agent before the server said how the last one ended: its lease still hears of it.
    if (left !== undefined && left !== after.requestId && !finished.has(left)) delta.memory.owed.set(left, owedLooks);
    const isReceived = before?.requestId === job?.requestId && after.received === true && before?.received !== true;
    if (job && (isReceived || isHeardOrNot(before, after, look.at))) {
      const told: JobObservation = { sequence, job: observedJob(job) };
      if (after.silent) {
        told.silent = { since: after.silent.since, ...(sight ? { machine: sight } : {}) };
        if (told.job.lockedUntil !== undefined) after.silent.lockedUntil = told.job.lockedUntil;
      }
      delta.jobs.push({ requestId: job.requestId, finished: false, agent: agent.name, observation: told });
    }
    const isSeen = sight !== undefined && sight.state !== before?.silent?.machine;
    if (!isNews(before, after, fresh) && !isSeen) return;
    const observation: AgentObservation = { sequence, online: after.online, enabled: after.enabled };
    if (sight) observation.machine = sight;
    if (agent.id > 0) observation.registrationId = agent.id;
    // A job that ended is told once more with its end: an agent that has not started its lease yet learns of it here.
    const told = job ?? (left === undefined ? undefined : finished.get(left));
    if (told) observation.job = observedJob(told);
    delta.agents.push({
      name: agent.name,
      observation,
      ...(before && isAlteredBeside(before, after) ? { beside: true as const } : {}),
    });
  };

  for (const agent of look.agents) if (!isLeftOut(agent.name)) see(agent);

  for (const [name, before] of previous?.agents ?? []) {
    if (delta.memory.agents.has(name)) continue;
    const after = withoutFinished(before, finished);
    if (after.requestId !== undefined || reservations.has(name)) {
      // A job names it, so it is there, and as it was.
      see({ id: 0, name, status: before.online ? 'online' : 'offline', enabled: before.enabled });
    } else if (before.absences === 0) {
      delta.memory.agents.set(name, { ...after, absences: 1 });
      stand(name, before, after);
    } else {
      if (!hasServed(after)) {
        delta.agents.push({ name, observation: { sequence, online: false, enabled: false, missing: true } });
      }
      standings.push({ name, standing: 'missing' });
    }
  }

  const demand = demandOf(look.requests);
  delta.memory.demand = JSON.stringify(demand);
  if (fresh || previous.resync || standings.length > 0 || delta.memory.demand !== previous.demand) {
    delta.pool = { sequence, at: look.at, ...demand, agents: standings };
  }
  return delta;
}

/** Notes that a finished job's lease was not there. It is told again a few times, for the lease may be on its way. */
export function owe(previous: PoolMemory | undefined, memory: PoolMemory, requestId: number): void {
  const left = (previous?.owed.get(requestId) ?? owedLooks) - 1;
  if (left > 0) memory.owed.set(requestId, left);
}

/** Whether something is going on: work waits or runs, or an agent is on its way. */
export function isActive({ demand, agents }: PoolMemory): boolean {
  if (demand !== JSON.stringify(demandOf([]))) return true;
  return [...agents.values()].some((memory) => standing(memory) !== 'free');
}

/** The job as other parts know it. */
export function observedJob(request: WireJobRequest): ObservedJob {
  const job: ObservedJob = {
    requestId: request.requestId,
    jobId: request.jobId ?? '',
    jobName: request.jobName ?? request.owner?.name ?? `job request ${request.requestId}`,
    projectId: request.scopeId ?? '',
    buildId: request.owner?.id ?? 0,
    queuedAt: Date.parse(request.queueTime),
  };
  if (request.assignTime) job.assignedAt = Date.parse(request.assignTime);
  if (request.receiveTime) job.startedAt = Date.parse(request.receiveTime);
  if (request.finishTime) job.finishedAt = Date.parse(request.finishTime);
  if (request.lockedUntil) job.lockedUntil = Date.parse(request.lockedUntil);
  if (request.result) job.result = request.result;
  return job;
}

/** Whether the server shows a job request as ended. */
export function isFinished({ finishTime, result }: WireJobRequest): boolean {
  return Boolean(finishTime ?? result);
}

/** What is known of an agent after this look, and the job request that holds it. */
function remember(
  before: AgentMemory | undefined,
  agent: WireAgent,
  reservations: readonly WireJobRequest[],
  finished: ReadonlyMap<number, WireJobRequest>,
): { after: AgentMemory; job?: WireJobRequest } {
  const done = before && withoutFinished(before, finished).done;
  const last = agent.lastCompletedRequest;
  const job =
    reservations.find(({ requestId }) => requestId === before?.requestId) ??
    reservations[0] ??
    unfinished(agent.assignedRequest, finished, done);
  if (!job && before?.requestId !== undefined && !finished.has(before.requestId)) {
    // The list no longer shows the job and the server has not said that it ended: the agent stays held, untold.
    return { after: { ...before, absences: 0 } };
  }
  // A job that came and went between two looks: shown as running now, and as finished by the next look. Ids grow as
  // jobs are queued, so a list that lags behind brings no old job back. Without a memory the same is told of every agent's
  // last job: it may have ended since another observer's last look, and nobody else would ever tell its lease.
  const isMissed = !job && last && isFinished(last) && last.requestId > (done ?? 0);
  const missed = isMissed ? asRunning(last) : undefined;
  const holding = job ?? missed;
  const after: AgentMemory = { online: agent.status === 'online', enabled: agent.enabled !== false, absences: 0 };
  if (done !== undefined) after.done = done;
  if (!holding) return { after };
  after.requestId = holding.requestId;
  if (missed && !before) after.retold = true;
  const knownReceived = before?.received === true && before.requestId === holding.requestId;
  if (holding.receiveTime || knownReceived) after.received = true;
  return { after, job: holding };
}

function unfinished(
  request: WireJobRequest | null | undefined,
  finished: ReadonlyMap<number, WireJobRequest>,
  done: number | undefined,
): WireJobRequest | undefined {
  if (!request || isFinished(request) || finished.has(request.requestId) || request.requestId === done) {
    return undefined;
  }
  return request;
}

function asRunning({ finishTime: _finishTime, result: _result, ...request }: WireJobRequest): WireJobRequest {
  return request;
}

/**
 * Whether the agent's workflow has a use for it: each signal costs its history four events. That its job began is told
 * to the lease; that it is disabled, it did itself; what becomes of it after its job, it is about to end itself.
 */
function isNews(before: AgentMemory | undefined, after: AgentMemory, fresh: boolean): boolean {
  if (!before) return fresh || after.online || !after.enabled || after.requestId !== undefined;
  if (before.requestId !== after.requestId) return true;
  return isAlteredBeside(before, after);
}

/**
 * Whether more changed than the job that holds it. That an agent is enabled is told too: one that is woken may have
 * connected before.
 */
function isAlteredBeside(before: AgentMemory, after: AgentMemory): boolean {
  if (after.enabled && !before.enabled) return true;
  return before.online !== after.online && !hasServed(after);
}

function withoutFinished(before: AgentMemory, finished: ReadonlyMap<number, WireJobRequest>): AgentMemory {
  if (before.requestId === undefined || !finished.has(before.requestId)) return before;
  const { requestId, received: _received, retold: _retold, ...rest } = before;
  return { ...rest, done: requestId };
}

/** Told to the leases: every job that ended, whether it held an agent until now or its lease was not there before. */
function finishedJobs(
  previous: PoolMemory | undefined,
  finished: ReadonlyMap<number, WireJobRequest>,
  sequence: number,
): Delta['jobs'] {
  const agentOf = new Map([...(previous?.agents ?? [])].map(([name, { requestId }]) => [requestId, name]));
  return [...finished.values()].map((request) => {
    const agent = agentOf.get(request.requestId);
    const told = { requestId: request.requestId, finished: true, observation: { sequence, job: observedJob(request) } };
    return agent === undefined ? told : { ...told, agent };
  });
}

/** Unfinished job requests by the name of the agent that they hold, the oldest first. */
function reservationsByAgent(requests: readonly WireJobRequest[]): Map<string, WireJobRequest[]> {
  const byAgent = new Map<string, WireJobRequest[]>();
  for (const request of requests) {
    const name = request.reservedAgent?.name;
    if (name === undefined || isFinished(request)) continue;
    const held = byAgent.get(name);
    if (held) held.push(request);
    else byAgent.set(name, [request]);
  }
  for (const held of byAgent.values()) held.sort((one, other) => one.requestId - other.requestId);
  return byAgent;
}

/** Queued, assigned and running, counted apart; the queued ones by the image that they ask for. */
function demandOf(requests: readonly WireJobRequest[]): Pick<PoolObservation, 'queued' | 'assigned' | 'running'> {
  const classes = new Map<string | null, PoolObservation['queued'][number]>();
  let assigned = 0;
  let running = 0;
  for (const request of requests) {
    if (isFinished(request)) continue;
    if (request.receiveTime) running += 1;
    else if (request.assignTime || request.reservedAgent) assigned += 1;
    else {
      const image = demandedImage(request.demands);
      const queuedAt = Date.parse(request.queueTime);
      const known = classes.get(image);
      if (!known) classes.set(image, { imageOverride: image, count: 1, oldestQueuedAt: queuedAt });
      else {
        known.count += 1;
        known.oldestQueuedAt = Math.min(known.oldestQueuedAt, queuedAt);
      }
    }
  }
  const queued = [...classes.values()].sort((one, other) =>
    (one.imageOverride ?? '') < (other.imageOverride ?? '') ? -1 : 1,
  );
  return { queued, assigned, running };
}

/** An agent that the server gives no job is no capacity, also while it is connected. */
function standing({ online, enabled, requestId, retold }: AgentMemory): ObservedStanding {
  if (requestId !== undefined && !retold) return 'held';
  return online && enabled ? 'free' : 'offline';
}

import type {
  AgentKept,
  AgentReport,
  LeaseOutcome,
  PoolObservation,
  PoolState,
  RosterEntry,
  WaitReceipt,
} from './messages.ts';
import type { AgentProgress } from './stateful-messages.ts';
import { placementHolds, takeRefusal } from './placement/pool-placement.ts';
import type { AgentPhase, PlanningInput } from './planning/types.ts';
import type { PoolSpecification } from './pool-specification.ts';
import { withDuration } from './verbs/job-durations.ts';
import { withWait } from './wait-sketch.ts';
import { waitLegs } from './wait.ts';

/**
 * How a pool's state follows from what it is told. Pure: the pool workflow applies these to its state, tests apply them
 * to invented histories.
 */

/** Updates remembered, so that one sent twice is done once, also across continue-as-new. */
const recentUpdateIdsMax = 256;

/** First hold after a failure; it doubles with every failure in a row up to what the error's class asks for. */
const firstHoldMs = 15_000;

/** The longest hold for an error whose class names no time of its own. */
const holdMaxMs = 600_000;

/** A pool that has not been told anything yet. */
export function newPoolState(generation: string): PoolState {
  return {
    schemaVersion: 1,
    generation,
    counter: 0,
    specificationVersion: 0,
    status: 'Provisioning',
    roster: [],
    queued: [],
    seen: {},
    assigned: 0,
    running: 0,
    observedAt: 0,
    sequence: 0,
    holds: [],
    failures: {},
    totals: { requested: 0, returned: 0, failed: 0, jobs: 0, waitedMs: 0 },
    recentUpdateIds: [],
  };
}

/** Remembers that an update was carried out. */
export function rememberUpdate(state: PoolState, id: string): void {
  state.recentUpdateIds = [...state.recentUpdateIds, id].slice(-recentUpdateIdsMax);
}

/** Applies the observer's delta. Answers whether it was news: an older or repeated one changes nothing. */
export function applyObservation(state: PoolState, observation: PoolObservation): boolean {
  if (observation.sequence <= state.sequence) return false;
  state.sequence = observation.sequence;
  state.observedAt = observation.at;
  state.queued = observation.queued;
  state.seen = Object.fromEntries(
    observation.queued.map(({ imageOverride, count }) => {
      const image = imageOverride ?? '';
      return [image, seenRuns(state.seen[image] ?? [], count, observation.at)];
    }),
  );
  state.assigned = observation.assigned;
  state.running = observation.running;
  for (const { name, standing } of observation.agents) {
    const entry = state.roster.find(({ n }) => n === name);
    // What is kept for inspection is deregistered: whatever a list still shows of it means nothing.
    if (!entry || entry.p === 'kept') continue;
    if (standing === 'missing' && entry.p === 'parked') entry.d = 1;
    const phase = phaseAfter(entry, standing);
    if (phase === entry.p) continue;
    if (entry.p === 'creating') state.boots = { ...state.boots, [entry.i]: observation.at - entry.s };
    if (phase === 'ready') delete state.failures[entry.i];
    if (standing === 'missing' || (entry.p === 'busy' && !isStateful(entry))) entry.d = 1;
    else if (entry.p === 'busy') entry.e = observation.at;
    entry.p = phase;
    entry.s = observation.at;
  }
  state.holds = state.holds.filter(({ until, image }) => until > observation.at && (image ?? '') in state.failures);
  return true;
}

/** Jobs leave the queue in the order in which they came, so the oldest runs shrink first. */
function seenRuns(runs: [number, number][], count: number, at: number): [number, number][] {
  const known = runs.reduce((sum, [, jobs]) => sum + jobs, 0);
  if (count >= known) return count === known ? runs : [...runs, [at, count - known]];
  let leave = known - count;
  return runs.flatMap(([seenAt, jobs]): [number, number][] => {
    const left = Math.max(0, jobs - leave);
    leave -= jobs - left;
    return left > 0 ? [[seenAt, left]] : [];
  });
}

/**
 * When the job was first seen that the next agent of this image is for: agents that are on their way or ready serve the
 * jobs before it. Milliseconds since the epoch; undefined when no such job waits.
 */
export function demandSeenAt(state: PoolState, image: string, isFirstImage: boolean): number | undefined {
  const names = isFirstImage ? ['', image] : [image];
  const runs = names.flatMap((name) => state.seen[name] ?? []).toSorted(([a], [b]) => a - b);
  let ahead = state.roster.filter(({ i, p }) => i === image && isComing(p)).length;
  for (const [at, jobs] of runs) {
    if (ahead < jobs) return at;
    ahead -= jobs;
  }
  return undefined;
}

/** On its way or ready: it serves the jobs that were there before. */
function isComing(phase: RosterEntry['p']): boolean {
  return phase === 'creating' || phase === 'waking' || phase === 'ready';
}

/** It has a longest life, which only an agent of many jobs needs. */
function isStateful({ l }: RosterEntry): boolean {
  return l !== undefined;
}

/**
 * A stateless agent serves one job: once busy it only ever returns. A stateful one is ready again. An agent that was told
 * to return and is held all the same serves that job first. An agent that lost its connection is no capacity until it is
 * proven online again. While an agent is parked its own word counts, and a list that lags does not.
 */
function phaseAfter(entry: RosterEntry, standing: PoolObservation['agents'][number]['standing']): RosterEntry['p'] {
  if (entry.p === 'parked') return 'parked';
  const isDone = entry.d === 1 || (entry.p === 'busy' && !isStateful(entry));
  switch (standing) {
    case 'held':
      return 'busy';
    case 'free':
      if (entry.p === 'parking') return 'parking';
      return isDone ? 'returning' : 'ready';
    case 'offline':
      if (entry.p === 'creating' || entry.p === 'waking' || entry.p === 'parking') return entry.p;
      return isDone ? 'returning' : 'offline';
    case 'missing':
      return entry.p === 'creating' ? 'creating' : 'returning';
  }
}

/** Applies what a stateful agent tells of itself while it lives. */
export function applyProgress(state: PoolState, progress: AgentProgress, now: number): void {
  if (progress.kind === 'served') countJob(state, progress.job);
  const entry = state.roster.find(({ n }) => n === progress.agent);
  if (!entry || entry.d) return;
  if (progress.kind === 'parked') entry.p = 'parked';
  // Whether a job holds it the observer tells, or has told already.
  else if (progress.kind === 'notParked' && entry.p === 'parking') entry.p = 'ready';
  else return;
  entry.s = now;
}

function countJob(state: PoolState, { receipt }: LeaseOutcome): void {
  state.totals.jobs += 1;
  const { queuedAt, startedAt } = receipt;
  if (startedAt !== undefined) {
    state.totals.waitedMs += startedAt - queuedAt;
    state.waits = withWait(state.waits, waitLegs(receipt), startedAt - queuedAt);
  }
  const held = heldMs(receipt);
  if (held !== undefined) state.durations = withDuration(state.durations ?? {}, held);
}

/**
 * Applies an agent's last word. A second report of the same agent changes nothing.
 *
 * @param placeClosedMs as in `PoolLimits`; a pool that is older than this limit has none
 */
export function applyReport(state: PoolState, report: AgentReport, now: number, placeClosedMs?: number): void {
  const entry = state.roster.find(({ n }) => n === report.agent);
  if (!entry) return;
  state.roster = state.roster.filter(({ n }) => n !== report.agent);
  if (report.job) countJob(state, report.job);
  if (report.outcome === 'returned' || !report.failure) {
    state.totals.returned += 1;
    return;
  }
  state.totals.failed += 1;
  // A machine that was kept told of its failure when that happened.
  if (entry.x || entry.k || takeRefusal(state, report, entry.i, now, placeClosedMs)) return;
  holdBack(state, entry.i, report.failure, now);
}

/** Notes that an agent's machine is kept for inspection. Answers whether the pool knows the agent. */
export function applyKept(state: PoolState, { agent, why, until, failure }: AgentKept, now: number): boolean {
  const entry = state.roster.find(({ n }) => n === agent);
  if (!entry) return false;
  if (entry.k) return true;
  entry.p = 'kept';
  entry.s = now;
  entry.d = 1;
  entry.k = { until, why };
  if (failure) holdBack(state, entry.i, failure, now);
  return true;
}

/** After a failure nothing is created of the image for a while, the longer the more failures came in a row. */
function holdBack(state: PoolState, image: string, failure: NonNullable<AgentReport['failure']>, now: number): void {
  const failures = (state.failures[image] ?? 0) + 1;
  state.failures[image] = failures;
  const ceiling = failure.retryAfterMs > 0 ? failure.retryAfterMs : holdMaxMs;
  const hold = Math.min(ceiling, firstHoldMs * 2 ** Math.min(failures - 1, 20));
  state.holds = [
    ...state.holds.filter((one) => one.image !== image),
    { image, until: now + hold, code: failure.code, message: failure.message },
  ];
}

/** How long a job held its agent, which is longer than it ran: a drain waits for all of it. */
function heldMs({ assignedAt, startedAt, finishedAt }: WaitReceipt): number | undefined {
  const from = assignedAt ?? startedAt;
  return from === undefined || finishedAt === undefined ? undefined : Math.max(0, finishedAt - from);
}

/**
 * Applies what an agent tells as soon as its place refused it: another one is asked for elsewhere while what is left of
 * this one returns. A failure that says nothing about the place is left to the report of the agent's end.
 */
export function applyRefusal(state: PoolState, report: AgentReport, now: number, placeClosedMs?: number): void {
  const entry = state.roster.find(({ n }) => n === report.agent);
  if (!entry || entry.x || !takeRefusal(state, report, entry.i, now, placeClosedMs)) return;
  Object.assign(entry, { p: 'returning', s: now, d: 1, x: 1 } satisfies Partial<RosterEntry>);
}

/**
 * What planning needs of the state: one class of demand per alias, because an agent answers to exactly one alias.
 *
 * @param overdueMs an agent that is being created for longer than this still holds its place, but no job is made to
 *   wait for it any more
 */
export function planningInput(
  state: PoolState,
  specification: PoolSpecification,
  now: number,
  overdueMs: number,
): PlanningInput {
  const images = specification.images.flatMap((image) =>
    [image.name, ...image.aliases.filter((alias) => alias !== image.name)].map((alias) => ({
      name: alias,
      buffer: alias === image.name ? image.buffer : 0,
    })),
  );
  const first = images[0]?.name ?? '';
  const queued: Record<string, number> = Object.create(null) as Record<string, number>;
  for (const { imageOverride, count } of state.queued) {
    const image = imageOverride ?? first;
    queued[image] = (queued[image] ?? 0) + count;
  }
  return {
    now,
    maximumConcurrency: specification.maximumConcurrency,
    images,
    standby: specification.standby,
    demand: Object.entries(queued).map(([image, count]) => ({ image, queued: count })),
    agents: state.roster.map(({ n, i, p, s, d, e, l }) => ({
      name: n,
      image: i,
      phase: planningPhase(p, now - s > patience(state, i, overdueMs)),
      since: s,
      ...(e === undefined ? {} : { servedAt: e }),
      ...(l === undefined ? {} : { endsAt: l }),
      ...(d === 1 && p === 'parked' ? { lost: true } : {}),
    })),
    holds: [...state.holds.filter(({ until }) => until > now), ...placementHolds({ ...state, specification }, now)],
    ...(specification.stateful === undefined
      ? {}
      : { stateful: { graceMs: specification.stateful.graceMs, park: specification.stateful.park } }),
    closing: state.status === 'Deleting' || state.status === 'Draining',
    ...(state.status === 'Draining' ? { draining: true } : {}),
  };
}

/** Its machine is being created, or started again. */
function isComingUp(phase: RosterEntry['p']): boolean {
  return phase === 'creating' || phase === 'waking';
}

/**
 * A late agent holds its place and is not waited for. So does a machine that is kept for inspection, which planning must
 * neither count on nor retire.
 */
function planningPhase(phase: RosterEntry['p'], late: boolean): AgentPhase {
  if (phase === 'kept') return 'returning';
  return isComingUp(phase) && late ? 'offline' : phase;
}

/** When the next agent in creation becomes overdue, in milliseconds since the epoch; `Infinity` when none will. */
export function nextOverdueAt(state: PoolState, now: number, overdueMs: number): number {
  const moments = state.roster
    .filter(({ p, i, s }) => isComingUp(p) && now - s <= patience(state, i, overdueMs))
    .map(({ i, s }) => s + patience(state, i, overdueMs) + 1);
  return Math.min(Infinity, ...moments);
}

/**
 * How long an agent in creation counts as capacity. Where machines are slow to come, all would be overdue, and a pool
 * that replaced each would never come to rest: twice as long as the last one took is late, whatever the limit says.
 */
function patience({ boots }: PoolState, image: string, overdueMs: number): number {
  return Math.max(overdueMs, 2 * (boots?.[image] ?? 0));
}

/**
 * Compares the roster with the agent workflows that visibility shows as open. Visibility lags, so only what two reads
 * in a row agree on is corrected. Answers what to remember for the next read and which agents nobody knows.
 */
export function reconcileRoster(
  state: PoolState,
  open: string[],
  suspects: { gone: string[]; unknown: string[] },
): { gone: string[]; unknown: string[]; strays: string[] } {
  const known = state.roster.map(({ n }) => n);
  const gone = known.filter((name) => !open.includes(name));
  const unknown = open.filter((name) => !known.includes(name));
  const confirmedGone = gone.filter((name) => suspects.gone.includes(name));
  state.roster = state.roster.filter(({ n }) => !confirmedGone.includes(n));
  return {
    gone: gone.filter((name) => !confirmedGone.includes(name)),
    unknown,
    strays: unknown.filter((name) => suspects.unknown.includes(name)),
  };
}

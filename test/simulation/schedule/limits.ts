import { defaultLimits, type Limits } from '../../../domain/limits.ts';
import { minute, type Draw } from './draw.ts';
import { documentsOf, fewestMachines, graceMsOf } from './last-documents.ts';
import type { Schedule } from './schedule.ts';

const second = 1_000;

/** The embedded cloud's longest draws at scale 1 (`emulator/core/latencies.ts`). */
const longest = {
  createMs: 180_000,
  bootMs: 180_000,
  deleteMs: 240_000,
  deallocateMs: 180_000,
  startMs: 180_000,
} as const;

/** How long the embedded Azure DevOps waits for a sign of life of a job's agent, and for a cancelled job to stop. */
const azureDevOps = { lockMs: 10 * minute, cancelMs: 5 * minute } as const;

/** After a refusal that only an operator can mend, agents and pools ask again this much later. */
const refusedRetryMs = 5 * minute;

/**
 * Limits of one run. Nearly all runs have short ones, so that what production does in days is seen in minutes; one in
 * thirty has those of production.
 *
 * @param cloudScale a machine must be able to come up within the limits, however slow the cloud is drawn
 */
export function drawLimits(draw: Draw, cloudScale: number): Limits {
  if (draw.happens(0.03)) return structuredClone(defaultLimits);
  const slow = Math.max(1, cloudScale);
  // Looks are most of what a run costs; how often they come changes nothing in what they lead to.
  const intervalMs = draw.time(4 * second, 30 * second);
  // Barely enough: some agents come online after they were given up, which is how a zombie begins.
  const impatient = draw.happens(0.1);
  // As in production, far longer than a pool counts on an agent: whoever goes on counting on it lets jobs wait.
  const patient = !impatient && draw.happens(0.15);
  const often = draw.happens(0.6);
  return {
    agent: {
      connectMs: impatient
        ? Math.round(40 * second * cloudScale) + 2 * intervalMs + 5 * second
        : Math.round(longest.bootMs * slow) +
          (patient ? draw.time(20 * minute, 45 * minute) : draw.time(30 * second, 3 * minute)),
      leaseMs: draw.happens(0.35) ? draw.time(2 * minute, 30 * minute) : defaultLimits.agent.leaseMs,
      leaseWarningMs: defaultLimits.agent.leaseWarningMs,
      leaseLastWarningMs: minute,
      leaseEndMs: draw.time(minute, 6 * minute),
      provisionMs: Math.round(1.2 * longest.createMs * slow) + draw.time(minute, 4 * minute),
      heartbeatMs: draw.time(12 * second, 30 * second),
      returnMs: Math.round(1.2 * longest.deleteMs * slow) + draw.time(minute, 3 * minute),
      offlineMs: patient ? draw.time(10 * minute, 40 * minute) : draw.time(minute, 5 * minute),
      lifetimeMs: draw.happens(0.15) ? draw.time(20 * minute, 90 * minute) : defaultLimits.agent.lifetimeMs,
      // Drawn apart, so that what is drawn after it stays what it was.
      signalsPerRun: draw.part('signals').happens(0.5) ? draw.part('signals').scaled(5, 50) : 5_000,
    },
    pool: {
      reconcileMs: draw.time(minute, 6 * minute),
      overdueMs: draw.time(minute, patient ? 3 * minute : 10 * minute),
      signalsPerRun: often ? draw.scaled(20, 200) : draw.scaled(200, 5_000),
      createsPerTurn: draw.scaled(2, 100),
      placeClosedMs: defaultLimits.pool.placeClosedMs,
    },
    observer: {
      intervalMs,
      idleIntervalMs: draw.happens(0.2) ? intervalMs : Math.max(intervalMs, draw.time(20 * second, 2 * minute)),
      activityMs: draw.time(3 * minute, 60 * minute),
      heartbeatMs: draw.time(10 * second, 30 * second),
      machineLooksMs: defaultLimits.observer.machineLooksMs,
    },
    audit: {
      ...defaultLimits.audit,
      everyMs: draw.time(2 * minute, 5 * minute),
      confirmMs: draw.time(15 * second, minute),
      approvalMs: draw.time(minute, 3 * minute),
    },
  };
}

/** What the quiet window is reckoned from. */
type Reckoned = Pick<Schedule, 'limits' | 'cloudScale' | 'jobs' | 'faults' | 'chaosMs' | 'pools' | 'verbs'>;

/**
 * How long after the last fault everything must have converged, at the latest. One thing after the other, each at its
 * worst, although most of it happens side by side:
 *
 *     an agent that was being created when the faults ended     provisionMs + connectMs
 *     and its return, refused once                              + returnMs + 5 min + returnMs
 *     a hold of its pool after failures                         + the longest hold that the faults' codes ask for
 *     the jobs that wait, one after the other                   + their time on the fewest machines, see `backlogMs`
 *     the last job of all, on an agent that is lost             + its duration, or leaseMs + leaseEndMs + 5 min
 *                                                               + lock 10 min + offlineMs + connectMs
 *     the machine that it lost, kept for inspection              + its time
 *     what nobody owns, or what two reads must agree on         + the longer of approvalMs + 2 everyMs + newbornMs
 *                                                                 + confirmMs + a deletion, and of 3 reconcileMs
 *     the last restart of the observer                          + heartbeatMs + 1 min
 *     in a stateful pool, an agent that nobody needs            + its grace period + a deallocation
 *     and one that is woken, and lost                           + a start + connectMs
 */
export function quietMs(schedule: Reckoned): number {
  const { limits, cloudScale, jobs } = schedule;
  const { agent, pool, observer, audit } = limits;
  const removed = longest.deleteMs * cloudScale + 30 * second;
  const abandoned = agent.provisionMs + agent.connectMs + 2 * agent.returnMs + refusedRetryMs;
  const lastJob = Math.max(0, ...jobs.map((job) => onAgentMs(job, limits)));
  const lost = azureDevOps.lockMs + agent.offlineMs + agent.connectMs;
  const audits = audit.approvalMs + 2 * audit.everyMs + audit.newbornMs + audit.confirmMs + removed;
  const tidied = Math.max(audits, 3 * pool.reconcileMs);
  const watched = observer.heartbeatMs + minute;
  const parked = statefulMs(schedule);
  return (
    abandoned +
    longestHoldMs(schedule) +
    backlogMs(schedule) +
    lastJob +
    lost +
    keptMs(schedule) +
    tidied +
    watched +
    parked
  );
}

/** What agents that serve many jobs may take longer, the worst of all documents; 0 where every pool is stateless. */
function statefulMs(schedule: Reckoned): number {
  const { limits, cloudScale, pools } = schedule;
  const graces = pools.flatMap(({ name }) =>
    documentsOf(schedule, name).flatMap((document) => graceMsOf(document) ?? []),
  );
  if (graces.length === 0) return 0;
  const power = Math.round((longest.deallocateMs + longest.startMs) * cloudScale);
  return Math.max(...graces) + power + limits.agent.returnMs + limits.agent.connectMs;
}

/**
 * The time that all jobs of the worst pool take one after the other on its fewest machines, each on a machine of its
 * own from create to delete. By half as much again: machines of one image do not serve jobs of another. A pool that is
 * deleted for good finishes what runs, and no more.
 */
function backlogMs(schedule: Reckoned): number {
  const { jobs, limits, cloudScale } = schedule;
  const typical = (38 + 30 + 45) * second * cloudScale + 3 * limits.observer.intervalMs + 20 * second;
  const times = schedule.pools.map(({ name }) => {
    const machines = fewestMachines(schedule, name);
    if (machines === undefined) return 0;
    const work = jobs.filter((job) => job.pool === name).map((job) => onAgentMs(job, limits) + typical);
    return (1.5 * work.reduce((sum, ms) => sum + ms, 0)) / machines;
  });
  return Math.round(Math.max(0, ...times));
}

/** The longest time for which a failed machine is kept for inspection. */
function keptMs({ pools, verbs }: Reckoned): number {
  const documents = [...pools, ...verbs.flatMap((verb) => (verb.kind === 'apply' ? [verb] : []))];
  const times = documents.map(({ document }) => retainedIn(document)?.timeSpan.split(':')[1] ?? '0');
  return Math.max(0, ...times.map(Number)) * minute;
}

function retainedIn(document: unknown): { timeSpan: string } | undefined {
  const { properties } = document as { properties?: { operatorProfile?: { retainedFailures: { timeSpan: string } } } };
  return properties?.operatorProfile?.retainedFailures;
}

/** The longest time for which a job holds its agent, the end of its lease by force included. */
function onAgentMs({ durationMs }: Schedule['jobs'][number], { agent }: Limits): number {
  return durationMs < agent.leaseMs ? durationMs : agent.leaseMs + agent.leaseEndMs + azureDevOps.cancelMs;
}

/** Holds after failures, by the codes that are injected; the sources are in `activities/errors/retry-rules.ts`. */
function longestHoldMs({ faults }: Reckoned): number {
  const codes = faults.map(({ fault: { effect } }) => ('code' in effect ? effect.code : ''));
  const hour = codes.some((code) => /Allocation/.test(code)) || faults.some(({ fault }) => isZeroQuota(fault.effect));
  // Codes that ask for nothing of their own hold for ten minutes at most. `SkuNotAvailable` asks for 23 hours: no run
  // waits for that, and a hold that the pool tells excuses a job that waits.
  return hour ? 60 * minute : 10 * minute;
}

function isZeroQuota(effect: Schedule['faults'][number]['fault']['effect']): boolean {
  return 'message' in effect && /Current Limit: 0\b/.test(effect.message ?? '');
}

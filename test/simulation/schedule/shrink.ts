import { defaultLimits } from '../../../domain/limits.ts';
import { minute } from './draw.ts';
import { unfairness } from './fairness.ts';
import type { Schedule } from './schedule.ts';

/** How long shrinking may take. */
export interface ShrinkBudget {
  /** Most runs. */
  runs: number;
  /** No further run begins when it answers true, for a bound by time. */
  spent?: () => boolean;
}

/** What came of it. */
export interface Shrunk {
  /** The smallest schedule that still fails; the given one where none smaller does. */
  schedule: Schedule;
  runs: number;
  /** Whether nothing more could be left out; false when the budget ended first. */
  finished: boolean;
}

type Part = 'faults' | 'disturbances' | 'verbs' | 'jobs';

/** In the order of what they cost to read in a report: faults first, for most schedules need only one of them. */
const parts: readonly Part[] = ['faults', 'disturbances', 'verbs', 'jobs'];

/**
 * Makes a failing schedule smaller while it still fails: leaves out pools, then faults, disturbances, verbs and jobs
 * (halves first, then quarters, down to one), then makes numbers plain: what the engine does wrong to 0, limits to
 * those of production, latencies to their normal, times shorter. Greedy, again and again until nothing changes.
 *
 * @param fails whether a schedule breaks the same invariant; anything else it may break does not count
 */
export async function shrink(
  schedule: Schedule,
  fails: (schedule: Schedule) => Promise<boolean>,
  budget: ShrinkBudget,
): Promise<Shrunk> {
  let best = schedule;
  let runs = 0;
  // A given schedule may be unfair on purpose; a shrunk one must not become so in another way.
  const known = new Set(unfairness(schedule));
  const over = () => runs >= budget.runs || (budget.spent?.() ?? false);

  /** Takes the candidate where it still fails. */
  const attempt = async (candidate: Schedule | undefined): Promise<boolean> => {
    if (candidate === undefined || over()) return false;
    if (JSON.stringify(candidate) === JSON.stringify(best)) return false;
    if (unfairness(candidate).some((reason) => !known.has(reason))) return false;
    runs++;
    if (!(await fails(candidate))) return false;
    best = candidate;
    return true;
  };

  let changed = true;
  while (changed && !over()) {
    changed = false;
    for (const { name } of best.pools) changed = (await attempt(withoutPool(best, name))) || changed;
    for (const part of parts) changed = (await leaveOut(part)) || changed;
    for (const plainer of numbers) changed = (await attempt(plainer(best))) || changed;
    changed = (await shortenJobs()) || changed;
  }
  return { schedule: best, runs, finished: !over() };

  /** Delta debugging: chunks of half the list, then of a quarter, and so on. */
  async function leaveOut(part: Part): Promise<boolean> {
    let any = false;
    for (let size = best[part].length; size >= 1 && !over(); size = Math.floor(size / 2)) {
      for (let start = 0; start < best[part].length && !over();) {
        const list: readonly unknown[] = best[part];
        const rest = list.filter((_item, index) => index < start || index >= start + size);
        const taken = await attempt({ ...best, [part]: rest });
        any ||= taken;
        // What follows has moved up to this place.
        if (!taken) start += size;
      }
    }
    return any;
  }

  async function shortenJobs(): Promise<boolean> {
    let any = false;
    for (let index = 0; index < best.jobs.length && !over(); index++) {
      const plain = best.jobs.map((job, position) => {
        const { cancelAfterMs: _, result: __, ...rest } = job;
        return position === index ? rest : job;
      });
      any = (await attempt({ ...best, jobs: plain })) || any;
      const shorter = best.jobs.map((job, position) =>
        position === index ? { ...job, durationMs: Math.min(job.durationMs, 10_000) } : job,
      );
      any = (await attempt({ ...best, jobs: shorter })) || any;
    }
    return any;
  }
}

/** Without a pool and everything that concerns it. */
function withoutPool(schedule: Schedule, name: string): Schedule | undefined {
  if (schedule.pools.length < 2) return undefined;
  const others = (item: object) => !('pool' in item) || item.pool !== name;
  return {
    ...schedule,
    pools: schedule.pools.filter((pool) => pool.name !== name),
    jobs: schedule.jobs.filter(others),
    verbs: schedule.verbs.filter(others),
    disturbances: schedule.disturbances.filter(others),
  };
}

/** Each makes one number, or one group of numbers, plainer. */
const numbers: readonly ((schedule: Schedule) => Schedule)[] = [
  ...(['loseTask', 'evict', 'refuseCall', 'loseResult', 'latencyMs'] as const).map(
    (name) =>
      (schedule: Schedule): Schedule => ({ ...schedule, engine: { ...schedule.engine, [name]: 0 } }),
  ),
  (schedule) => ({ ...schedule, engine: { ...schedule.engine, suggestContinueAsNewEvents: 4_096 } }),
  (schedule) => ({ ...schedule, engine: { ...schedule.engine, workers: 1 } }),
  (schedule) => ({ ...schedule, cloudScale: 1 }),
  (schedule) => ({ ...schedule, limits: { ...schedule.limits, pool: defaultLimits.pool } }),
  (schedule) => ({ ...schedule, limits: { ...schedule.limits, observer: defaultLimits.observer } }),
  (schedule) => ({ ...schedule, limits: { ...schedule.limits, agent: defaultLimits.agent } }),
  shortenChaos,
];

/** Ends the chaos window soon after the last thing that happens in it; the quiet window keeps its length. */
function shortenChaos(schedule: Schedule): Schedule {
  const last = Math.max(
    minute,
    ...schedule.jobs.map(({ at }) => at),
    ...schedule.verbs.map(({ at }) => (at >= schedule.chaosMs ? 0 : at)),
    ...schedule.disturbances.map((one) => one.at + ('forMs' in one ? one.forMs : 'downMs' in one ? one.downMs : 0)),
    ...schedule.faults.map(({ from }) => from + minute),
  );
  const chaosMs = Math.min(schedule.chaosMs, last);
  const earlier = schedule.chaosMs - chaosMs;
  return {
    ...schedule,
    chaosMs,
    endMs: schedule.endMs - earlier,
    faults: schedule.faults.map((one) => ({ ...one, until: Math.min(one.until, chaosMs) })),
    verbs: schedule.verbs.map((verb) => (verb.at >= schedule.chaosMs ? { ...verb, at: verb.at - earlier } : verb)),
  };
}

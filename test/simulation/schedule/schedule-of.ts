import type { TraceRow } from '../../../client/workload/trace.ts';
import { drawDisturbances, drawEngine } from './disturbances.ts';
import { createDraw, minute, type Draw } from './draw.ts';
import { drawFaults } from './faults.ts';
import { intensities } from './intensity.ts';
import { cancelSome, drawJobs, sliceOfTrace } from './jobs.ts';
import { drawLimits, quietMs } from './limits.ts';
import { drawOperatorVerbs } from './operator-verbs.ts';
import { documentOf, drawShape } from './pool-documents.ts';
import type { Schedule, ScheduledJob } from './schedule.ts';
import { drawAudits, drawVerbs } from './verbs.ts';

const second = 1_000;

/** What a schedule may be made from besides its seed. */
export interface ScheduleOptions {
  /** Rows of a trace: jobs are slices of it, chosen by the seed, in place of invented ones. */
  arrivals?: readonly TraceRow[];
}

/**
 * The schedule of a seed. Pure: equal seeds give equal schedules, on any machine. Swarm style: each seed enables a
 * random subset of everything that can go wrong, with rates of its own, because what is always on hides what it
 * prevents.
 */
export function scheduleOf(seed: number, { arrivals }: ScheduleOptions = {}): Schedule {
  const draw = createDraw(seed);
  const intensity = draw.pick(Object.values(intensities));
  const cloudScale = drawScale(draw.part('scale'));
  const limits = drawLimits(draw.part('limits'), cloudScale);
  const chaosMs = draw.happens(0.1) ? draw.time(25 * minute, 60 * minute) : draw.time(5 * minute, 25 * minute);
  const names = draw.happens(0.3) ? ['alpha', 'Beta.2'] : ['alpha'];

  const plans = names.map((name) => {
    const own = draw.part(name);
    const shape = drawShape(own, name);
    const came = arrivals
      ? sliceOfTrace(own.part('arrivals'), arrivals, shape, chaosMs)
      : drawJobs(own.part('jobs'), shape, limits, chaosMs);
    const cancelled = own.happens(0.35) ? cancelSome(own.part('cancel'), came, own.pick([0.05, 0.2, 0.5])) : came;
    const plan = drawVerbs(own.part('verbs'), shape, cancelled, chaosMs);
    const operated = drawOperatorVerbs(own.part('operators'), name, cancelled, chaosMs);
    return {
      pool: { name, document: documentOf(shape) },
      jobs: untilGone(cancelled, plan.goneAt),
      verbs: [...plan.verbs, ...operated],
    };
  });

  const parts = {
    chaosMs,
    limits,
    cloudScale,
    pools: plans.map(({ pool }) => pool),
    jobs: plans.flatMap((plan) => plan.jobs).toSorted(earlierFirst),
    verbs: [...plans.flatMap(({ verbs }) => verbs), ...drawAudits(draw.part('audits'), chaosMs)].toSorted(earlierFirst),
    faults: drawFaults(draw.part('faults'), intensity, chaosMs),
  };
  return {
    version: 1,
    seed,
    ...parts,
    endMs: chaosMs + Math.ceil(quietMs(parts) / minute) * minute,
    disturbances: drawDisturbances(draw.part('disturbances'), intensity, names, chaosMs),
    engine: drawEngine(draw.part('engine'), intensity),
  };
}

/** Mostly as slow as the real cloud; now and then much faster, or eight times as slow. */
function drawScale(draw: Draw): number {
  if (draw.happens(0.6)) return 1;
  return draw.happens(0.2) ? draw.whole(4, 8) : draw.scaled(20, 300) / 100;
}

/** A few jobs still come for a pool that is being deleted; later nobody could queue one. */
function untilGone(jobs: readonly ScheduledJob[], goneAt: number | undefined): ScheduledJob[] {
  return jobs.filter(({ at }) => goneAt === undefined || at <= goneAt + 30 * second);
}

function earlierFirst(one: { at: number }, other: { at: number }): number {
  return one.at - other.at;
}

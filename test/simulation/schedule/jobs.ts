import { schedule as spread, type TraceRow } from '../../../client/workload/trace.ts';
import type { Limits } from '../../../domain/limits.ts';
import { minute, type Draw } from './draw.ts';
import { aliasesOf, type PoolShape } from './pool-documents.ts';
import type { ScheduledJob } from './schedule.ts';

const second = 1_000;

/** Most jobs in one run: what goes wrong with forty goes wrong with four hundred, and costs a tenth. */
const jobsMax = 40;

/** The first job: the pools have their documents by then. */
const firstMs = 30 * second;

/** Longest time that all jobs of a pool may take on its machines; keeps the quiet window short. */
const workMs = 45 * minute;

/** How jobs come. Each pattern has found bugs in peers: idle pools, fan-outs, a job every moment. */
const patterns = ['none', 'one', 'instant', 'burst', 'trickle', 'waves', 'long'] as const;

/** The jobs of one pool. */
export function drawJobs(draw: Draw, shape: PoolShape, limits: Limits, chaosMs: number): ScheduledJob[] {
  const pattern = draw.happens(0.05) ? 'none' : draw.pick(patterns.slice(1));
  const [first, last] = [firstMs, Math.max(firstMs, chaosMs - minute)];
  const count = countOf(draw, pattern);
  const start = draw.whole(first, Math.max(first, Math.round(last / 2)));
  const times = Array.from({ length: count }, (_, index) => {
    switch (pattern) {
      case 'instant':
        return start;
      case 'burst':
        return start + draw.whole(0, 20 * second);
      case 'waves':
        return start + Math.floor(index / 5) * 4 * minute + draw.whole(0, 5 * second);
      default:
        return draw.whole(first, last);
    }
  });
  const aliases = aliasesOf(shape);
  const jobs = times
    .filter((at) => at <= last)
    .toSorted((a, b) => a - b)
    .map((at): ScheduledJob => ({
      at,
      pool: shape.name,
      ...imageOf(draw, aliases),
      durationMs: durationOf(draw, pattern, limits),
      ...(draw.happens(0.15) ? { result: 'failed' as const } : {}),
    }));
  return bounded(jobs, shape.maximumConcurrency);
}

/** A slice of a trace, as many times faster as it takes to fit into the chaos window. */
export function sliceOfTrace(draw: Draw, rows: readonly TraceRow[], shape: PoolShape, chaosMs: number): ScheduledJob[] {
  if (rows.length === 0) return [];
  const start = draw.whole(0, rows.length - 1);
  const slice = rows.slice(start, start + draw.whole(5, jobsMax));
  const span = (slice.at(-1)?.arrivalAt ?? 0) - (slice[0]?.arrivalAt ?? 0);
  const room = Math.max(minute, 0.8 * chaosMs - firstMs);
  const aliases = aliasesOf(shape);
  const labels = [...new Set(slice.map(({ label }) => label))];
  const jobs = spread(slice, Math.max(1, span / room)).map(({ atMs, durationSeconds, label }): ScheduledJob => {
    const image = aliases[labels.indexOf(label) % aliases.length];
    const durationMs = Math.round(Math.min(Math.max(1, durationSeconds), 20 * 60) * second);
    return { at: firstMs + atMs, pool: shape.name, ...(image === undefined ? {} : { image }), durationMs };
  });
  return bounded(jobs, shape.maximumConcurrency);
}

/** Some builds are cancelled: while they wait, while they run, in the moment of their end, and after it. */
export function cancelSome(draw: Draw, jobs: readonly ScheduledJob[], rate: number): ScheduledJob[] {
  return jobs.map((job) =>
    draw.happens(rate)
      ? { ...job, cancelAfterMs: draw.pick([draw.whole(0, 2 * minute), draw.whole(0, 3 * job.durationMs + minute)]) }
      : job,
  );
}

function countOf(draw: Draw, pattern: (typeof patterns)[number]): number {
  if (pattern === 'none') return 0;
  if (pattern === 'one') return 1;
  if (pattern === 'long') return draw.whole(1, 4);
  return draw.scaled(2, 30);
}

/** Three of four jobs name their image by one of its names; one in a hundred names one that no pool has. */
function imageOf(draw: Draw, aliases: readonly string[]): { image?: string } {
  if (draw.happens(0.25)) return {};
  if (draw.happens(0.01)) return { image: 'no-such-image' };
  return { image: draw.pick(aliases) };
}

function durationOf(draw: Draw, pattern: (typeof patterns)[number], { agent: { leaseMs } }: Limits): number {
  if (pattern === 'long') {
    const beyond = leaseMs <= 30 * minute && draw.happens(0.6);
    return beyond ? leaseMs + draw.time(second, 10 * minute) : draw.time(10 * minute, 60 * minute);
  }
  // A job that ends at once is over before anybody has looked.
  if (draw.happens(0.08)) return draw.whole(0, second);
  return draw.happens(0.1) ? draw.time(3 * minute, 15 * minute) : draw.time(2 * second, 3 * minute);
}

/** The first jobs, as many as the pool's machines can do in a reasonable time, and at least one. */
function bounded(jobs: readonly ScheduledJob[], machines: number): ScheduledJob[] {
  let left = workMs * machines;
  return jobs.slice(0, jobsMax).filter(({ durationMs }, index) => {
    left -= durationMs + 2 * minute;
    return left >= 0 || index === 0;
  });
}

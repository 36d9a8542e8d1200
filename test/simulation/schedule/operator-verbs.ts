import { minute, type Draw } from './draw.ts';
import type { ScheduledJob, ScheduledVerb } from './schedule.ts';

const second = 1_000;

/** No verb before this: the pools have their first documents by then. */
const firstMs = minute;

/** After the last document of the quiet window. */
const lastResumeMs = 90 * second;

/**
 * What operators do to the agents of one pool. A pool that was drained is resumed in the quiet window at the latest, so
 * that no job is left waiting.
 */
export function drawOperatorVerbs(
  draw: Draw,
  pool: string,
  jobs: readonly ScheduledJob[],
  chaosMs: number,
): ScheduledVerb[] {
  const latest = Math.max(firstMs, chaosMs - 30 * second);
  const moment = () =>
    // Half of them come while something is under way: from the moment in which a job was queued.
    jobs.length > 0 && draw.happens(0.5)
      ? Math.min(latest, Math.max(firstMs, draw.pick(jobs).at + draw.whole(0, 2 * minute)))
      : draw.whole(firstMs, latest);
  const verbs: ScheduledVerb[] = [];
  const purges = draw.happens(0.3) ? draw.whole(1, 3) : 0;
  for (let count = 0; count < purges; count++) {
    const nths = draw.happens(0.5) ? 'all' : Array.from({ length: draw.whole(1, 3) }, () => draw.whole(0, 9));
    verbs.push({ at: moment(), kind: 'purge', pool, nths, force: draw.happens(0.3) });
  }
  const drains = draw.happens(0.25) ? draw.whole(1, 2) : 0;
  for (let count = 0; count < drains; count++) {
    const at = moment();
    const deadline = draw.happens(0.6)
      ? { byMs: draw.time(30 * second, 10 * minute), cancelAtDeadline: draw.happens(0.5) }
      : {};
    verbs.push({ at, kind: 'drain', pool, ...deadline });
    if (draw.happens(0.7)) {
      verbs.push({ at: Math.min(chaosMs, at + draw.time(5 * second, 8 * minute)), kind: 'resume', pool });
    }
  }
  if (drains > 0) verbs.push({ at: chaosMs + lastResumeMs, kind: 'resume', pool });
  return verbs;
}

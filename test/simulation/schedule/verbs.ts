import { minute, type Draw } from './draw.ts';
import { documentOf, editShape, refusedDocument, withImagesOf, type PoolShape } from './pool-documents.ts';
import type { ScheduledJob, ScheduledVerb } from './schedule.ts';

const second = 1_000;

/** No verb before this: the pools have their first documents by then. */
const firstMs = minute;

/** What operators do to one pool. */
export interface PoolPlan {
  verbs: ScheduledVerb[];
  /** From here on the pool is being deleted and does not come back. */
  goneAt?: number;
}

/**
 * The verbs on one pool. A pool whose document was changed gets a last one in the quiet window: it names every image
 * that a job may wait for, so that no job is left without one, and it certainly arrives.
 */
export function drawVerbs(draw: Draw, shape: PoolShape, jobs: readonly ScheduledJob[], chaosMs: number): PoolPlan {
  const pool = shape.name;
  const latest = Math.max(firstMs, chaosMs - 30 * second);
  const moment = () =>
    // Half of the edits come while something is under way: seconds after a job was queued.
    jobs.length > 0 && draw.happens(0.5)
      ? Math.min(latest, Math.max(firstMs, draw.pick(jobs).at + draw.time(second, 2 * minute)))
      : draw.whole(firstMs, latest);
  const verbs: ScheduledVerb[] = [];
  const shapes = [shape];
  const current = () => shapes.at(-1) ?? shape;

  const edits = draw.happens(0.5) ? draw.whole(1, 4) : 0;
  const times = Array.from({ length: edits }, moment).toSorted((a, b) => a - b);
  for (const at of times) {
    const next = editShape(draw, current());
    shapes.push(next);
    verbs.push({ at, kind: 'apply', pool, document: documentOf(next) });
  }
  const refused = draw.happens(0.25) ? draw.whole(1, 3) : 0;
  for (let count = 0; count < refused; count++) {
    verbs.push({ at: moment(), kind: 'apply', pool, document: refusedDocument(draw, shape), refused: true });
  }
  const cancelled = draw.happens(0.15) ? draw.whole(1, 3) : 0;
  for (let count = 0; count < cancelled; count++) {
    verbs.push({ at: moment(), kind: 'cancelAgent', pool, nth: draw.whole(0, 9) });
  }

  if (draw.happens(0.2)) {
    const at = moment();
    const again = draw.happens(0.5);
    const earlier = verbs.filter((verb) => verb.at < at);
    earlier.push({ at, kind: 'delete', pool });
    if (!again) return { verbs: inOrder(earlier), goneAt: at };
    earlier.push({
      at: Math.min(chaosMs, at + draw.time(second, 8 * minute)),
      kind: 'apply',
      pool,
      document: documentOf(current()),
    });
    verbs.splice(0, verbs.length, ...earlier);
  } else if (edits === 0) {
    return { verbs: inOrder(verbs) };
  }
  const last = withImagesOf(current(), shapes);
  verbs.push({ at: chaosMs + minute, kind: 'apply', pool, document: documentOf(last) });
  return { verbs: inOrder(verbs) };
}

/** Audits started by hand, also several at once and beside the scheduled ones. */
export function drawAudits(draw: Draw, chaosMs: number): ScheduledVerb[] {
  if (!draw.happens(0.25)) return [];
  const first = draw.whole(firstMs, Math.max(firstMs, chaosMs));
  return Array.from({ length: draw.whole(1, 3) }, (_, index) => ({
    at: Math.min(chaosMs, first + index * draw.whole(0, 30 * second)),
    kind: 'audit' as const,
  }));
}

function inOrder(verbs: readonly ScheduledVerb[]): ScheduledVerb[] {
  return verbs.toSorted((a, b) => a.at - b.at);
}

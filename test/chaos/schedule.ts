import type { Fault } from '../../emulator/core/context.ts';
import { createDraw, type Draw } from '../simulation/schedule/draw.ts';
import {
  aliasesOf,
  documentOf,
  drawShape,
  editShape,
  refusedDocument,
  withImagesOf,
  type PoolShape,
} from '../simulation/schedule/pool-documents.ts';
import type { ScheduledJob } from '../simulation/schedule/schedule.ts';
import { drawFaults } from './faults.ts';

const second = 1_000;

/** What one pool goes through, as data drawn from its seed. Moments are milliseconds after the start. */
export interface ChaosSchedule {
  seed: number;
  chaosMs: number;
  pool: string;
  jobs: ScheduledJob[];
  verbs: ChaosVerb[];
  faults: ChaosFault[];
  /** What the last document declares; nothing when the pool stays deleted. */
  last: { maximumConcurrency: number; standby: number } | undefined;
}

export type ChaosVerb =
  | { at: number; kind: 'apply'; document: unknown; maximumConcurrency: number; standby: number }
  /** A document that must be refused, while what was running stays. */
  | { at: number; kind: 'applyWrong'; document: unknown }
  | { at: number; kind: 'delete' };

/** A fault of the cloud. It meets every pool of the batch, for it matches calls and not pools. */
export interface ChaosFault {
  /** Its name in the fault model's table. */
  kind: string;
  from: number;
  until: number;
  fault: Omit<Fault, 'id'>;
}

/** Between the first job that may come and the first document. */
const firstJobMs = 3 * second;

/** Time that a job takes beside its own duration: create, boot, return. Only bounds the backlog. */
const overheadMs = 12 * second;

/** The schedule of a seed. Equal seeds and windows give equal schedules. */
export function chaosScheduleOf(seed: number, chaosMs: number): ChaosSchedule {
  const draw = createDraw(seed, 'chaos');
  const pool = `chaos-${seed}`;
  // The judge of chaos knows stateless pools only.
  const { stateful: _stateful, ...shape } = drawShape(draw.part('shape'), pool);
  const { verbs, last, least } = drawVerbs(draw.part('verbs'), shape, chaosMs);
  return {
    seed,
    chaosMs,
    pool,
    jobs: drawJobs(draw.part('jobs'), shape, least, chaosMs),
    verbs,
    faults: drawFaults(draw.part('faults'), chaosMs),
    last,
  };
}

function apply(at: number, shape: PoolShape): ChaosVerb {
  const { maximumConcurrency, standby } = shape;
  return { at, kind: 'apply', document: documentOf(shape), maximumConcurrency, standby };
}

/** The first document, edits, wrong documents, a deletion in the middle, a deletion for good; in the order of time. */
function drawVerbs(draw: Draw, first: PoolShape, chaosMs: number) {
  const verbs: ChaosVerb[] = [apply(draw.whole(0, second), first)];
  // The last document is what counts in the end, so no verb may overtake another.
  const after = (at: number) => Math.max(at, (verbs.at(-1)?.at ?? 0) + second);
  let shape = first;
  let least = first.maximumConcurrency;
  const moments = Array.from({ length: draw.whole(0, 3) }, () => draw.whole(8 * second, chaosMs - 10 * second));
  for (const at of moments.toSorted((a, b) => a - b)) {
    if (draw.happens(0.25)) {
      verbs.push({ at: after(at), kind: 'applyWrong', document: refusedDocument(draw, shape) });
      continue;
    }
    // No job that was taken is left without its image.
    shape = withImagesOf(editShape(draw, shape), [first]);
    least = Math.min(least, shape.maximumConcurrency);
    if (draw.happens(0.25)) verbs.push({ at: after(at), kind: 'delete' });
    verbs.push(apply(after(at) + draw.whole(0, 4) * second, shape));
  }
  const forGood = draw.happens(0.1);
  if (forGood) verbs.push({ at: after(chaosMs - draw.whole(0, 10) * second), kind: 'delete' });
  const { maximumConcurrency, standby } = shape;
  return { verbs, last: forGood ? undefined : { maximumConcurrency, standby }, least };
}

function drawJobs(draw: Draw, shape: PoolShape, machines: number, chaosMs: number): ScheduledJob[] {
  const aliases = aliasesOf(shape);
  const atOnce = draw.happens(0.3) ? draw.whole(firstJobMs, chaosMs - 5 * second) : undefined;
  const jobs = Array.from({ length: draw.whole(2, 12) }, (): ScheduledJob => {
    const durationMs = draw.whole(1, 20) * second;
    return {
      at: atOnce ?? draw.whole(firstJobMs, chaosMs - 5 * second),
      pool: shape.name,
      ...(draw.happens(0.25) ? {} : { image: draw.pick(aliases) }),
      durationMs,
      ...(draw.happens(0.15) ? { result: 'failed' as const } : {}),
      ...(draw.happens(0.15) ? { cancelAfterMs: draw.whole(0, durationMs + 10 * second) } : {}),
    };
  }).toSorted((a, b) => a.at - b.at);
  let room = machines * (chaosMs + 60 * second);
  return jobs.filter(({ durationMs }, index) => (room -= durationMs + overheadMs) >= 0 || index < 2);
}

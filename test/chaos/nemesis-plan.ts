import { createDraw, type Draw } from '../simulation/schedule/draw.ts';

const second = 1_000;

/** The two versions of the workflow code that run at the same time. */
export const versions = ['current', 'changed'] as const;
export type Version = (typeof versions)[number];

/** A way that can be disturbed. All workers share the one to Azure DevOps, whose address is in the pools' documents. */
export type LinkName = { to: 'engine' | 'azure'; worker: number } | { to: 'azureDevOps' };

/** What is done to the processes of a batch; moments are milliseconds after the start. */
export type Strike =
  /** SIGKILL; another one with this version starts later. */
  | { at: number; kind: 'killWorker'; worker: number; downMs: number; version: Version }
  /** SIGSTOP, later SIGCONT: it goes on with what others have taken over meanwhile. */
  | { at: number; kind: 'pauseWorker'; worker: number; forMs: number }
  | { at: number; kind: 'killEngine'; downMs: number }
  | { at: number; kind: 'killCloud'; downMs: number }
  | { at: number; kind: 'cut' | 'halfOpen'; link: LinkName; forMs: number }
  | { at: number; kind: 'delay'; link: LinkName; forMs: number; delayMs: number };

export interface NemesisPlan {
  seed: number;
  chaosMs: number;
  /** The version that each worker has at first. */
  workers: Version[];
  strikes: Strike[];
}

/** How often each kind strikes within `perMs`, at least and at most. */
const perMs = 90 * second;
const often: Record<'killWorker' | 'pauseWorker' | 'killEngine' | 'killCloud' | 'link', [number, number]> = {
  killWorker: [4, 7],
  pauseWorker: [1, 3],
  killEngine: [2, 4],
  killCloud: [1, 2],
  link: [3, 6],
};

/** The plan of a seed. Each kind strikes at least once, however short the window. */
export function nemesisPlanOf(seed: number, chaosMs: number): NemesisPlan {
  const draw = createDraw(seed, 'nemesis');
  const count = draw.whole(2, 3);
  const workers = Array.from({ length: count }, (_, index) => versions[index % 2] ?? 'current');
  const strikes = (Object.keys(often) as (keyof typeof often)[]).flatMap((kind) => {
    const own = draw.part(kind);
    const [least, most] = often[kind];
    const times = Math.max(1, Math.round((own.whole(least, most) * chaosMs) / perMs));
    return Array.from({ length: times }, () => drawStrike(own, kind, count, chaosMs));
  });
  return { seed, chaosMs, workers, strikes: strikes.toSorted((a, b) => a.at - b.at) };
}

function drawStrike(draw: Draw, kind: keyof typeof often, workers: number, chaosMs: number): Strike {
  const at = draw.whole(4 * second, Math.round(0.9 * chaosMs));
  const worker = draw.whole(0, workers - 1);
  switch (kind) {
    case 'killWorker':
      return { at, kind, worker, downMs: draw.whole(0, 5 * second), version: draw.pick(versions) };
    case 'pauseWorker':
      // The heartbeat time-out is six seconds: some pauses are over before, most are not.
      return { at, kind, worker, forMs: draw.whole(3, 15) * second };
    case 'killEngine':
      return { at, kind, downMs: draw.whole(0, 4 * second) };
    case 'killCloud':
      return { at, kind, downMs: draw.whole(0, 4 * second) };
    case 'link':
      return drawLinkStrike(draw, at, worker);
  }
}

function drawLinkStrike(draw: Draw, at: number, worker: number): Strike {
  const to = draw.pick(['engine', 'azure', 'azureDevOps'] as const);
  const link: LinkName = to === 'azureDevOps' ? { to } : { to, worker };
  const kind = draw.pick(['cut', 'delay', 'halfOpen'] as const);
  const forMs = draw.whole(2, 12) * second;
  return kind === 'delay' ? { at, kind, link, forMs, delayMs: draw.whole(200, 3_000) } : { at, kind, link, forMs };
}

import { minute, type Draw } from './draw.ts';
import type { Intensity } from './intensity.ts';
import type { EngineChance, ScheduledDisturbance } from './schedule.ts';

const second = 1_000;

/** The engine's own suggestion to continue as new, in events. */
const productionEvents = 4_096;

/** What is planted and owned by nobody: few, for the auditor asks before it removes more than ten things at once. */
const orphansMax = 3;

type Kind = ScheduledDisturbance['kind'];

/** A disturbance without its moment: how long it lasts, and what it is. */
interface Drawn {
  lastsMs: number;
  what: (at: number) => ScheduledDisturbance;
}

/** Each kind with its rows of the fault model. */
export const disturbanceKinds: Record<Kind, { row: string; draw: (draw: Draw, pools: readonly string[]) => Drawn }> = {
  killWorker: {
    row: 'F14',
    draw: (draw) => {
      const [nth, downMs] = [draw.whole(0, 9), draw.time(second, 5 * minute)];
      return { lastsMs: downMs, what: (at) => ({ at, kind: 'killWorker', nth, downMs }) };
    },
  },
  pauseWorker: {
    row: 'F14',
    draw: (draw) => {
      const [nth, forMs] = [draw.whole(0, 9), draw.time(2 * second, 6 * minute)];
      return { lastsMs: forMs, what: (at) => ({ at, kind: 'pauseWorker', nth, forMs }) };
    },
  },
  partitionWorker: {
    row: 'F14',
    draw: (draw) => {
      const [nth, forMs] = [draw.whole(0, 9), draw.time(2 * second, 5 * minute)];
      return { lastsMs: forMs, what: (at) => ({ at, kind: 'partitionWorker', nth, forMs }) };
    },
  },
  restartEngine: {
    row: 'F15',
    draw: (draw) => {
      const downMs = draw.time(second, 10 * minute);
      return { lastsMs: downMs, what: (at) => ({ at, kind: 'restartEngine', downMs }) };
    },
  },
  evictWorkflows: { row: 'F14', draw: () => at((moment) => ({ at: moment, kind: 'evictWorkflows' })) },
  stopMachine: { row: 'F11', draw: (draw) => nth(draw, 'stopMachine') },
  evictMachine: { row: 'F10', draw: (draw) => nth(draw, 'evictMachine') },
  deleteMachine: { row: 'F11', draw: (draw) => nth(draw, 'deleteMachine') },
  alterTags: {
    row: 'F11',
    draw: (draw) => {
      const [picked, what] = [draw.whole(0, 9), draw.pick(['agent', 'all'] as const)];
      return at((moment) => ({ at: moment, kind: 'alterTags', nth: picked, what }));
    },
  },
  removeRegistration: { row: 'F11', draw: (draw) => nth(draw, 'removeRegistration') },
  disableRegistration: { row: 'F11', draw: (draw) => nth(draw, 'disableRegistration') },
  skewClock: {
    row: 'F16',
    draw: (draw) => {
      const byMs = draw.time(second, 5 * minute) * draw.pick([-1, 1]);
      const [picked, forMs] = [draw.whole(0, 9), draw.time(minute, 20 * minute)];
      return { lastsMs: forMs, what: (moment) => ({ at: moment, kind: 'skewClock', nth: picked, byMs, forMs }) };
    },
  },
  plantOrphan: {
    row: 'F14',
    draw: (draw, pools) => {
      const what = draw.pick(['machine', 'disk', 'networkInterface', 'registration'] as const);
      const pool = draw.pick(pools);
      return at((moment) => ({ at: moment, kind: 'plantOrphan', pool, what }));
    },
  },
  plantForeign: {
    row: 'F11',
    draw: (draw) => {
      const what = draw.pick(['otherInstallation', 'untagged'] as const);
      return at((moment) => ({ at: moment, kind: 'plantForeign', what }));
    },
  },
};

/** The disturbances of one run, in their order. Each is over when the quiet window begins. */
export function drawDisturbances(
  draw: Draw,
  { disturbances: [least, most], disturbanceKinds: share }: Intensity,
  pools: readonly string[],
  chaosMs: number,
): ScheduledDisturbance[] {
  const all = Object.keys(disturbanceKinds) as Kind[];
  const kinds = draw.some(all, share);
  if (kinds.length === 0) return [];
  let orphans = 0;
  return Array.from({ length: draw.whole(least, most) }, () => draw.pick(kinds))
    .filter((kind) => kind !== 'plantOrphan' || ++orphans <= orphansMax)
    .flatMap((kind) => {
      const { lastsMs, what } = disturbanceKinds[kind].draw(draw, pools);
      const latest = chaosMs - lastsMs;
      return latest < minute ? [] : [what(draw.whole(minute, latest))];
    })
    .toSorted((a, b) => a.at - b.at);
}

/** How engine and workers misbehave: each weakness is part of the run or not. */
export function drawEngine(draw: Draw, { engine: share, rate: [, most] }: Intensity): EngineChance {
  const rate = (highest: number) =>
    draw.happens(share) ? Math.round(1_000 * Math.min(most, highest) * draw.uniform()) / 1_000 : 0;
  return {
    loseTask: rate(0.2),
    evict: rate(0.3),
    refuseCall: rate(0.2),
    loseResult: rate(0.15),
    latencyMs: draw.happens(share) ? draw.scaled(1, 3_000) : 0,
    suggestContinueAsNewEvents: draw.happens(share) ? draw.scaled(100, 1_000) : productionEvents,
    workers: draw.whole(1, 3),
  };
}

function at(what: Drawn['what']): Drawn {
  return { lastsMs: 0, what };
}

function nth(
  draw: Draw,
  kind: 'stopMachine' | 'evictMachine' | 'deleteMachine' | 'removeRegistration' | 'disableRegistration',
): Drawn {
  const picked = draw.whole(0, 9);
  return at((moment) => ({ at: moment, kind, nth: picked }));
}

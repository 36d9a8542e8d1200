import { setTimeout as sleep } from 'node:timers/promises';
import type { Arena, ArenaWorker } from './arena.ts';
import type { NemesisPlan, Strike } from './nemesis-plan.ts';

/** What the nemesis did, by kind. */
export type Strikes = Record<Strike['kind'], number>;

/** The one whom a strike meets: strikes on the same one come after each other. */
function victimOf(strike: Strike): string {
  switch (strike.kind) {
    case 'killWorker':
    case 'pauseWorker':
      return `worker ${strike.worker}`;
    case 'killEngine':
      return 'engine';
    case 'killCloud':
      return 'cloud';
    default:
      return JSON.stringify(strike.link);
  }
}

/** Carries out a plan. Resolves when all is done and everything runs again. */
export async function runNemesis(plan: NemesisPlan, arena: Arena): Promise<Strikes> {
  const done: Strikes = {
    killWorker: 0,
    pauseWorker: 0,
    killEngine: 0,
    killCloud: 0,
    cut: 0,
    halfOpen: 0,
    delay: 0,
  };
  const byVictim = Map.groupBy(plan.strikes, victimOf);
  await Promise.all(
    [...byVictim.values()].map(async (strikes) => {
      for (const strike of strikes) {
        await sleep(Math.max(0, arena.startedAt + strike.at - Date.now()));
        arena.note(`nemesis: ${JSON.stringify(strike)}`);
        await carryOut(strike, arena);
        done[strike.kind]++;
      }
    }),
  );
  return done;
}

async function carryOut(strike: Strike, arena: Arena): Promise<void> {
  switch (strike.kind) {
    case 'killWorker': {
      const worker = workerOf(arena, strike.worker);
      await worker.kill();
      await sleep(strike.downMs);
      return await worker.start(strike.version);
    }
    case 'pauseWorker': {
      const worker = workerOf(arena, strike.worker);
      worker.pause();
      await sleep(strike.forMs);
      return worker.resume();
    }
    case 'killEngine':
      await arena.stack.kill('engine');
      await sleep(strike.downMs);
      return await arena.stack.start('engine');
    case 'killCloud':
      await arena.stack.kill('cloud');
      await sleep(strike.downMs);
      return await arena.stack.start('cloud');
    case 'cut':
    case 'halfOpen':
    case 'delay': {
      const link = arena.link(strike.link);
      link.set(strike.kind === 'delay' ? { kind: 'delay', ms: strike.delayMs } : { kind: strike.kind });
      await sleep(strike.forMs);
      return link.set({ kind: 'open' });
    }
  }
}

function workerOf({ workers }: Arena, index: number): ArenaWorker {
  const worker = workers[index];
  if (!worker) throw new Error(`there is no worker ${index}`);
  return worker;
}

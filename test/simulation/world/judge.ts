import type { Breach } from '../../../domain/invariants/account.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { Nemesis } from './nemesis.ts';
import type { People } from './people.ts';
import type { World } from './world.ts';

/** Judges a run that has ended. */
export async function breachesOf(
  _schedule: Schedule,
  world: World,
  _people: People,
  _nemesis: Nemesis,
): Promise<Breach[]> {
  const { engine } = world;
  return await Promise.resolve(
    engine.problems.map(({ kind, at, workflowId, message }) => ({ invariant: kind, at, subject: workflowId, message })),
  );
}

import { ApplicationFailure } from '@temporalio/common';
import type { Disturbance } from '../../../domain/invariants/account.ts';
import { workflowIds } from '../../../domain/names.ts';
import type { DrainAnswer } from '../../../domain/verbs/drain.ts';
import type { PurgeAnswer } from '../../../domain/verbs/purge.ts';
import type { ScheduledVerb } from '../schedule/schedule.ts';
import type { World } from './world.ts';

type OperatorVerb = Extract<ScheduledVerb, { kind: 'purge' | 'drain' | 'resume' }>;

/** How long an operator waits before a verb is sent again that got no answer; milliseconds. */
const againMs = 5_000;
/** How many of the answered verbs are sent again with their id, and how much later at most; milliseconds. */
const sentAgain = 0.3;
const sentAgainMs = 5 * 60_000;

/** A refusal as the operator read it. */
export interface Refusal {
  at: number;
  code: string;
  message: string;
  where: string;
}

/** What operators did to agents, and were told. */
export interface Operators {
  /** What they did to agents of ours, for the judge. */
  readonly disturbances: Disturbance[];
  /** Runs of pools whose last answered verb of the two was `resume`, by their first run. */
  readonly serving: Set<string>;
  do(verb: OperatorVerb): Promise<void>;
}

/** Operators who send each verb until it is answered, always with its own id. */
export function createOperators(world: World, refused: Refusal[]): Operators {
  const { engine, timeline, journal, chance } = world;
  const disturbances: Disturbance[] = [];
  const serving = new Set<string>();
  /** Deadlines at which jobs are cancelled, by pool, as long as nobody undid them. */
  const deadlines = new Map<string, Disturbance>();
  const openAgents = (pool: string): string[] =>
    engine
      .allRuns()
      .filter(({ status, workflowId }) => status === 'running' && workflowId.startsWith(workflowIds.agent(pool, '')))
      .map(({ workflowId }) => workflowId.slice(workflowIds.agent(pool, '').length));
  const note = (kind: string, at: number, subjects: Iterable<string>) => {
    for (const subject of new Set(subjects)) disturbances.push({ at, kind, subject });
  };

  /** Sends until there is an answer; `undefined`: refused, or there is no such pool. */
  async function send(pool: string, name: string, args: unknown[], id: string): Promise<unknown> {
    const workflowId = workflowIds.pool(pool);
    for (;;) {
      while (engine.down) await timeline.sleep(againMs);
      if (!engine.openRun(workflowId)) return undefined;
      try {
        return await engine.update(workflowId, name, args, id);
      } catch (error) {
        const code = error instanceof ApplicationFailure ? (error.type ?? '') : '';
        const message = error instanceof Error ? error.message : String(error);
        journal.note('operator', `${name} ${pool} is refused: ${code} ${message.slice(0, 200)}`);
        if (code !== '') {
          refused.push({ at: timeline.now(), code, message, where: `${name} ${pool}` });
          return undefined;
        }
        await timeline.sleep(againMs);
      }
    }
  }

  async function purge({ pool, nths, force }: Extract<OperatorVerb, { kind: 'purge' }>): Promise<void> {
    const open = openAgents(pool);
    const chosen = nths === 'all' ? open : nths.flatMap((nth) => open[nth % Math.max(1, open.length)] ?? []);
    const names = [...new Set(chosen)];
    if (nths !== 'all' && names.length === 0) return;
    const id = chance.uuid();
    const sentAt = timeline.now();
    journal.note(
      'operator',
      `purges ${nths === 'all' ? 'all' : names.join(', ')} of ${pool}${force ? ' by force' : ''}`,
    );
    const request = nths === 'all' ? { all: true, force } : { agents: names, force };
    const answer = (await send(pool, 'purge', [request], id)) as PurgeAnswer | undefined;
    if (!answer) return;
    // What came between the sending and the answer may have been meant too.
    const meant = nths === 'all' ? [...names, ...answer.agents.map(({ agent }) => agent)] : names;
    note(force ? 'agentPurgedByForce' : 'agentPurged', sentAt, meant);
    if (nths === 'all' && force) note('agentPurgedByForce', sentAt, openAgents(pool));
    await again(pool, 'purge', [request], id);
  }

  async function drain({ pool, byMs, cancelAtDeadline = false }: Extract<OperatorVerb, { kind: 'drain' }>) {
    const id = chance.uuid();
    const sentAt = timeline.now();
    const by = byMs === undefined ? undefined : sentAt + byMs;
    journal.note('operator', `drains ${pool}${byMs === undefined ? '' : ` within ${byMs} ms`}`);
    const request = by === undefined ? {} : { by, cancelAtDeadline };
    note('agentDrained', sentAt, openAgents(pool));
    if (by !== undefined && cancelAtDeadline) {
      const deadline: Disturbance = { at: by, kind: 'drainDeadline', subject: pool };
      disturbances.push(deadline);
      deadlines.set(pool, deadline);
    }
    const answer = await send(pool, 'drain', [request], id);
    if (!answer) return;
    serving.delete(lifeOf(pool));
    await again(pool, 'drain', [request], id);
  }

  async function resume(pool: string): Promise<void> {
    const id = chance.uuid();
    journal.note('operator', `resumes ${pool}`);
    const answer = (await send(pool, 'resume', [], id)) as DrainAnswer | undefined;
    if (!answer) return;
    serving.add(lifeOf(pool));
    // A deadline that has not come by now never comes: it excuses nothing.
    const deadline = deadlines.get(pool);
    if (deadline && deadline.at > timeline.now()) disturbances.splice(disturbances.indexOf(deadline), 1);
    deadlines.delete(pool);
    await again(pool, 'resume', [], id);
  }

  /** A client that lost the answer sends the same again, by then perhaps to another run. */
  async function again(pool: string, name: string, args: unknown[], id: string): Promise<void> {
    const life = lifeOf(pool);
    if (chance.uniform() >= sentAgain) return;
    await timeline.sleep(Math.floor(chance.uniform() * sentAgainMs));
    if (engine.down || lifeOf(pool) !== life) return;
    journal.note('operator', `sends ${name} ${pool} again with the same id`);
    await engine.update(workflowIds.pool(pool), name, args, id).catch(() => undefined);
  }

  /** The first run of the pool that is open now. */
  function lifeOf(pool: string): string {
    return engine.openRun(workflowIds.pool(pool))?.firstRunId ?? '';
  }

  return {
    disturbances,
    serving,
    async do(verb) {
      switch (verb.kind) {
        case 'purge':
          return await purge(verb);
        case 'drain':
          return await drain(verb);
        case 'resume':
          return await resume(verb.pool);
      }
    },
  };
}

import type { Operators } from './operators.ts';
import type { Arena } from './arena.ts';
import type { ChaosSchedule } from './schedule.ts';

/** What is still to come before the batch has converged, in words; nothing when it has. */
export async function notYetServed(arena: Arena, schedules: readonly ChaosSchedule[]): Promise<string[]> {
  const { stack, odp } = arena;
  const missing: string[] = [];
  const jobs = Map.groupBy(await stack.ledger('job'), ({ requestId }) => requestId);
  for (const [requestId, entries] of jobs) {
    if (!entries.some(({ event }) => event === 'finished' || event === 'refused')) {
      missing.push(`job ${requestId} is ${entries.at(-1)?.event}`);
    }
  }
  const open = new Set((await odp.pools.list()).map(({ name }) => name));
  for (const { pool, last } of schedules) {
    if (!last) {
      if (open.has(pool)) missing.push(`${pool} is not gone`);
      continue;
    }
    if (!open.has(pool)) {
      missing.push(`${pool} is not there`);
      continue;
    }
    const { agents, holds } = await odp.pools.show(pool);
    const ready = agents.filter(({ phase }) => phase === 'ready').length;
    if (ready !== last.standby || agents.length !== last.standby) {
      const phases = agents.map(({ phase }) => phase).join(' ');
      const held = holds.map(({ code }) => code).join(' ');
      missing.push(`${pool} wants ${last.standby} ready and has: ${phases}${held && `, held by ${held}`}`);
    }
  }
  return missing;
}

/** What is still there after every pool was deleted, in words. */
export async function notYetGone({ stack, odp }: Arena): Promise<string[]> {
  const missing: string[] = [];
  for (const type of ['pool', 'agent', 'lease', 'organization']) {
    const { count } = await odp.client.workflow.count(`WorkflowType = '${type}' AND ExecutionStatus = 'Running'`);
    if (count > 0) missing.push(`${count} ${type} workflows are open`);
  }
  const { machines, registrations } = await stack.state();
  for (const [state, count] of Object.entries({ ...machines, ...registrations })) {
    if (count > 0) missing.push(`${count} ${state}`);
  }
  return missing;
}

/** Deletes every pool that there is. */
export async function deleteAll({ odp }: Arena, operators: Operators): Promise<void> {
  const pools = await odp.pools.list();
  await Promise.all(pools.map(({ name }) => operators.delete(name)));
}

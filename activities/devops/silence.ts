import type { MachineSight } from '../../domain/messages.ts';
import type { AgentMemory, Look, PoolMemory } from './observation.ts';
import type { WireJobRequest } from './wire.ts';

/**
 * Agents that went offline while something was expected of them. Pure, and part of what `compare` decides: when their
 * machines are to be looked for, and who has to hear what was found.
 */

/** How long an agent is silent, and what was told of it. Times are milliseconds since the epoch. */
export interface Silent {
  since: number;
  machine?: MachineSight['state'];
  /** Until when the server keeps its job for it. */
  lockedUntil?: number;
}

/**
 * A silent agent's machine is looked for so long; by then its job was given up by the server, and an agent without one
 * has ended by itself.
 */
const silentWatchMs = 15 * 60_000;

/** Agents whose machines to look for, with the moment at which they fell silent: what was seen before says nothing. */
export function silentAgents({ agents }: PoolMemory, at: number): Map<string, number> {
  const silent = [...agents].flatMap(([name, memory]): [string, number][] => {
    const { since, machine } = memory.silent ?? { since: -Infinity };
    const isOpen = machine === undefined || machine === 'running';
    return isOpen && at - since < silentWatchMs && !hasServed(memory) ? [[name, since]] : [];
  });
  return new Map(silent);
}

/**
 * Notes in `after` since when the agent is silent, and answers what Azure shows of its machine. An agent that goes with
 * its job leaves as it should.
 */
export function listen(
  before: AgentMemory | undefined,
  after: AgentMemory,
  { at, machines }: Look,
  {
    name,
    fresh,
    job,
    finished,
  }: { name: string; fresh: boolean; job: WireJobRequest | undefined; finished: ReadonlyMap<number, WireJobRequest> },
): MachineSight | undefined {
  const hasEnded = before?.requestId !== undefined && finished.has(before.requestId);
  // Without a memory, only an agent that had taken its job is known to have been online.
  const fell = before ? before.online && !hasEnded : fresh && Boolean(job?.receiveTime);
  const silent = before?.silent ?? (fell ? { since: at } : undefined);
  delete after.silent;
  if (after.online || !silent || hasServed(after)) return undefined;
  const sight = machines?.get(name);
  after.silent = { ...silent, ...(sight ? { machine: sight.state } : {}) };
  return sight;
}

/** Whether a job's lease has to hear of the silence of its agent: that it began or ended, why, and that it outlasted its lock. */
export function isHeardOrNot(before: AgentMemory | undefined, after: AgentMemory, at: number): boolean {
  const [was, is] = [before?.silent, after.silent];
  if (!was || !is) return was !== is;
  return was.machine !== is.machine || (is.lockedUntil !== undefined && at > is.lockedUntil);
}

/** A disabled agent whose job has ended: nothing more is expected of it. */
export function hasServed({ enabled, done, requestId }: AgentMemory): boolean {
  return !enabled && done !== undefined && requestId === undefined;
}

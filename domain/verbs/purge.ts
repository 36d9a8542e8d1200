import type { RosterEntry } from '../messages.ts';
import type { Violation } from '../violation.ts';

/** What `purge` takes: names of agents, or all. */
export interface PurgeRequest {
  agents?: string[];
  all?: boolean;
  /** Also cancels the jobs that run on them. Without it every job is finished first. */
  force?: boolean;
}

/**
 * What becomes of one purged agent. `goesNow`: no job is known to hold it; should one come in this very moment, the
 * agent finishes it first, unless force was asked for. `afterItsJob`: when its job has ended. `cancelled`: its job is
 * cancelled through Azure DevOps, then it goes. `kept`: its machine is kept for inspection, and stays without force.
 */
export type PurgeOutcome = 'goesNow' | 'afterItsJob' | 'cancelled' | 'kept';

/** Answer of `purge`. */
export interface PurgeAnswer {
  agents: { agent: string; outcome: PurgeOutcome }[];
}

/** More names than a pool can have agents are a mistake. */
const namesMax = 10_000;

/** Everything that is wrong with the request, whatever the pool has. */
function formViolations({ agents, all, force }: PurgeRequest): Violation[] {
  const violations: Violation[] = [];
  const flag = (path: string, value: unknown) => {
    if (value === undefined || typeof value === 'boolean') return;
    violations.push({ path, rule: 'WrongType', message: 'It must be true or false.' });
  };
  flag('all', all);
  flag('force', force);
  if (agents !== undefined && !isListOfNames(agents)) {
    violations.push({ path: 'agents', rule: 'WrongType', message: 'It must be a list of names of agents.' });
  } else if ((agents ?? []).length > namesMax) {
    violations.push({ path: 'agents', rule: 'TooMany', message: `It must have at most ${namesMax} items.` });
  }
  if (violations.length === 0 && (all === true) === (agents ?? []).length > 0) {
    const message = 'Name the agents, or say that all are meant; one of the two.';
    violations.push({ path: 'agents', rule: 'ExactlyOneOf', message });
  }
  return violations;
}

function isListOfNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

/** Everything that is wrong with a purge of this roster: all unknown and repeated names at once. */
export function purgeViolations(request: PurgeRequest, roster: readonly RosterEntry[]): Violation[] {
  const form = formViolations(request);
  if (form.length > 0) return form;
  const known = new Set(roster.map(({ n }) => n));
  const { agents = [] } = request;
  return agents.flatMap((name, index): Violation[] => {
    const path = `agents[${index}]`;
    const value = name.slice(0, 100);
    if (!known.has(name)) {
      const message = `The pool has no agent ${value}; it may have gone already. \`odp agent list\` shows those that it has.`;
      return [{ path, rule: 'NotAllowedValue', message, value }];
    }
    if (agents.indexOf(name) < index) {
      return [{ path, rule: 'Duplicate', message: `${value} is named twice. Name it once.`, value }];
    }
    return [];
  });
}

/** The agents that the request means, with what becomes of each. Of a request that breaks no rule. */
export function purgeOutcomes({ agents, force }: PurgeRequest, roster: readonly RosterEntry[]): PurgeAnswer['agents'] {
  const named = agents === undefined || agents.length === 0 ? undefined : new Set(agents);
  return roster
    .filter(({ n }) => named?.has(n) ?? true)
    .map(({ n, p }) => ({ agent: n, outcome: outcomeOf(p, force === true) }));
}

function outcomeOf(phase: RosterEntry['p'], force: boolean): PurgeOutcome {
  if (phase === 'kept' && !force) return 'kept';
  if (phase !== 'busy') return 'goesNow';
  return force ? 'cancelled' : 'afterItsJob';
}

/** Everything that is wrong with the release of a kept machine. */
export function releaseViolations({ agent }: { agent?: unknown }, roster: readonly RosterEntry[]): Violation[] {
  if (typeof agent !== 'string') {
    return [{ path: 'agent', rule: 'Required', message: 'Name the agent whose machine is kept.' }];
  }
  if (roster.some(({ n, k }) => n === agent && k !== undefined)) return [];
  const value = agent.slice(0, 100);
  const message = `The pool keeps no machine of an agent ${value} for inspection. \`odp agent list\` shows those that are kept.`;
  return [{ path: 'agent', rule: 'NotAllowedValue', message, value }];
}

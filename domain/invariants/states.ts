import { legalTransitions as legal, type AgentState } from '../agent-state.ts';
import type { Account, Breach } from './account.ts';
import type { InvariantRules } from './rules.ts';

/** How long a deletion, a cancellation and their discovery may take on top of a limit; milliseconds. */
const slackMs = 45 * 60_000;

/** The server ends a cancelled job by itself after this long; milliseconds. */
const cancelMs = 5 * 60_000;

/** Longest time that a failure may hold an image back: Azure's 23 hours for a size that is not offered, and one. */
const longestHoldMs = 24 * 3_600_000;

/** An agent's shown states follow each other as the table says, and end with its workflow. */
export function legalTransitions({ workflows }: Account): Breach[] {
  return workflows
    .filter(({ type }) => type === 'agent')
    .flatMap(({ id, runs, states }) => {
      const closedAt = runs.at(-1)?.closedAt ?? Infinity;
      return states.flatMap(({ state, at }, index) => {
        const breach = (message: string): Breach[] => [{ invariant: 'legalTransitions', at, subject: id, message }];
        if (at > closedAt) return breach(`It went to ${state} after it had closed.`);
        const before = states[index - 1]?.state;
        if (before === undefined || before === state || isLegal(before, state)) return [];
        return breach(`It went from ${before} to ${state}.`);
      });
    });
}

function isLegal(before: string, state: string): boolean {
  return Object.hasOwn(legal, before) && (legal[before as AgentState] as readonly string[]).includes(state);
}

/** No job outlives its lease, no machine its longest life beyond its running job, and no hold a day. */
export function timeLimits(account: Account, { limits: { agent } }: InvariantRules): Breach[] {
  const { until } = account;
  const jobs = account.jobs.flatMap(({ requestId, receipts, finishes }) => {
    const start = receipts[0]?.at;
    if (start === undefined) return [];
    const end = finishes[0]?.at ?? until;
    const most = agent.leaseMs + agent.leaseEndMs + cancelMs + slackMs;
    if (end - start <= most) return [];
    return [
      {
        invariant: 'timeLimits',
        at: end,
        subject: `job request ${requestId}`,
        message: `It ran for ${end - start} ms, at most ${most}.`,
      },
    ];
  });
  const lease = agent.leaseMs + agent.leaseEndMs + cancelMs;
  const machines = account.resources.flatMap(({ id, kind, from, until: gone, owner }) => {
    if (kind !== 'machine') return [];
    const served = account.jobs.some(({ receipts }) =>
      receipts.some(({ machineId }) => machineId.toLowerCase() === id.toLowerCase()),
    );
    const connected = account.workflows.some(
      (one) => one.id === owner && one.states.some(({ state }) => state === 'Ready' || state === 'Allocated'),
    );
    const life = connected ? agent.lifetimeMs : agent.connectMs;
    const most = agent.provisionMs + agent.connectMs + life + (served ? lease : 0) + 2 * agent.returnMs + slackMs;
    const lived = (gone ?? until) - from;
    if (lived <= most) return [];
    return [
      {
        invariant: 'timeLimits',
        at: gone ?? until,
        subject: id,
        message: `It lived for ${lived} ms, at most ${most}.`,
      },
    ];
  });
  const holds = account.pools.flatMap(({ name, holds: all = [] }) =>
    all
      .filter((hold) => hold.until - until > longestHoldMs)
      .map((hold) => ({
        invariant: 'timeLimits',
        at: until,
        subject: `pool/${name}`,
        message: `${hold.code} holds it back for another ${hold.until - until} ms, at most ${longestHoldMs}.`,
      })),
  );
  return [...jobs, ...machines, ...holds];
}

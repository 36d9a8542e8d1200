import { legalTransitions as legal } from '../agent-state.ts';
import type { Account, Breach } from './account.ts';
import type { InvariantRules } from './rules.ts';

/** How long a deletion, a cancellation and their discovery may take on top of a limit; milliseconds. */
const slackMs = 45 * 60_000;

/** The server ends a cancelled job by itself after this long; milliseconds. */
const cancelMs = 5 * 60_000;

/** An agent's shown states follow each other as the table says. */
export function legalTransitions({ workflows }: Account): Breach[] {
  return workflows.flatMap(({ id, type, states }) =>
    type !== 'agent'
      ? []
      : states.flatMap(({ state, at }, index) => {
          const before = states[index - 1]?.state;
          if (before === undefined || before === state) return [];
          if ((legal as Readonly<Record<string, readonly string[]>>)[before]?.includes(state)) return [];
          return [{ invariant: 'legalTransitions', at, subject: id, message: `It went from ${before} to ${state}.` }];
        }),
  );
}

/** No job outlives its lease, no machine its longest life beyond its running job. */
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
  return [...jobs, ...machines];
}

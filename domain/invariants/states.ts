import { legalTransitions as legal, needsStatefulAgent, type AgentState } from '../agent-state.ts';
import type { AgentLimits } from '../limits.ts';
import type { Account, Breach, ResourceLife } from './account.ts';
import { adoptedOwners, type InvariantRules } from './rules.ts';

/** How long a deletion, a cancellation and their discovery may take on top of a limit; milliseconds. */
const slackMs = 45 * 60_000;

/** The server ends a cancelled job by itself after this long; milliseconds. */
const cancelMs = 5 * 60_000;

/** Longest time that a failure may hold an image back: Azure's 23 hours for a size that is not offered, and one. */
const longestHoldMs = 24 * 3_600_000;

/** An agent's shown states follow each other as the table says, and end with its workflow. */
export function legalTransitions({ workflows, pools }: Account): Breach[] {
  const statefulPools = pools.flatMap(({ name, declared }) => (declared.some((one) => !one.stateless) ? [name] : []));
  return workflows
    .filter(({ type }) => type === 'agent')
    .flatMap(({ id, runs, states }) => {
      const closedAt = runs.at(-1)?.closedAt ?? Infinity;
      return states.flatMap(({ state, at }, index) => {
        const breach = (message: string): Breach[] => [{ invariant: 'legalTransitions', at, subject: id, message }];
        if (at > closedAt) return breach(`It went to ${state} after it had closed.`);
        const before = states[index - 1]?.state;
        const isStateful = statefulPools.some((name) => id.startsWith(`agent/${name}/`));
        const allowed = isStateful || !needsStatefulAgent(before ?? '', state);
        if (before === undefined || before === state || (allowed && isLegal(before, state))) return [];
        return breach(`It went from ${before} to ${state}.`);
      });
    });
}

function isLegal(before: string, state: string): boolean {
  return Object.hasOwn(legal, before) && (legal[before as AgentState] as readonly string[]).includes(state);
}

/** No job outlives its lease, no machine its longest life beyond its running job, and no hold a day. */
export function timeLimits(account: Account, { limits: { agent } }: InvariantRules): Breach[] {
  return [...longJobs(account, agent), ...longMachines(account, agent), ...longHolds(account)];
}

function tooLong(subject: string, at: number, message: string): Breach {
  return { invariant: 'timeLimits', at, subject, message };
}

function longestLease({ leaseMs, leaseEndMs }: AgentLimits): number {
  return leaseMs + leaseEndMs + cancelMs;
}

/** While nothing is disturbed, a lease that is over is seen, and its build cancelled, within this; milliseconds. */
const promptMs = 5 * 60_000;

function longJobs({ jobs, until, quietFrom = Infinity }: Account, limits: AgentLimits): Breach[] {
  return jobs.flatMap(({ requestId, receipts: [receipt], finishes: [finish] }) => {
    const end = finish?.at ?? until;
    const ran = receipt ? end - receipt.at : 0;
    const quiet = receipt !== undefined && receipt.at + limits.leaseMs >= quietFrom;
    // Nothing stands in the way of the cancellation, so a job that ends by itself has not outlived its lease.
    const byItself = finish?.result === 'succeeded' || finish?.result === 'failed';
    const most = quiet && byItself ? limits.leaseMs + promptMs : longestLease(limits) + slackMs;
    return ran > most ? [tooLong(`job request ${requestId}`, end, `It ran for ${ran} ms, at most ${most}.`)] : [];
  });
}

function longMachines(account: Account, limits: AgentLimits): Breach[] {
  const { provisionMs, connectMs, lifetimeMs, returnMs } = limits;
  const adopted = adoptedOwners(account);
  return account.resources.flatMap((machine) => {
    if (machine.kind !== 'machine' || adopted.has(machine.owner)) return [];
    const { connected, served } = historyOf(machine, account);
    // Of a stateful agent all states together, parked or not, are one life.
    const waited = connected ? (longestLife(machine, account) ?? lifetimeMs) : connectMs;
    const worked = served ? longestLease(limits) : 0;
    const most = provisionMs + connectMs + waited + worked + keptMs(machine, account) + 2 * returnMs + slackMs;
    const end = machine.until ?? account.until;
    const lived = end - machine.from;
    return lived > most ? [tooLong(machine.id, end, `It lived for ${lived} ms, at most ${most}.`)] : [];
  });
}

/** For how long a failed machine of its pool may be kept for inspection. */
function keptMs({ pool: name }: ResourceLife, { pools }: Account): number {
  const pool = pools.find((one) => one.name.toLowerCase() === name.toLowerCase());
  return Math.max(0, ...(pool?.declared ?? []).map(({ retained }) => retained?.timeSpanMs ?? 0));
}

/** The longest life of a machine in a pool that is or was stateful; `undefined` where each wait has its own limit. */
function longestLife({ pool }: ResourceLife, { pools }: Account): number | undefined {
  const declared = pools.find(({ name }) => name.toLowerCase() === pool.toLowerCase())?.declared ?? [];
  const lives = declared.flatMap((document) => document.lifetimeMs ?? []);
  return lives.length === 0 ? undefined : Math.max(...lives);
}

/** Whether a machine's agent ever connected, and whether it ever took a job. */
function historyOf({ id, owner }: ResourceLife, { workflows, jobs, from, until }: Account) {
  const states = workflows.find((one) => one.id === owner)?.states.map(({ state }) => state) ?? [];
  const took = jobs.some(({ receipts }) => receipts.some((one) => one.machineId.toLowerCase() === id.toLowerCase()));
  // One look shows the last state only, and the jobs that have not ended: what returns may have done anything before.
  const last = from === until ? states.at(-1) : undefined;
  const served = took || last === 'Allocated' || last === 'PendingReturn';
  const connected = ['Ready', 'Allocated', 'Parked'].some((state) => states.includes(state));
  return { served, connected: served || connected };
}

function longHolds({ pools, until }: Account): Breach[] {
  return pools.flatMap(({ name, holds = [] }) =>
    holds.flatMap((hold) => {
      const left = hold.until - until;
      const message = `${hold.code} holds it back for another ${left} ms, at most ${longestHoldMs}.`;
      return left > longestHoldMs ? [tooLong(`pool/${name}`, until, message)] : [];
    }),
  );
}

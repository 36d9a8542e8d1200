import type { AgentReport } from '../messages.ts';
import type { Account, Breach, WorkflowLife } from './account.ts';
import { openWorkflows, plantedOwners, type InvariantRules } from './rules.ts';

/**
 * Agents are neither lost nor made twice: what was asked for has returned, has failed, or is there; a pool counts what
 * its agents say; every machine was made for an agent, and an agent makes one.
 */
export function conservation(account: Account, rules: InvariantRules): Breach[] {
  return [
    ...lostAgents(account),
    ...wrongTotals(account),
    ...secondMachines(account),
    ...unknownOwners(account, rules),
  ];
}

function lostAgents(account: Account): Breach[] {
  const open = openWorkflows(account);
  return account.pools.flatMap(({ name, totals, roster }) => {
    const subject = `pool/${name}`;
    if (!totals || roster === undefined || !open.has(subject)) return [];
    const { requested, returned, failed } = totals;
    if (requested === returned + failed + roster) return [];
    const message = `${requested} agents were asked for; ${returned} returned, ${failed} failed and ${roster} are there.`;
    return [{ invariant: 'conservation', at: account.until, subject, message }];
  });
}

/** What a pool counts is what its agents say, once none of them is between its last word and the pool's ear. */
function wrongTotals(account: Account): Breach[] {
  if (account.from === account.until) return [];
  return account.pools.flatMap(({ name, totals, roster, declared }) => {
    const workflow = account.workflows.find(({ id }) => id === `pool/${name}`);
    if (!totals || workflow?.runs.at(-1)?.status !== 'running') return [];
    const begunAt = lifeBegunAt(workflow);
    const agents = account.workflows.filter(
      ({ id, type, runs }) =>
        type === 'agent' && id.startsWith(`agent/${name}/`) && (runs[0]?.startedAt ?? 0) >= begunAt,
    );
    const open = agents.filter(({ runs }) => runs.at(-1)?.status === 'running').length;
    const reports = agents.flatMap(({ result }) => (isReport(result) ? [result] : []));
    // Whose workflow was ended by force has told nobody anything.
    if (open !== roster || reports.length + open !== agents.length) return [];
    const counted: Partial<Record<keyof typeof totals, number>> = {
      requested: agents.length,
      returned: reports.filter(({ outcome }) => outcome === 'returned').length,
      failed: reports.filter(({ outcome }) => outcome === 'failed').length,
      jobs: reports.reduce((sum, { job, told = 0 }) => sum + told + (job === undefined ? 0 : 1), 0),
    };
    // A stateful agent that is there has told its pool of jobs already, and nobody else.
    const alsoOpen = open > 0 && declared.some(({ stateless }) => !stateless);
    return Object.entries(counted)
      .filter(([total, count]) => {
        const has = totals[total as keyof typeof totals];
        return total === 'jobs' && alsoOpen ? has < count : has !== count;
      })
      .map(([total, count]) => ({
        invariant: 'conservation',
        at: account.until,
        subject: workflow.id,
        message: `It counts ${totals[total as keyof typeof totals]} ${total}; of its agents it is ${count}.`,
      }));
  });
}

/** A pool that was deleted and applied again has the same id, and counts anew. */
function lifeBegunAt({ runs }: WorkflowLife): number {
  const ended = runs.slice(0, -1).findLastIndex(({ status }) => status !== 'continuedAsNew');
  return runs[ended + 1]?.startedAt ?? 0;
}

function isReport(result: unknown): result is Pick<AgentReport, 'outcome' | 'job' | 'told'> {
  const { outcome } = (result ?? {}) as { outcome?: unknown };
  return outcome === 'returned' || outcome === 'failed';
}

/** Every machine was made for an agent: none appears of itself. A new one may be younger than the list of agents. */
function unknownOwners(account: Account, { limits: { audit } }: InvariantRules): Breach[] {
  // One look knows only the workflows that are open.
  if (account.from === account.until) return [];
  const planted = plantedOwners(account);
  const known = new Set(account.workflows.map(({ id }) => id));
  return account.resources
    .filter(({ kind, owner }) => kind === 'machine' && !planted.has(owner) && !known.has(owner))
    .filter(({ from }) => account.until - from >= audit.newbornMs)
    .map(({ id, owner, from }) => ({
      invariant: 'conservation',
      at: from,
      subject: id,
      message: `It was made for ${owner}, and nobody asked for that agent.`,
    }));
}

/** A machine has its agent's name. One that is made again under that name, by a late attempt, is not a second one. */
function secondMachines(account: Account): Breach[] {
  const planted = plantedOwners(account);
  const machines = account.resources.filter(({ kind, owner }) => kind === 'machine' && !planted.has(owner));
  return [...Map.groupBy(machines, ({ owner }) => owner)].flatMap(([subject, own]) => {
    const firsts = [...Map.groupBy(own, ({ id }) => id.toLowerCase()).values()].flatMap((lives) => lives.slice(0, 1));
    const [, second] = firsts;
    if (!second) return [];
    const message = `It made ${firsts.length} machines: ${firsts.map(({ id }) => id).join(', ')}.`;
    return [{ invariant: 'conservation', at: second.from, subject, message }];
  });
}

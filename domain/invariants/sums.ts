import type { Account, Breach } from './account.ts';
import { openWorkflows, plantedOwners } from './rules.ts';

/** Azure Resource Manager's bucket for writes: 200, and 10 more each second. */
const mostCreatesInOneSecond = 210;

/** Create calls for one agent: one, and repeats after answers that got lost or refusals that passed. */
const createCallsPerAgent = 10;

/** Agents are neither lost nor made twice: what was asked for has returned, has failed, or is there. */
export function conservation(account: Account): Breach[] {
  const open = openWorkflows(account);
  const at = account.until;
  const pools = account.pools.flatMap(({ name, totals, roster }) => {
    if (!totals || roster === undefined || !open.has(`pool/${name}`)) return [];
    const { requested, returned, failed } = totals;
    if (requested === returned + failed + roster) return [];
    const message = `${requested} agents were asked for; ${returned} returned, ${failed} failed and ${roster} are there.`;
    return [{ invariant: 'conservation', at, subject: `pool/${name}`, message }];
  });
  const planted = plantedOwners(account);
  const machines = Map.groupBy(
    account.resources.filter(({ kind, owner }) => kind === 'machine' && !planted.has(owner)),
    ({ owner }) => owner,
  );
  const twice = [...machines].flatMap(([owner, all]) => {
    const ids = [...new Set(all.map(({ id }) => id.toLowerCase()))];
    if (ids.length < 2) return [];
    return [
      {
        invariant: 'conservation',
        at: all[1]?.from ?? at,
        subject: owner,
        message: `It made ${ids.length} machines: ${ids.join(', ')}.`,
      },
    ];
  });
  return [...pools, ...twice];
}

/** Calls stay in proportion to what is done, and agents to what was asked for. */
export function budget(account: Account): Breach[] {
  const at = account.until;
  const agents = account.workflows.filter(({ type }) => type === 'agent').length;
  const breaches: Breach[] = [];
  const { calls } = account;
  if (calls) {
    const creates = calls.byOperation['VirtualMachines_CreateOrUpdate'] ?? 0;
    const most = createCallsPerAgent * agents + 20;
    if (creates > most) {
      breaches.push({
        invariant: 'budget',
        at,
        subject: 'VirtualMachines_CreateOrUpdate',
        message: `${creates} create calls for ${agents} agents, at most ${most}.`,
      });
    }
    if (calls.mostCreatesInOneSecond > mostCreatesInOneSecond) {
      breaches.push({
        invariant: 'budget',
        at,
        subject: 'VirtualMachines_CreateOrUpdate',
        message: `${calls.mostCreatesInOneSecond} create calls left in one second.`,
      });
    }
  }
  // Each job needs an agent, each standby place one now and then; failures and what others took away are made up for.
  const failed = account.pools.reduce((sum, { totals }) => sum + (totals?.failed ?? 0), 0);
  const known = account.pools.every(({ totals, deletedAt }) => totals !== undefined && deletedAt === undefined);
  const standby = account.pools.reduce(
    (sum, { declared }) => sum + declared.reduce((most, one) => most + one.standby + 1, 0),
    0,
  );
  const most = 2 * account.jobs.length + 3 * standby + failed + 3 * account.disturbances.length + 5;
  if (known && agents > most) {
    breaches.push({
      invariant: 'budget',
      at,
      subject: 'agents',
      message: `${agents} agents were asked for, and ${most} at most had a reason.`,
    });
  }
  return breaches;
}

import { CancelledFailure, type ApplicationFailure } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { checkLook } from '../../domain/audit/account.ts';
import { agentsToAskFor, compare } from '../../domain/audit/compare.ts';
import type { AskedMachine, ListedAgentPool, ListedResource, Listing } from '../../domain/audit/listing.ts';
import type { AuditLook, AuditProblem } from '../../domain/audit/report.ts';
import { knownErrorCodes } from '../../domain/error-catalogue.ts';
import { installationLimits, type Installation } from '../../domain/installation.ts';
import type { PoolView } from '../../domain/messages.ts';
import type { AzureClients } from '../azure/clients.ts';
import { ownTags } from '../azure/tags.ts';
import type { DevOpsConnections } from '../devops/connections.ts';
import { forEach } from '../devops/each.ts';
import { failureOf, toApplicationFailure } from '../errors.ts';
import type { AuditActivities } from '../interfaces.ts';
import { askForMachine, listTagged, subscriptionOf } from './cloud.ts';
import { listAgentPool, listOwnAgentPools } from './devops.ts';
import { listFailed, listOpenAgents, listOpenLeases, listOpenPools, viewAgent, viewPool } from './engine.ts';

/** What a look needs. */
export interface AuditOptions {
  azure: AzureClients;
  connections: DevOpsConnections;
  client: Client;
  installation: Pick<Installation, 'name' | 'azure' | 'azureDevOps' | 'limits'>;
}

/** Lists asked for at the same time, of pools and of single machines. */
const concurrency = 5;

/** Problems that are answered; the others are like them. */
const problemsMax = 20;

/** Attempts of the activity after which it answers what it has. */
const attemptsMax = 3;

/** Longest wait for an organisation that asked not to be called; milliseconds. */
const pauseMaxMs = 60_000;

/** Answers what the work does, or notes why it failed and answers `undefined`. */
type Had = <T>(
  where: string,
  call: string,
  work: () => Promise<T>,
  failed?: (failure: ApplicationFailure) => void,
) => Promise<T | undefined>;

/**
 * One look of the auditor. In this order: the cloud, Azure DevOps, the open workflows; whatever was made in between
 * shows with its workflow. A list that cannot be had is a problem, and the look is incomplete.
 *
 * @throws ApplicationFailure for what a further attempt may mend, as long as there is one
 */
export async function look(
  options: AuditOptions,
  { at, limits, check = false }: Parameters<AuditActivities['auditLook']>[0],
  { signal, attempt }: { signal: AbortSignal; attempt: number },
): Promise<AuditLook> {
  const { azure, connections, client, installation } = options;
  const problems: AuditProblem[] = [];
  const gaps: { other: boolean; workflows: boolean; again?: ApplicationFailure } = { other: false, workflows: false };

  const had: Had = async (where, call, work, failed) => {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || error instanceof CancelledFailure) throw error;
      const failure = toApplicationFailure(error, call);
      problems.push(problemOf(where, failure));
      failed?.(failure);
      return undefined;
    }
  };
  /** The same for a list whose gap makes the look incomplete. */
  const whole = async <T>(gap: 'other' | 'workflows', ...[where, call, work]: [string, string, () => Promise<T[]>]) => {
    const list = await had(where, call, work, (failure) => {
      gaps[gap] = true;
      if (failure.nonRetryable !== true) gaps.again = failure;
    });
    return list ?? [];
  };

  const scopes = await scopesOf(options, had);

  const resources: ListedResource[] = [];
  for (const subscriptionId of scopes.subscriptions) {
    const list = () => listTagged(azure, subscriptionId, installation.name, signal);
    resources.push(...(await whole('other', `Azure subscription ${subscriptionId}`, 'resources.list', list)));
  }

  const agentPools: ListedAgentPool[] = [];
  for (const url of scopes.organizations) {
    const connection = connections.to(url);
    const pause = connection.pausedUntil() - azure.clock.now();
    if (pause > 0) await azure.clock.sleep(Math.min(pause, pauseMaxMs), signal);
    const own = await whole('other', url, 'Pools_List', () => listOwnAgentPools(connection, installation.name));
    await forEach(own, concurrency, async (pool) => {
      const where = `agent pool ${pool.agentPoolId} of ${url}`;
      const list = async () => [await listAgentPool(connection, pool)];
      const [listed] = await whole('other', where, 'Agents_List', list);
      if (listed) agentPools.push(listed);
    });
  }

  const agents = await whole('workflows', 'the engine', 'Workflows_List', () => listOpenAgents(client));
  const leases = await whole('workflows', 'the engine', 'Workflows_List', () => listOpenLeases(client));

  const asked: Record<string, AskedMachine> = {};
  await forEach(agentsToAskFor({ installation: installation.name, resources, agents }), concurrency, async (agent) => {
    const ask = async () => {
      const { resourceId } = await viewAgent(client, agent.workflowId);
      if (resourceId === undefined || !scopes.subscriptions.has(subscriptionOf(resourceId).toLowerCase()))
        return undefined;
      const own = ownTags({ ...agent, installation: installation.name }, agent.workflowId);
      return await askForMachine(azure, { resourceId, own }, signal);
    };
    const answer = await had(agent.workflowId, 'virtualMachines.get', ask);
    if (answer) asked[agent.workflowId] = answer;
  });

  if (gaps.again && attempt < attemptsMax) throw gaps.again;
  const listing: Listing = {
    installation: installation.name,
    at,
    resources,
    // They came in the order of their answers.
    agentPools: agentPools.toSorted((one, other) => one.agentPoolId - other.agentPoolId),
    agents,
    leases,
    asked,
    workflowsComplete: !gaps.workflows,
    complete: !gaps.workflows && !gaps.other,
  };
  const failed = check ? await whole('other', 'the engine', 'Workflows_List', () => listFailed(client)) : [];
  const rules = { limits: installationLimits(installation), knownErrors: knownErrorCodes };
  return {
    ...compare(listing, limits.findingsMax),
    problems: problems.slice(0, problemsMax),
    ...(check ? { checks: checkLook(listing, { pools: scopes.pools, failed }, rules) } : {}),
  };
}

/**
 * Where to look: what the installation names, and what its open pools use. A pool that does not answer does not keep the
 * others from being audited; an agent pool that is not listed for it only makes fewer deletions.
 */
async function scopesOf(
  { client, installation }: AuditOptions,
  had: Had,
): Promise<{ subscriptions: Set<string>; organizations: Set<string>; pools: PoolView[] }> {
  const subscriptions = new Set([installation.azure.subscriptionId.toLowerCase()]);
  const organizations = new Set(installation.azureDevOps.organizations.map(({ url }) => url.replace(/\/+$/, '')));
  const views: PoolView[] = [];
  const pools = await had('the engine', 'Workflows_List', () => listOpenPools(client));
  await forEach(pools ?? [], concurrency, async (workflowId) => {
    const view = await had(workflowId, 'Workflow_Query', () => viewPool(client, workflowId));
    if (view) views.push(view);
    if (!view?.specification) return;
    subscriptions.add(view.specification.machine.subscriptionId.toLowerCase());
    organizations.add(view.specification.organization.url.replace(/\/+$/, ''));
  });
  return { subscriptions, organizations, pools: views };
}

function problemOf(where: string, failure: ApplicationFailure): AuditProblem {
  const { code = failure.type ?? 'Unexpected', message = failure.message, hint = '' } = failureOf(failure) ?? {};
  return { where, code, message, hint };
}

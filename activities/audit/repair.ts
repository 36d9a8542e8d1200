import type { Client } from '@temporalio/client';
import type { JobWithoutLease, LeaseWithoutJob, Remains, TagsAltered } from '../../domain/audit/finding.ts';
import { workflowIds } from '../../domain/names.ts';
import { withProgress, type Progress } from '../azure/heartbeat.ts';
import { apiVersionOf, removalOrder, removeResource } from '../azure/leftovers.ts';
import { awaitGone, deleteMachine, findMachine, isDeleting } from '../azure/machines.ts';
import { carriesAll, ownTags } from '../azure/tags.ts';
import { findAgent } from '../devops/agents.ts';
import { fetchEnded } from '../devops/job-requests.ts';
import { isFinished, observedJob } from '../devops/observation.ts';
import type { AgentRegistrar, ObservationSink, RepairOutcome } from '../interfaces.ts';
import { mergeTags, readResource } from './cloud.ts';
import { readJobRequest } from './devops.ts';
import { standingOf, viewAgent } from './engine.ts';
import type { AuditOptions } from './look.ts';

/** What repairs need. */
export interface RepairOptions extends AuditOptions {
  registrar: AgentRegistrar;
  sink: ObservationSink;
}

/** What a removal remembers from attempt to attempt. */
interface Removing {
  /** Something was removed already. */
  removed: boolean;
}

const done: RepairOutcome = { outcome: 'done' };
const notNeeded = (message: string): RepairOutcome => ({ outcome: 'notNeeded', message });
const unproven = (message: string): RepairOutcome => ({ outcome: 'unproven', message });

/** Deletes what is left of an agent, after a last look at whether its workflow is open. */
export async function removeRemains(options: RepairOptions, remains: Remains): Promise<RepairOutcome> {
  return await withProgress<Removing, RepairOutcome>(async (progress, signal) => {
    const { client, installation } = options;
    const { owner, pool, agent, agentPools } = remains;
    if ((await standingOf(client, owner)) === 'open') return notNeeded('its workflow is open');
    // Without its agent pool nobody could refuse to forget an agent that runs a job. A pool that completed has removed
    // its agent pool, which Azure DevOps lets nobody do while a job runs there.
    if (agentPools.length === 0 && (await standingOf(client, workflowIds.pool(pool))) !== 'completed') {
      return unproven(`no agent pool of the pool ${pool} was found, so nobody could say whether a job runs on it`);
    }
    for (const agentPool of agentPools) {
      const identity = { installation: installation.name, pool, agent, ...agentPool };
      if (!(await options.registrar.find(identity))) continue;
      if ((await options.registrar.deregister(identity)) === 'busy') {
        return { outcome: 'busy', message: 'Azure DevOps holds a job for it' };
      }
      progress.note({ removed: true });
    }
    const own = ownTags({ installation: installation.name, pool, agent }, owner);
    for (const id of remains.resources.toSorted((one, other) => orderOf(one) - orderOf(other))) {
      const user = await removeOwned(options, { id, own }, progress, signal);
      if (user !== undefined) return unproven(`${id} is in use by ${user}, which does not carry the tags of ${agent}`);
    }
    return progress.value.removed ? done : notNeeded('nothing of it is left');
  });
}

/**
 * Deletes one resource if it is there and carries all of our tags. Answers the machine that uses it, where that one is
 * still there and so was not ours to delete.
 */
async function removeOwned(
  { azure }: RepairOptions,
  { id, own }: { id: string; own: Record<string, string> },
  progress: Progress<Removing>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [, , subscriptionId = '', , resourceGroup = '', , provider = '', kind = '', name = ''] = id.split('/');
  const type = `${provider}/${kind}`;
  if (type.toLowerCase() !== 'microsoft.compute/virtualmachines') {
    const resource = await readResource(azure, id, signal);
    if (!resource || !carriesAll(resource.tags, own)) return undefined;
    const user = userOf(resource);
    if (user !== undefined && (await readResource(azure, user, signal))) return user;
    progress.note({ removed: true });
    await removeResource(azure, subscriptionId, `${id}?api-version=${apiVersionOf(type)}`, signal);
    return undefined;
  }
  const reference = { subscriptionId, resourceGroup, name };
  const machine = await findMachine(azure, reference, signal);
  if (!machine || !carriesAll(machine.tags, own)) return undefined;
  progress.note({ removed: true });
  let gone = isDeleting(machine) && (await awaitGone(azure, reference, signal));
  while (!gone) {
    await azure.pace('deletes', subscriptionId, signal);
    await deleteMachine(azure, reference, { signal, onAccepted: () => undefined });
    gone = await awaitGone(azure, reference, signal);
  }
  return undefined;
}

function orderOf(id: string): number {
  return removalOrder(id.split('/').slice(6, 8).join('/'));
}

/** Writes our tags back, if it is proven that the resource belongs to the open agent. */
export async function restoreTags(
  { azure, client, installation }: RepairOptions,
  { subject, owner, pool, agent }: TagsAltered,
): Promise<RepairOutcome> {
  return await withProgress<object, RepairOutcome>(async (_progress, signal) => {
    if ((await standingOf(client, owner)) !== 'open') return notNeeded('its workflow is not open');
    const own = ownTags({ installation: installation.name, pool, agent }, owner);
    const resource = await readResource(azure, subject, signal);
    if (!resource) return notNeeded('it is gone');
    if (carriesAll(resource.tags, own)) return notNeeded('it carries them again');
    const machine = await machineOf(client, owner);
    if (machine === undefined || !belongsTo(subject, resource, machine)) {
      return unproven(`nothing proves that it belongs to ${agent}, so it was left as it is`);
    }
    await mergeTags(azure, subject, own, signal);
    return done;
  });
}

async function machineOf(client: Client, owner: string): Promise<string | undefined> {
  return (await viewAgent(client, owner)).resourceId;
}

/** The machine itself, its disk, or its network interface, as Azure tells. */
function belongsTo(id: string, resource: Record<string, unknown>, machine: string): boolean {
  return [id, userOf(resource)].some((user) => user?.toLowerCase() === machine.toLowerCase());
}

/** The machine that uses a disk or a network interface, as Azure tells. */
function userOf(resource: Record<string, unknown>): string | undefined {
  const properties = resource['properties'] as { virtualMachine?: { id?: string } } | undefined;
  const user = resource['managedBy'] ?? properties?.virtualMachine?.id;
  return typeof user === 'string' ? user : undefined;
}

/** Tells a lease how its job ended, as Azure DevOps has it. */
export async function tellLease(
  { azure, connections, sink }: RepairOptions,
  { organizationUrl, organization, agentPoolId, requestId }: LeaseWithoutJob,
): Promise<RepairOutcome> {
  // As the observer does: what is told later was read later.
  const at = azure.clock.now();
  const [ended] = await fetchEnded(connections.to(organizationUrl), agentPoolId, [requestId], at);
  if (!ended) return notNeeded('Azure DevOps does not show its job as ended');
  const told = await sink.lease(organization, requestId, { sequence: at, job: observedJob(ended) });
  return told === 'notFound' ? notNeeded('it is closed') : done;
}

/** Tells an agent of the job that holds it. */
export async function tellAgent(
  { azure, client, connections, sink }: RepairOptions,
  { organizationUrl, organization, agentPoolId, requestId, pool, agent }: JobWithoutLease,
): Promise<RepairOutcome> {
  // A lease that has ended is not begun again: its agent is on its way out.
  if ((await standingOf(client, workflowIds.lease(organization, requestId))) !== 'unknown') {
    return notNeeded('the job has, or had, a lease');
  }
  const connection = connections.to(organizationUrl);
  const at = azure.clock.now();
  const registration = await findAgent(connection, agentPoolId, agent);
  const request = await readJobRequest(connection, agentPoolId, requestId);
  if (!registration || !request || isFinished(request) || request.reservedAgent?.name !== agent) {
    return notNeeded('the job no longer holds it');
  }
  const told = await sink.agent(pool, agent, {
    sequence: at,
    online: registration.status === 'online',
    enabled: registration.enabled !== false,
    registrationId: registration.id,
    job: observedJob(request),
  });
  return told === 'notFound' ? notNeeded('its workflow is closed') : done;
}

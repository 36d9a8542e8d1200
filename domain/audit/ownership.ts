import { agentOfWorkflowId, tagNames, workflowIds } from '../names.ts';
import type { ListedResource } from './listing.ts';

/** Whose a resource is, when its tags prove it. */
export interface Owner {
  workflowId: string;
  pool: string;
  agent: string;
}

/** The kinds of resources that an agent has, in lower case. Others are never deleted, whatever their tags. */
const ownedTypes: Record<string, 'machine' | 'part'> = {
  'microsoft.compute/virtualmachines': 'machine',
  'microsoft.network/networkinterfaces': 'part',
  'microsoft.network/publicipaddresses': 'part',
  'microsoft.compute/disks': 'part',
};

/** Whether a resource is a machine or a part of one; undefined for every other kind. */
export function ownedKind({ type }: Pick<ListedResource, 'type'>): 'machine' | 'part' | undefined {
  return ownedTypes[type.toLowerCase()];
}

/**
 * The agent that a resource belongs to. All of our tags must agree with each other and with the resource's name: tags
 * can be copied or altered one by one, and a resource that does not tell one story belongs to nobody here.
 */
export function ownerOf(resource: ListedResource, installation: string): Owner | undefined {
  if (ownedKind(resource) === undefined || tagOf(resource, tagNames.installation) !== installation) return undefined;
  const workflowId = tagOf(resource, tagNames.agent) ?? '';
  const named = agentOfWorkflowId(workflowId);
  if (!named || tagOf(resource, tagNames.pool) !== named.pool || agentInName(resource) !== named.agent)
    return undefined;
  return { workflowId: workflowIds.agent(named.pool, named.agent), ...named };
}

/** The agent that a resource's name tells: a machine has its agent's name, its parts have names that begin with it. */
export function agentInName(resource: ListedResource): string | undefined {
  const name = resource.name.toLowerCase();
  const form = ownedKind(resource) === 'machine' ? /^[0-9a-f]{9}[0-9a-z]{6}$/ : /^[0-9a-f]{9}[0-9a-z]{6}(?=-)/;
  return form.exec(name)?.[0];
}

/** Names of tags are compared without case in Azure, values with. */
function tagOf({ tags }: ListedResource, name: string): string | undefined {
  return Object.entries(tags).find(([given]) => given.toLowerCase() === name)?.[1];
}

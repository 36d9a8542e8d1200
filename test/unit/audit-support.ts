import type { Listing } from '../../domain/audit/listing.ts';
import { tagNames, workflowIds } from '../../domain/names.ts';

export const installation = 'home';
export const at = 1_000_000_000;
export const minute = 60_000;
export const subscription = '00000000-0000-0000-0000-000000000001';

/** The n-th agent's name. */
export const agent = (n: number): string => `0123abcde${n.toString(36).padStart(6, '0')}`;

const types = {
  machine: { type: 'Microsoft.Compute/virtualMachines', suffix: '' },
  disk: { type: 'Microsoft.Compute/disks', suffix: '-os' },
  networkInterface: { type: 'Microsoft.Network/networkInterfaces', suffix: '-nic' },
} as const;

/** A resource of the n-th agent, ten minutes old, with all of our tags. */
export function resource(
  n: number,
  kind: keyof typeof types = 'machine',
  { tags, ageMs = 10 * minute }: { tags?: Record<string, string>; ageMs?: number | 'unknown' } = {},
): Listing['resources'][number] {
  const { type, suffix } = types[kind];
  const name = `${agent(n)}${suffix}`;
  return {
    id: `/subscriptions/${subscription}/resourceGroups/agents/providers/${type}/${name}`,
    type,
    name,
    tags: tags ?? ownTags(n),
    ...(ageMs === 'unknown' ? {} : { createdAt: at - ageMs }),
  };
}

export const ownTags = (n: number, pool = 'build'): Record<string, string> => ({
  [tagNames.installation]: installation,
  [tagNames.pool]: pool,
  [tagNames.agent]: workflowIds.agent(pool, agent(n)),
});

/** The n-th agent's open workflow. */
export function openAgent(
  n: number,
  state: Listing['agents'][number]['state'] = 'Ready',
  pool = 'build',
): Listing['agents'][number] {
  return {
    workflowId: workflowIds.agent(pool, agent(n)),
    pool,
    agent: agent(n),
    state,
    startedAt: at - 20 * minute,
    events: 20,
  };
}

export function agentPool(fields: Partial<Listing['agentPools'][number]> = {}): Listing['agentPools'][number] {
  return {
    organizationUrl: 'https://dev.azure.com/contoso',
    organization: 'contoso',
    agentPoolId: 7,
    pool: 'build',
    registrations: [],
    unfinished: [],
    ...fields,
  };
}

export function registration(n: number, ageMs = 10 * minute) {
  return { id: n, name: agent(n), createdAt: at - ageMs };
}

export function openLease(requestId: number): Listing['leases'][number] {
  return {
    workflowId: workflowIds.lease('contoso', requestId),
    organization: 'contoso',
    requestId,
    pool: 'build',
    startedAt: at - minute,
    events: 5,
  };
}

/** A complete look at an installation that has nothing but what is given. */
export function listing(fields: Partial<Listing> = {}): Listing {
  return {
    installation,
    at,
    resources: [],
    agentPools: [agentPool()],
    agents: [],
    leases: [],
    asked: {},
    workflowsComplete: true,
    complete: true,
    ...fields,
  };
}

/** An unfinished job request, waiting or reserved for an agent. */
export function job(requestId: number, reserved?: string): Listing['agentPools'][number]['unfinished'][number] {
  return { requestId, queuedAt: at - minute, ...(reserved === undefined ? {} : { agent: reserved }) };
}

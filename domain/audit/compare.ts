import type { AgentState } from '../agent-state.ts';
import { isAgentName, workflowIds } from '../names.ts';
import { byAge, isRemains, type Finding, type Remains } from './finding.ts';
import type { ListedAgentPool, ListedResource, Listing, OpenAgent } from './listing.ts';
import { agentInName, ownedKind, ownerOf, type Owner } from './ownership.ts';

/** How many of each there are. */
export interface AuditCounts {
  resources: number;
  /** Resources with this installation's tag whose other tags or name do not agree with it: they are left alone. */
  unrecognised: number;
  agentPools: number;
  registrations: number;
  agents: number;
  leases: number;
  /** Agents that anything of ours belongs to: what the cap on deletions is a share of. */
  owners: number;
}

/** What one look found: an activity's answer, so its size is bounded. */
export interface Comparison {
  at: number;
  complete: boolean;
  counts: AuditCounts;
  /** The oldest first. */
  findings: Finding[];
  /** Findings beyond the bound, by whether repairing them deletes. */
  omitted: { deleting: number; mending: number };
}

/** States in which an agent has a machine and a registration. While it is provisioned, or returned, a list may or may not show them. */
const statesWithMachine: readonly (AgentState | undefined)[] = ['Starting', 'Ready', 'NotReady', 'Allocated', 'Parked'];

/** Machines asked for one by one in one look; an empty list must not turn into hundreds of calls. */
const askedMax = 50;

/**
 * Open agents whose machine should exist and which the list does not show with our tags: each is asked for before
 * anything is concluded, since the list lags, and shows nothing whose tags are gone.
 */
export function agentsToAskFor(listing: Pick<Listing, 'installation' | 'resources' | 'agents'>): OpenAgent[] {
  const shown = new Set(
    listing.resources.flatMap((resource) => {
      const owner = ownedKind(resource) === 'machine' ? ownerOf(resource, listing.installation) : undefined;
      return owner ? [owner.workflowId] : [];
    }),
  );
  return listing.agents
    .filter(({ workflowId, state }) => statesWithMachine.includes(state) && !shown.has(workflowId))
    .toSorted((one, other) => one.startedAt - other.startedAt || (one.workflowId < other.workflowId ? -1 : 1))
    .slice(0, askedMax);
}

/** Compares what was listed. Answers nothing that rests on a list with a gap. */
export function compare(listing: Listing, findingsMax: number): Comparison {
  const openAgents = new Map(listing.agents.map((agent) => [agent.agent, agent]));
  const owned = Map.groupBy(listing.resources, (resource) => ownerOf(resource, listing.installation)?.workflowId ?? '');
  const strangers = owned.get('') ?? [];
  owned.delete('');

  const all = [
    ...(listing.complete ? remains(listing, owned, openAgents) : []),
    ...withoutMachine(listing),
    ...withoutRegistration(listing),
    ...altered(listing, strangers, openAgents),
    ...leasesWithoutJob(listing),
    ...(listing.workflowsComplete ? jobsWithoutLease(listing, openAgents) : []),
  ].toSorted(byAge);
  const findings = all.slice(0, findingsMax);
  const left = all.slice(findingsMax);
  const deleting = left.filter(isRemains).length;
  return {
    at: listing.at,
    complete: listing.complete,
    counts: countsOf(listing, owned, strangers.length),
    findings,
    omitted: { deleting, mending: left.length - deleting },
  };
}

/** What is left of agents whose workflows are not open: one finding per agent, whatever is left of it. */
function remains(
  listing: Listing,
  owned: ReadonlyMap<string, ListedResource[]>,
  openAgents: ReadonlyMap<string, OpenAgent>,
): Remains[] {
  const poolsOf = Map.groupBy(listing.agentPools, ({ pool }) => pool);
  const found: Remains[] = [];
  for (const listed of owned.values()) {
    // Two looks must name the same subject, in whatever order a list comes.
    const resources = listed.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    const [first] = resources;
    const owner = first && ownerOf(first, listing.installation);
    if (!first || !owner || openAgents.has(owner.agent)) continue;
    const machine = resources.find((resource) => ownedKind(resource) === 'machine');
    const pools = poolsOf.get(owner.pool) ?? [];
    found.push({
      kind: machine ? 'machineWithoutWorkflow' : 'partWithoutMachine',
      subject: (machine ?? first).id,
      ...ofOwner(owner, pools),
      resources: resources.map(({ id }) => id),
      ...youngest([...resources, ...registrationsOf(pools, owner.agent)].map(({ createdAt }) => createdAt)),
    });
  }
  for (const pool of listing.agentPools) {
    for (const { name, createdAt } of pool.registrations) {
      const owner = { workflowId: workflowIds.agent(pool.pool, name), pool: pool.pool, agent: name };
      // Placeholders, and agents that somebody else registered in our agent pool, do not have the form of our names.
      if (!isAgentName(name) || openAgents.has(name) || owned.has(owner.workflowId)) continue;
      found.push({
        kind: 'registrationWithoutMachine',
        subject: `${pool.organization}/${pool.agentPoolId}/${name}`,
        ...ofOwner(owner, [pool]),
        resources: [],
        ...youngest([createdAt]),
      });
    }
  }
  return found;
}

function ofOwner({ workflowId, pool, agent }: Owner, pools: readonly ListedAgentPool[]) {
  const agentPools = pools.map(({ organizationUrl, agentPoolId }) => ({ organizationUrl, agentPoolId }));
  return { owner: workflowId, pool, agent, agentPools };
}

function registrationsOf(pools: readonly ListedAgentPool[], agent: string): { createdAt?: number }[] {
  return pools.flatMap(({ registrations }) => registrations.filter(({ name }) => name === agent));
}

/** An agent is as young as the youngest of what it has; one moment that nobody tells makes its age unknown. */
function youngest(moments: readonly (number | undefined)[]): { since?: number } {
  const known = moments.filter((moment) => moment !== undefined);
  return known.length === moments.length ? { since: Math.max(...known) } : {};
}

function withoutMachine({ agents, asked }: Listing): Finding[] {
  return agents.flatMap(({ workflowId, pool, agent, startedAt }) =>
    asked[workflowId]?.found === 'gone'
      ? [{ kind: 'workflowWithoutMachine' as const, subject: workflowId, pool, agent, since: startedAt }]
      : [],
  );
}

/**
 * Agents that no agent pool of their pool knows. The observer tells an agent that its registration is gone when it saw it
 * before; one that went while no observer looked is seen by nobody else. An agent that a job names is there.
 */
function withoutRegistration({ agents, agentPools, asked }: Listing): Finding[] {
  const poolsOf = Map.groupBy(agentPools, ({ pool }) => pool);
  return agents.flatMap(({ workflowId, pool, agent, state, startedAt }) => {
    const pools = poolsOf.get(pool) ?? [];
    const known = pools.some(
      ({ registrations, unfinished }) =>
        registrations.some(({ name }) => name === agent) || unfinished.some((job) => job.agent === agent),
    );
    const expected = statesWithMachine.includes(state) && asked[workflowId]?.found !== 'gone';
    if (pools.length === 0 || known || !expected) return [];
    return [{ kind: 'workflowWithoutRegistration' as const, subject: workflowId, pool, agent, since: startedAt }];
  });
}

/** Resources of open agents, known by their names or by the id that their workflow has, without all of our tags. */
function altered(
  { agents, asked }: Listing,
  strangers: readonly ListedResource[],
  openAgents: ReadonlyMap<string, OpenAgent>,
): Finding[] {
  const found = new Map<string, Finding>();
  const add = (subject: string, { workflowId, pool, agent, startedAt }: OpenAgent) => {
    const finding: Finding = { kind: 'tagsAltered', subject, owner: workflowId, pool, agent, since: startedAt };
    found.set(subject.toLowerCase(), finding);
  };
  for (const resource of strangers) {
    const owner = openAgents.get(agentInName(resource) ?? '');
    if (owner) add(resource.id, owner);
  }
  for (const agent of agents) {
    const machine = asked[agent.workflowId];
    if (machine?.found === 'altered') add(machine.resourceId, agent);
  }
  return [...found.values()];
}

/** Only agent pools that were listed tell that a job is not there. */
function leasesWithoutJob({ leases, agentPools }: Listing): Finding[] {
  return leases.flatMap(({ workflowId, organization, requestId, pool, startedAt }) => {
    const listed = agentPools.filter((one) => one.organization === organization && one.pool === pool);
    const [agentPool] = listed;
    if (!agentPool || listed.some(({ unfinished }) => unfinished.some((job) => job.requestId === requestId))) return [];
    const { organizationUrl, agentPoolId } = agentPool;
    return [
      {
        kind: 'leaseWithoutJob' as const,
        subject: workflowId,
        pool,
        organization,
        organizationUrl,
        agentPoolId,
        requestId,
        since: startedAt,
      },
    ];
  });
}

function jobsWithoutLease({ leases, agentPools }: Listing, openAgents: ReadonlyMap<string, OpenAgent>): Finding[] {
  const open = new Set(leases.map(({ workflowId }) => workflowId));
  return agentPools.flatMap(({ organization, organizationUrl, agentPoolId, pool, unfinished }) =>
    unfinished.flatMap(({ requestId, agent = '' }) => {
      const subject = workflowIds.lease(organization, requestId);
      const holder = openAgents.get(agent);
      if (!holder || holder.pool !== pool || open.has(subject)) return [];
      return [
        {
          kind: 'jobWithoutLease' as const,
          subject,
          pool,
          organization,
          organizationUrl,
          agentPoolId,
          requestId,
          agent,
          since: holder.startedAt,
        },
      ];
    }),
  );
}

function countsOf(
  { resources, agentPools, agents, leases }: Listing,
  owned: ReadonlyMap<string, ListedResource[]>,
  unrecognised: number,
): AuditCounts {
  const registered = agentPools.flatMap(({ pool, registrations }) =>
    registrations.filter(({ name }) => isAgentName(name)).map(({ name }) => workflowIds.agent(pool, name)),
  );
  return {
    resources: resources.length,
    unrecognised,
    agentPools: agentPools.length,
    registrations: registered.length,
    agents: agents.length,
    leases: leases.length,
    owners: new Set([...owned.keys(), ...registered, ...agents.map(({ workflowId }) => workflowId)]).size,
  };
}

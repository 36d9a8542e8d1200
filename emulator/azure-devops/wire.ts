import { satisfies, parseDemand } from './demands.ts';
import type { Organization } from './organization.ts';
import type { AgentRecord, PoolRecord, ProjectRecord, QueueRecord, RequestRecord } from './records.ts';
import { stateOf } from './records.ts';
import type { View } from './table.ts';

/** The forms of the wire, from the typed client of Azure DevOps 17.0.1 and the REST reference 7.2. */

/** Azure DevOps' times have a resolution that JavaScript lacks; clients parse either. */
export function time(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

/** Whoever the one operator of the embedded organisation is. */
export function operatorOf(organization: Organization) {
  return {
    id: organization.record.id,
    displayName: 'Operator',
    uniqueName: `operator@${organization.record.name.toLowerCase()}.example`,
  };
}

export function poolReference(pool: PoolRecord) {
  return { id: pool.id, name: pool.name, isHosted: false, poolType: pool.poolType };
}

export function poolWire(organization: Organization, pool: PoolRecord) {
  return {
    createdOn: time(pool.createdAt),
    autoProvision: pool.autoProvision,
    autoUpdate: pool.autoUpdate,
    autoSize: pool.autoSize,
    targetSize: pool.targetSize,
    createdBy: operatorOf(organization),
    owner: operatorOf(organization),
    id: pool.id,
    scope: organization.record.id,
    name: pool.name,
    isHosted: false,
    poolType: pool.poolType,
    size: organization.agents.inGroup(String(pool.id)).length,
    isLegacy: false,
    options: 'none',
  };
}

export function queueWire(organization: Organization, queue: QueueRecord) {
  const pool = organization.pools.get(queue.poolId);
  return { id: queue.id, projectId: queue.projectId, name: queue.name, ...(pool && { pool: poolReference(pool) }) };
}

export function projectWire(baseUrl: string, project: ProjectRecord) {
  return {
    id: project.id,
    name: project.name,
    url: `${baseUrl}/_apis/projects/${project.id}`,
    state: 'wellFormed',
    revision: 1,
    visibility: 'private',
    lastUpdateTime: time(project.createdAt),
  };
}

/** An agent as other records name it. */
export function agentReference(baseUrl: string, agent: AgentRecord) {
  return {
    _links: {
      self: { href: `${baseUrl}/_apis/distributedtask/pools/${agent.poolId}/agents/${agent.id}` },
      web: { href: `${baseUrl}/_settings/agentpools?view=jobs&poolId=${agent.poolId}&agentId=${agent.id}` },
    },
    id: agent.id,
    name: agent.name,
    version: agent.version,
    osDescription: agent.osDescription,
    enabled: agent.enabled,
    status: agent.online ? 'online' : 'offline',
    provisioningState: 'Provisioned',
    accessPoint: 'CodexAccessMapping',
  };
}

export function agentWire(baseUrl: string, agent: AgentRecord) {
  return {
    ...agentReference(baseUrl, agent),
    maxParallelism: agent.maxParallelism,
    createdOn: time(agent.createdAt),
    statusChangedOn: time(agent.statusChangedAt),
  };
}

/**
 * How many of the agents that could serve a request its `matchedAgents` names, the oldest registrations first. Ours: a
 * live server names all, which for a thousand jobs and a thousand agents is a million lines.
 */
const mostMatchedAgents = 3;

/** Writes requests; what is the same for every request with the same demands is looked up once per writer. */
export function requestWriter(organization: Organization, baseUrl: string, agents: View<AgentRecord>) {
  const matches = new Map<string, unknown[]>();
  const definitions = organization.definitions;
  function matchesOf(request: RequestRecord): unknown[] {
    const key = `${request.poolId}\n${request.demands.join('\n')}`;
    let found = matches.get(key);
    if (found === undefined) {
      const demands = request.demands.map(parseDemand);
      found = [];
      for (const agent of agents.inGroup(String(request.poolId))) {
        if (found.length === mostMatchedAgents) break;
        if (satisfies(agent, demands)) found.push(agentReference(baseUrl, agent));
      }
      matches.set(key, found);
    }
    return found;
  }
  return function write(request: RequestRecord) {
    const { build } = request;
    const project = `${baseUrl}/${build.projectId}`;
    const definition = definitions.get(build.definitionId);
    const agent = request.agent && agents.get(request.agent.id);
    return {
      requestId: request.id,
      queueTime: time(request.queuedAt),
      assignTime: time(request.assignedAt),
      receiveTime: time(request.receivedAt),
      finishTime: time(request.finishedAt),
      lockedUntil: time(request.lockedUntil),
      result: request.result,
      serviceOwner: '00025394-6065-48ca-87d9-7f5672854ef7',
      hostId: organization.record.id,
      scopeId: build.projectId,
      planType: 'Build',
      planId: request.planId,
      jobId: request.jobId,
      jobName: 'Job',
      demands: request.demands,
      reservedAgent: agent === undefined ? request.agent : agentReference(baseUrl, agent),
      definition: {
        _links: { web: { href: `${project}/_build/definition?definitionId=${build.definitionId}` } },
        id: build.definitionId,
        name: definition?.name,
      },
      owner: {
        _links: { web: { href: `${project}/_build/results?buildId=${build.id}` } },
        id: build.id,
        name: build.number,
      },
      data: { ParallelismTag: 'Private', IsScheduledKey: 'False' },
      poolId: request.poolId,
      queueId: request.queueId,
      orchestrationId: `${request.planId}.build.job.__default`,
      matchesAllAgentsInPool: false,
      matchedAgents: stateOf(request) === 'finished' ? undefined : matchesOf(request),
      planGroup: `${request.planId}.build`,
      priority: 0,
      userDelayed: false,
    };
  };
}

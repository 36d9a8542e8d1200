import { randomBytes } from 'node:crypto';
import type { CloudContext } from '../core/context.ts';
import { Refusal } from './errors.ts';
import type {
  AgentRecord,
  DefinitionRecord,
  OrganizationRecord,
  PlanRecord,
  PoolRecord,
  ProjectRecord,
  QueueRecord,
  RequestRecord,
  SessionRecord,
} from './records.ts';
import { stateOf } from './records.ts';
import { openTable, type Table } from './table.ts';

/** Everything that one organisation keeps. */
export interface Organization {
  readonly record: OrganizationRecord;
  projects: Table<ProjectRecord>;
  definitions: Table<DefinitionRecord>;
  pools: Table<PoolRecord>;
  /** Grouped by project. */
  queues: Table<QueueRecord>;
  /** Grouped by pool. */
  agents: Table<AgentRecord>;
  /** Grouped by agent. */
  sessions: Table<SessionRecord>;
  /** Grouped by pool and state, such as `7/queued`. */
  requests: Table<RequestRecord>;
  plans: Table<PlanRecord>;
  /** Numbers rise from one and are never used again. */
  nextId(kind: 'definition' | 'pool' | 'queue' | 'agent' | 'request' | 'build' | 'message'): number;
  /** The id of the request that belongs to the build: the latest, where its stage was run again. */
  requestOfBuild(buildId: number): number | undefined;
  pool(id: string | number | undefined): PoolRecord;
  agent(poolId: number, id: string | number | undefined): AgentRecord;
  project(nameOrId: string | undefined): ProjectRecord;
}

/** The group of a table of requests. */
export function requestGroup(poolId: number, state: ReturnType<typeof stateOf>): string {
  return `${poolId}/${state}`;
}

/** Opens what the store holds of the organisation. */
export function openOrganization(context: CloudContext, record: OrganizationRecord): Organization {
  const { clock, store } = context;
  const prefix = `azure-devops.${record.name.toLowerCase()}`;
  const counters = store.collection<number>(`${prefix}.counters`);
  const pools = openTable<PoolRecord>(store.collection(`${prefix}.pools`), clock, (pool) => pool.id);
  const projects = openTable<ProjectRecord>(store.collection(`${prefix}.projects`), clock, (project) => project.id);
  const agents = openTable<AgentRecord>(
    store.collection(`${prefix}.agents`),
    clock,
    (agent) => agent.id,
    (agent) => String(agent.poolId),
  );
  const builds = new Map<number, number>();
  const requests = openTable<RequestRecord>(
    store.collection(`${prefix}.requests`),
    clock,
    (request) => {
      // A stage that is run again makes a new request of the same build.
      builds.set(request.build.id, Math.max(request.id, builds.get(request.build.id) ?? 0));
      return request.id;
    },
    (request) => requestGroup(request.poolId, stateOf(request)),
  );
  return {
    record,
    pools,
    projects,
    agents,
    definitions: openTable<DefinitionRecord>(store.collection(`${prefix}.definitions`), clock, (it) => it.id),
    queues: openTable<QueueRecord>(
      store.collection(`${prefix}.queues`),
      clock,
      (queue) => queue.id,
      (queue) => queue.projectId,
    ),
    sessions: openTable<SessionRecord>(
      store.collection(`${prefix}.sessions`),
      clock,
      (session) => session.id,
      (session) => String(session.agentId),
    ),
    requests,
    plans: openTable<PlanRecord>(store.collection(`${prefix}.plans`), clock, (plan) => plan.id),
    requestOfBuild: (buildId) => builds.get(buildId),
    nextId(kind) {
      const id = (counters.get(kind) ?? 0) + 1;
      counters.put(kind, id);
      return id;
    },
    pool(id) {
      const pool = id === undefined ? undefined : pools.get(id);
      if (pool !== undefined) return pool;
      throw new Refusal('TaskAgentPoolNotFoundException', `No agent pool found with identifier ${id}.`);
    },
    agent(poolId, id) {
      const agent = id === undefined ? undefined : agents.get(id);
      if (agent?.poolId === poolId) return agent;
      throw new Refusal(
        'TaskAgentNotFoundException',
        `No agent exists with identifier ${id} within agent pool ${poolId}.`,
      );
    },
    project(nameOrId) {
      const wanted = (nameOrId ?? '').toLowerCase();
      for (const project of projects.values()) {
        if (project.id === wanted || project.name.toLowerCase() === wanted) return project;
      }
      throw new Refusal(
        'ProjectDoesNotExistWithNameException',
        `TF200016: The following project does not exist: ${nameOrId}. Verify that the name of the project is correct and that the project exists on the specified Azure DevOps Server.`,
      );
    },
  };
}

/** A new organisation without projects. */
export function newOrganization(context: CloudContext, name: string): OrganizationRecord {
  return { id: context.chance.uuid(), name, tokenKey: randomBytes(32).toString('base64url') };
}

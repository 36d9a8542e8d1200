import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { workflowTypes, type AgentView } from '../../domain/messages.ts';
import { workflowIds } from '../../domain/names.ts';
import { agentView, release } from '../../workflows/messages.ts';
import { OdpError } from './error.ts';
import type { VerbOptions } from './pools.ts';
import { attribute, listWorkflows, where } from './visibility.ts';

/** One line of a list of agents. */
export interface AgentSummary {
  name: string;
  pool: string;
  organization: string;
  image: string;
  vmSize: string;
  state: string;
  /** When the pool asked for it; milliseconds since the epoch. */
  since: number;
  /** Its machine is kept for inspection: why, and until when; milliseconds since the epoch. */
  kept?: { why: string; until: number };
}

/** Reads on agents, and the release of a machine that is kept. Every method throws `OdpError` and nothing else. */
export interface Agents {
  /** The agents that exist now, oldest first. A list may lag by a second. */
  list(filter?: { pool?: string }): Promise<AgentSummary[]>;
  /** One agent in full; also one that was returned, as long as the engine keeps its history. */
  show(name: string): Promise<AgentView>;
  /** Lets a machine go that is kept for inspection. Fails with `InvalidRequest` where none is kept. */
  release(name: string, options?: VerbOptions): Promise<{ agent: string }>;
}

/** Reads on agents over a Temporal client. */
export function createAgents(client: Client): Agents {
  return {
    list: async ({ pool } = {}) => {
      const query = where({ WorkflowType: workflowTypes.agent, ExecutionStatus: 'Running', PoolName: pool });
      const found = await listWorkflows(client, query);
      return found.map(toAgentSummary).sort((a, b) => a.since - b.since || a.name.localeCompare(b.name, 'en'));
    },

    show: async (name) => {
      const info = await findAgent(client, name);
      return await client.workflow.getHandle(info.workflowId, info.runId).query(agentView);
    },

    release: async (name, options = {}) => {
      const pool = attribute(await findAgent(client, name), 'PoolName') ?? '';
      return await client.workflow.getHandle(workflowIds.pool(pool)).executeUpdate(release, {
        args: [{ agent: name }],
        ...(options.id === undefined ? {} : { updateId: options.id }),
      });
    },
  };
}

/** The name of the agent whose workflow has this id, `agent/<pool>/<name>`. */
export function agentOfWorkflow(workflowId: string): string {
  return workflowId.split('/').at(-1) ?? workflowId;
}

function toAgentSummary(info: WorkflowExecutionInfo): AgentSummary {
  return {
    name: agentOfWorkflow(info.workflowId),
    pool: attribute(info, 'PoolName') ?? '',
    organization: attribute(info, 'Organization') ?? '',
    image: attribute(info, 'AgentImage') ?? '',
    vmSize: attribute(info, 'VmSize') ?? '',
    state: attribute(info, 'AgentState') ?? '',
    since: info.startTime.getTime(),
    ...(isKept(info.memo?.['kept']) ? { kept: info.memo['kept'] } : {}),
  };
}

function isKept(value: unknown): value is { why: string; until: number } {
  return typeof value === 'object' && value !== null && 'why' in value && 'until' in value;
}

/** Agents' names carry no pool, so the open ones are searched first, then all that visibility still knows. */
async function findAgent(client: Client, name: string): Promise<WorkflowExecutionInfo> {
  for (const status of ['Running', undefined]) {
    const query = where({ WorkflowType: workflowTypes.agent, ExecutionStatus: status });
    for await (const info of client.workflow.list({ query })) {
      if (agentOfWorkflow(info.workflowId) === name) return info;
    }
  }
  throw new OdpError('NotFound', `There is no agent named ${name}.`, {
    target: name,
    hint: '`odp agent list` shows the agents that exist.',
  });
}

import { type Client, WithStartWorkflowOperation, WorkflowIdConflictPolicy } from '@temporalio/client';
import type { Limits } from '../../domain/limits.ts';
import { workflowTypes, type PoolInput, type PoolView } from '../../domain/messages.ts';
import { organizationName, taskQueues, workflowIds } from '../../domain/names.ts';
import type { DrainAnswer, DrainRequest } from '../../domain/verbs/drain.ts';
import type { PurgeAnswer, PurgeRequest } from '../../domain/verbs/purge.ts';
import {
  apply,
  deletePool,
  drain,
  poolDocument,
  poolView,
  purge,
  resume,
  type ApplyResult,
} from '../../workflows/messages.ts';
import type { UpdateDefinition } from '@temporalio/common';
import { asOdpError, OdpError } from './error.ts';
import { attribute, key, listWorkflows, where } from './visibility.ts';

/** One line of a list of pools. */
export interface PoolSummary {
  name: string;
  organization: string;
  /** Open agents by the state that they show. */
  agents: Record<string, number>;
  /** When this run of the pool's workflow began; milliseconds since the epoch. */
  since: number;
}

/** A pool in full: what it knows and wants, and the document as last accepted. */
export interface PoolDetails extends PoolView {
  document: unknown;
}

/** Why a pool is as it is: its last plan, what holds it back, and the demand that it saw. */
export type PoolExplanation = Pick<
  PoolView,
  | 'pool'
  | 'status'
  | 'lastPlan'
  | 'holds'
  | 'placement'
  | 'queued'
  | 'assigned'
  | 'running'
  | 'observedAt'
  | 'agents'
  | 'drain'
>;

/** How a verb is sent. */
export interface VerbOptions {
  /** A verb that is sent again with the same id, after its answer got lost, is done once. By default a new one. */
  id?: string;
}

/** The verbs on pools. Every method throws `OdpError` and nothing else. */
export interface Pools {
  /**
   * Makes a pool what the document says; creates it when there is none. Answers once the pool has accepted it and its
   * agent pool in Azure DevOps stands.
   *
   * @param document the ARM resource, as an object
   */
  apply(document: unknown): Promise<ApplyResult>;
  list(): Promise<PoolSummary[]>;
  show(name: string): Promise<PoolDetails>;
  /** Begins the deletion: each agent goes after its job, then the agent pool, then the pool. */
  delete(name: string): Promise<{ status: PoolView['status'] }>;
  explain(name: string): Promise<PoolExplanation>;
  /**
   * Returns the named agents, or all: after their jobs, or with force over cancelled jobs. Answers what becomes of each.
   * New ones are made where jobs or standby want them. Fails with `InvalidRequest`, which names every unknown agent.
   */
  purge(name: string, request: PurgeRequest, options?: VerbOptions): Promise<PurgeAnswer>;
  /** Makes no new machine and lets jobs finish. Answers at once, with a forecast; `show` tells how far it is. */
  drain(name: string, request?: DrainRequest, options?: VerbOptions): Promise<DrainAnswer>;
  /** Undoes a drain. */
  resume(name: string, options?: VerbOptions): Promise<DrainAnswer>;
}

/** What every pool of this installation starts with. */
export interface PoolDefaults {
  installation: string;
  limits: Limits;
}

/** Verbs on pools over a Temporal client. */
export function createPools(client: Client, { installation, limits }: PoolDefaults): Pools {
  const view = async (name: string): Promise<PoolView> => {
    await requireOpen(client, name);
    const answer = await client.workflow.getHandle(workflowIds.pool(name)).query(poolView);
    return asOf(answer, Date.now());
  };
  const verb = async <Answer, Args extends unknown[]>(
    name: string,
    definition: UpdateDefinition<Answer, Args>,
    args: Args,
    { id }: VerbOptions = {},
  ): Promise<Answer> => {
    await requireOpen(client, name);
    const handle = client.workflow.getHandle(workflowIds.pool(name));
    return await handle.executeUpdate<Answer, [unknown]>(definition.name, {
      args: args as unknown as [unknown],
      ...(id === undefined ? {} : { updateId: id }),
    });
  };
  return {
    apply: async (document) => {
      const { name, organization } = identify(document);
      const input: PoolInput = { pool: name, installation, limits };
      return await client.workflow.executeUpdateWithStart(apply, {
        args: [{ document }],
        startWorkflowOperation: new WithStartWorkflowOperation(workflowTypes.pool, {
          workflowId: workflowIds.pool(name),
          taskQueue: taskQueues.workflows,
          args: [input],
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          staticSummary: `pool ${name}${organization === undefined ? '' : ` in ${organization}`}`,
          typedSearchAttributes: [
            { key: key('PoolName'), value: name },
            ...(organization === undefined ? [] : [{ key: key('Organization'), value: organization }]),
          ],
        }),
      });
    },

    list: async () => {
      const [pools, agents] = await Promise.all([
        listWorkflows(client, where({ WorkflowType: workflowTypes.pool, ExecutionStatus: 'Running' })),
        listWorkflows(client, where({ WorkflowType: workflowTypes.agent, ExecutionStatus: 'Running' })),
      ]);
      const counts = new Map<string, Record<string, number>>();
      for (const agent of agents) {
        const pool = attribute(agent, 'PoolName') ?? '';
        const state = attribute(agent, 'AgentState') ?? 'Provisioning';
        const states = counts.get(pool) ?? {};
        states[state] = (states[state] ?? 0) + 1;
        counts.set(pool, states);
      }
      return pools
        .map((info) => {
          const name = attribute(info, 'PoolName') ?? info.workflowId.slice(workflowIds.pool('').length);
          return {
            name,
            organization: attribute(info, 'Organization') ?? '',
            agents: counts.get(name) ?? {},
            since: info.startTime.getTime(),
          };
        })
        .sort((a, b) => a.name.localeCompare(b.name, 'en'));
    },

    show: async (name) => {
      const shown = await view(name);
      const document = await client.workflow.getHandle(workflowIds.pool(name)).query(poolDocument);
      return { ...shown, document };
    },

    delete: async (name) => {
      await requireOpen(client, name);
      return await client.workflow.getHandle(workflowIds.pool(name)).executeUpdate(deletePool);
    },

    explain: async (name) => {
      const { pool, status, lastPlan, holds, placement, drain: draining, ...shown } = await view(name);
      const { queued, assigned, running, observedAt, agents } = shown;
      return {
        pool,
        status,
        holds,
        queued,
        assigned,
        running,
        observedAt,
        agents,
        ...(placement ? { placement } : {}),
        ...(draining ? { drain: draining } : {}),
        ...(lastPlan ? { lastPlan } : {}),
      };
    },

    purge: (name, request, options) => verb(name, purge, [request], options),
    drain: (name, request = {}, options) => verb(name, drain, [request], options),
    resume: (name, options) => verb(name, resume, [], options),
  };
}

/** A workflow's clock stands still between events: what has ended since is left out of what a pool with several places says. */
function asOf(view: PoolView, now: number): PoolView {
  if (!view.placement) return view;
  const { places, attempts } = view.placement;
  return {
    ...view,
    holds: view.holds.filter(({ until }) => until > now),
    placement: {
      places: places.map(({ closed, ...place }) => (closed && closed.until > now ? { ...place, closed } : place)),
      attempts,
    },
  };
}

/** A closed pool would still answer queries until its history is gone; to people it does not exist any more. */
async function requireOpen(client: Client, name: string): Promise<void> {
  const notFound = (cause?: unknown) =>
    new OdpError('NotFound', `There is no pool named ${name}.`, {
      target: name,
      hint: '`odp pool list` shows the pools that exist.',
      cause,
    });
  try {
    const { status } = await client.workflow.getHandle(workflowIds.pool(name)).describe();
    if (status.name !== 'RUNNING') throw notFound();
  } catch (error) {
    const read = asOdpError(error);
    throw read.code === 'NotFound' ? notFound(error) : read;
  }
}

/** The two facts that the workflow's id and search attributes need; the worker validates the document as a whole. */
function identify(document: unknown): { name: string; organization?: string } {
  const name = at(document, 'name');
  if (typeof name !== 'string' || name === '') {
    const detail = { code: 'Required', target: 'name', message: 'The document needs the name of the pool.' };
    throw new OdpError('InvalidPool', 'The pool document is not valid.', { details: [detail] });
  }
  const url = at(document, 'properties', 'organizationProfile', 'organizations', 0, 'url');
  return typeof url === 'string' && URL.canParse(url) ? { name, organization: organizationName(url) } : { name };
}

function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>(
    (found, step) =>
      typeof found === 'object' && found !== null && Object.hasOwn(found, step)
        ? (found as Record<string | number, unknown>)[step]
        : undefined,
    value,
  );
}

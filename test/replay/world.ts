import { readFile } from 'node:fs/promises';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Client } from '@temporalio/client';
import { connect, type OpenDevOpsPools } from '../../client/sdk/index.ts';
import { installationLimits } from '../../domain/installation.ts';
import type { Limits } from '../../domain/limits.ts';
import { taskQueues, workflowIds } from '../../domain/names.ts';
import { embeddedPool } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** The running system as the scenarios of the recorder drive it. */

/** Limits of one pool that differ from those of the others. */
export type OwnLimits = { [group in keyof Limits]?: Partial<Limits[group]> };

export interface World {
  stack: Stack;
  /** The engine's own client. */
  client: Client;
  /** The verbs on pools that begin with these limits. */
  odp(limits?: OwnLimits): Promise<OpenDevOpsPools>;
  limits(own?: OwnLimits): Limits;
  /** Makes the pool what a small document says, with `properties` laid over it. */
  apply(name: string, properties?: Record<string, unknown>, limits?: OwnLimits): Promise<{ agentPoolId: number }>;
  /** Queues one job; answers its build. */
  queue(pool: string, job: { seconds: number; result?: string }): Promise<number>;
  cancelBuild(buildId: number): Promise<void>;
  /** A call to Azure DevOps as an administrator. */
  azureDevOps(method: string, path: string, body?: unknown): Promise<unknown>;
  /** A call to the embedded cloud's control interface. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Pulls the plug of a machine: its agent falls silent. */
  stopMachine(name: string): Promise<void>;
  /** Names of the open agents of a pool that show this state; any state when it is left out. */
  agents(pool: string, state?: string): Promise<string[]>;
  /** Waits until the pool has this many such agents. */
  untilAgents(pool: string, count: number, state?: string): Promise<string[]>;
  /** What all agents of this pool's life have in common, learnt from one short job. */
  generation(pool: string): Promise<string>;
  /** Starts a workflow by hand. */
  start(type: string, workflowId: string, input: object, attributes?: Record<string, string>): Promise<void>;
  /** Texts that must not appear in anything that was recorded. */
  secrets: string[];
  /** Texts of this run, with what stands for them in a record. */
  replacements: (readonly [string, string])[];
  close(): Promise<void>;
}

/** A scenario takes minutes of real time at most; a state that is not reached by then is not reached at all. */
const patienceMs = 120_000;

const day = 86_400_000;

/** Planted where a credential belongs: must be found nowhere. */
const canary = 'ODPCANARY-token-of-an-organisation';

/** A token as the header of basic authentication carries it. */
const basic = (token: string) => Buffer.from(`:${token}`).toString('base64');

/** An organisation whose credential is the canary, and wrong. */
export const canaryOrganization = 'proseware';

/** Organisations beside the embedded cloud's own, for what concerns an organisation as a whole. */
export const organizations = ['adatum', 'fabrikam', 'northwind', 'tailspin'] as const;

/**
 * Starts the system; everything of it is gone after `close`.
 *
 * @param withCanary whether the worker holds a wrong credential too; an audit could not see everything then
 */
export async function startWorld(withCanary: boolean): Promise<World> {
  const stack = await startStack({
    scale: 0.02,
    // Audits are started by hand, where a scenario wants one: they would mend what the others do.
    limits: { observer: { intervalMs: 500, idleIntervalMs: 500 }, audit: { everyMs: 20 * day } },
    organizations: withCanary ? [{ name: canaryOrganization, token: canary }] : [],
  });
  const { cloud, installation } = stack;
  const token = (await readFile(cloud.personalAccessTokenFile, 'utf8')).trim();
  const clientSecret = (await readFile(cloud.clientSecretFile, 'utf8')).trim();
  const clients: OpenDevOpsPools[] = [];
  const { client } = await stack.client();

  const call = async (method: string, url: string, headers: Record<string, string>, body?: unknown) => {
    const response = await fetch(url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };
  const control: World['control'] = (method, path, body) => call(method, `${cloud.control}${path}`, {}, body);
  for (const name of [...organizations, canaryOrganization]) await control('POST', '/organizations', { name });

  const limits: World['limits'] = (own = {}) => {
    const common = installationLimits(installation);
    const groups = Object.entries(common) as [keyof Limits, object][];
    return Object.fromEntries(groups.map(([group, values]) => [group, { ...values, ...own[group] }])) as Limits;
  };
  const world: World = {
    stack,
    client,
    limits,
    control,
    stopMachine: async (name) => void (await control('POST', `/machines/${name}/stop`)),
    odp: async (own) => {
      const odp = await connect({
        address: installation.engine.address,
        installation: installation.name,
        limits: limits(own),
      });
      clients.push(odp);
      return odp;
    },
    apply: async (name, properties = {}, own) => {
      const odp = await world.odp(own);
      return await odp.pools.apply(embeddedPool(cloud, name, properties));
    },
    azureDevOps: (method, path, body) => {
      const url = `${cloud.organizationUrl}${path}${path.includes('?') ? '&' : '?'}api-version=7.1`;
      return call(method, url, { authorization: `Basic ${basic(token)}` }, body);
    },
    queue: async (pool, { seconds, result }) => {
      const { organization, project, pipeline } = { ...cloud, organization: stack.organization };
      const build = await world.azureDevOps('POST', `/${project}/_apis/build/builds`, {
        definition: { id: await organization.pipelineId(project, pipeline) },
        queue: { id: await organization.queueId(project, pool) },
        demands: ['ImageOverride -equals ubuntu'],
        parameters: JSON.stringify({ durationSeconds: String(seconds), ...(result ? { result } : {}) }),
      });
      return (build as { id: number }).id;
    },
    cancelBuild: async (buildId) => {
      await world.azureDevOps('PATCH', `/${cloud.project}/_apis/build/builds/${buildId}`, { status: 'cancelling' });
    },
    agents: async (pool, state) => {
      const attribute = state === undefined ? '' : ` AND AgentState = '${state}'`;
      const query = `PoolName = '${pool}' AND WorkflowType = 'agent' AND ExecutionStatus = 'Running'${attribute}`;
      const names: string[] = [];
      for await (const { workflowId } of client.workflow.list({ query })) {
        names.push(workflowId.slice(workflowIds.agent(pool, '').length));
      }
      return names;
    },
    untilAgents: (pool, count, state) =>
      eventually(async () => {
        const found = await world.agents(pool, state);
        if (found.length < count) throw new Error(`${pool} has ${found.length} agents in ${state ?? 'any state'}`);
        return found;
      }, patienceMs),
    generation: async (pool) => {
      await world.queue(pool, { seconds: 0 });
      const [name = ''] = await world.untilAgents(pool, 1);
      await eventually(async () => {
        if ((await world.agents(pool)).length > 0) throw new Error(`the first agent of ${pool} is still there`);
      }, patienceMs);
      return name.slice(0, 9);
    },
    start: async (type, workflowId, input, attributes = {}) => {
      await client.workflow.start(type, {
        workflowId,
        taskQueue: taskQueues.workflows,
        args: [input],
        typedSearchAttributes: Object.entries(attributes).map(([name, value]) => ({
          key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
          value,
        })),
      });
    },
    // As they are, and as they travel to Azure DevOps.
    secrets: [canary, token, clientSecret, basic(canary), basic(token)],
    replacements: [
      [cloud.arm, 'https://management.invalid'],
      [cloud.azureDevOps, 'http://azure-devops.invalid'],
    ],
    close: async () => {
      for (const one of clients) await one.close();
      await stack.close();
    },
  };
  return world;
}

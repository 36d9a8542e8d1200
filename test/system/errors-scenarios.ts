import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { Client, Connection } from '@temporalio/client';
import { createAgentActivities } from '../../activities/agent.ts';
import { createAzureActivities } from '../../activities/azure/activities.ts';
import { createAzureClients } from '../../activities/azure/clients.ts';
import { createDevOpsActivities } from '../../activities/devops/activities.ts';
import { createDevOpsConnections, type DevOpsConnections } from '../../activities/devops/connections.ts';
import { createObserverActivities } from '../../activities/devops/observer.ts';
import { createAgentRegistrar } from '../../activities/devops/registrar.ts';
import type { CallSite, Refusal } from '../../activities/errors/call-sites.ts';
import type { ProvisionInput, ReturnInput } from '../../activities/interfaces.ts';
import { createEngineActivities } from '../../activities/temporal/activities.ts';
import { defaultLimits } from '../../domain/limits.ts';
import { inProcessTransport } from '../support/azure-in-process.ts';
import { attempt, cloud, keys, newInput, ownTags, putNetworkInterface } from './activities-azure-support.ts';
import { image, poolSpecification, queueJob, until, type TestAzureDevOps } from './activities-devops-support.ts';
import { startRefusingEngine } from './errors-support.ts';

/**
 * How each call site comes to be called: what must be there before, and the activity that calls. Everything is made anew
 * for each run: clients remember that a service asked for patience.
 */

export type RefusingEngine = Awaited<ReturnType<typeof startRefusingActivities>>;

/** The activities on the engine, with a real client of an engine that refuses. */
export async function startRefusingActivities() {
  const engine = await startRefusingEngine();
  // The client's own retries would only make the same answer late.
  const connection = Connection.lazy({ address: engine.address, interceptors: [] });
  return {
    ...engine,
    activities: createEngineActivities({ client: new Client({ connection }) }),
    async close() {
      await connection.close();
      await engine.close();
    },
  };
}

interface World {
  devops: TestAzureDevOps;
  engine: RefusingEngine;
}

/** Prepares one call site; the answer runs the activity, and rejects with its failure. */
type Scenario = (world: World, refusal?: Refusal) => Promise<() => Promise<unknown>>;

let counter = 0;

const publicKey = { exponent: 'AQAB', modulus: Buffer.alloc(256, 7).toString('base64') };

const connectionsTo = () =>
  createDevOpsConnections({
    credentialFor: () => Promise.resolve({ kind: 'basic', token: 'a-personal-access-token' }),
  });

/** The real clients. Azure names a whole second between two looks at an operation; without it they look at once. */
function azure() {
  const transport = inProcessTransport(cloud.arm);
  const audience = 'https://management.azure.com';
  return createAzureClients({
    endpoint: cloud.facts.arm,
    scope: `${audience}/.default`,
    credential: {
      getToken: () =>
        Promise.resolve({ token: cloud.token(`${audience}/`), expiresOnTimestamp: Date.now() + 3_600_000 }),
    },
    userAgent: 'test',
    pollIntervalMs: 10,
    httpClient: {
      async sendRequest(request) {
        const answer = await transport.sendRequest(request);
        if (answer.status < 300) answer.headers.delete('retry-after');
        return answer;
      },
    },
  });
}

/** An agent pool of its own, as `prepareAgentPool` makes it. */
async function agentPool({ devops }: World, images = [image('ubuntu')]) {
  const name = `pool${counter++}`;
  const specification = { ...poolSpecification(devops.url, { agentPoolName: name }), name, images };
  const input = { installation: 'test', specification };
  const { agentPoolId } = await createDevOpsActivities({ connections: devops.connections }).prepareAgentPool(input);
  return { agentPoolId, input };
}

const shared = new WeakMap<TestAzureDevOps, Promise<number>>();

/** One agent pool for all who do not change it: keys of placeholders are most of what these tests cost. */
function sharedAgentPool(world: World): Promise<number> {
  const known = shared.get(world.devops) ?? agentPool(world).then(({ agentPoolId }) => agentPoolId);
  shared.set(world.devops, known);
  return known;
}

async function agent(world: World): Promise<ProvisionInput> {
  const agentPoolId = await sharedAgentPool(world);
  const input = newInput();
  return { ...input, identity: { ...input.identity, organizationUrl: world.devops.url, agentPoolId } };
}

async function outcome(made: ReturnType<typeof attempt>): Promise<unknown> {
  const { error, result } = await made;
  if (error) throw error as Error;
  return result;
}

const agentActivities = (connections: DevOpsConnections = connectionsTo()) =>
  createAgentActivities({ azure: azure(), registrar: createAgentRegistrar(connections), keys });

async function register(input: ProvisionInput) {
  const registrar = createAgentRegistrar(connectionsTo());
  return await registrar.register(input.identity, publicKey, { ImageOverride: 'ubuntu' });
}

const provision: Scenario = async (world) => {
  const input = await agent(world);
  return () => outcome(attempt(agentActivities().provisionAgent, input));
};

/** Returns an agent: its registration, and what else the call site needs. */
const giveBack =
  (made: 'registration' | 'machine' | 'networkInterface', by: 'id' | 'name' = 'name'): Scenario =>
  async (world) => {
    const input = await agent(world);
    const known: ReturnInput = input;
    if (made === 'machine') await outcome(attempt(agentActivities().provisionAgent, input));
    if (made === 'networkInterface') {
      await putNetworkInterface(input, `${input.identity.agent}-leaked`, {
        ...ownTags(input),
        'odp-pool': input.identity.pool,
      });
    }
    if (made === 'registration') {
      const { registrationId } = await register(input);
      if (by === 'id') return () => outcome(attempt(agentActivities().returnAgent, { ...known, registrationId }));
    }
    return () => outcome(attempt(agentActivities().returnAgent, known));
  };

const check: Scenario = async () => {
  const input = newInput();
  const specification = { ...poolSpecification('https://dev.azure.com/contoso'), images: [input.image] };
  const { checkMachine } = createAzureActivities({ azure: azure() });
  return () =>
    outcome(
      attempt(checkMachine, { installation: 'test', specification: { ...specification, machine: input.machine } }),
    );
};

async function queuedBuild(world: World) {
  const agentPoolId = await sharedAgentPool(world);
  const { id } = await queueJob(world.devops, agentPoolId);
  const [project] = (await world.devops.call<{ value: { id: string }[] }>('GET', '_apis/projects?api-version=7.1'))
    .value;
  return { organizationUrl: world.devops.url, projectId: project?.id ?? '', buildId: id };
}

const devopsActivities = () => createDevOpsActivities({ connections: connectionsTo() });

const prepare: Scenario = ({ devops }) => {
  const name = `pool${counter++}`;
  const specification = { ...poolSpecification(devops.url, { agentPoolName: name }), name };
  return Promise.resolve(() => devopsActivities().prepareAgentPool({ installation: 'test', specification }));
};

const remove: Scenario = async (world) => {
  const { input } = await agentPool(world);
  return () => devopsActivities().removeAgentPool(input);
};

const observe: Scenario = async (world) => {
  const agentPoolId = await sharedAgentPool(world);
  const sink = {
    pool: () => Promise.resolve(undefined),
    agent: () => Promise.resolve(undefined),
    lease: () => Promise.resolve(undefined),
  };
  const { observeOrganization } = createObserverActivities({ connections: connectionsTo(), sink });
  const limits = { intervalMs: 10, idleIntervalMs: 10, activityMs: 150, heartbeatMs: 30_000 };
  const pools = [{ pool: 'web', agentPoolId }];
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  return () => environment.run(observeOrganization, { organization: 'contoso', url: world.devops.url, pools, limits });
};

const watched = {
  organization: 'contoso',
  pool: { pool: 'web', agentPoolId: 1 },
  url: 'https://dev.azure.com/contoso',
};

/** By activity; by activity and operation where that needs something of its own. */
const scenarios: Record<string, Scenario> = {
  provisionAgent: provision,
  'provisionAgent VirtualMachines_Get': async (world, refusal) => {
    const input = await agent(world);
    // A refusal other than "not found" meets a machine that is there.
    if (refusal !== 'notFound') await outcome(attempt(agentActivities().provisionAgent, input));
    return () => outcome(attempt(agentActivities().provisionAgent, input, { attempt: 2 }));
  },
  'provisionAgent Agents_Replace': async (world) => {
    const input = await agent(world);
    await register(input);
    return () => outcome(attempt(agentActivities().provisionAgent, input));
  },
  // The first attempt's heartbeat never arrived: the second finds its machine, and asks for the registration.
  'provisionAgent Agents_List': async (world) => {
    const input = await agent(world);
    await attempt(agentActivities().provisionAgent, input, { cancelWhen: ({ poller }) => poller !== undefined });
    return () => outcome(attempt(agentActivities().provisionAgent, input, { attempt: 2 }));
  },
  'returnAgent VirtualMachines_Get': giveBack('machine'),
  'returnAgent VirtualMachines_Delete': giveBack('machine'),
  'returnAgent Operations_Get': giveBack('machine'),
  'returnAgent Resources_List': giveBack('registration'),
  'returnAgent NetworkInterfaces_Get': giveBack('networkInterface'),
  'returnAgent NetworkInterfaces_Delete': async (world, refusal) => {
    const run = await giveBack('networkInterface')(world);
    if (refusal !== 'notFound') return run;
    // What a deletion does not find, nobody finds afterwards.
    return async () => {
      const refused = () =>
        cloud.context.ledger
          .entries('call')
          .slice(before)
          .find(({ operation, status }) => operation === 'NetworkInterfaces_Delete' && status === 404);
      const before = cloud.context.ledger.entries('call').length;
      const ended = run();
      await Promise.race([ended, until(refused, 'the deletion was refused')]);
      const effect = { kind: 'reject', status: 404, code: 'ResourceNotFound' } as const;
      cloud.context.faults.add({ match: { operation: 'NetworkInterfaces_Get' }, effect });
      return await ended;
    };
  },
  'returnAgent Agents_Get': giveBack('registration', 'id'),
  returnAgent: giveBack('registration'),
  checkMachine: check,
  checkOrganization: ({ devops }) => {
    const input = { installation: 'test', specification: poolSpecification(devops.url) };
    return Promise.resolve(() => devopsActivities().checkOrganization(input));
  },
  prepareAgentPool: prepare,
  'prepareAgentPool Pools_Update': async (world) => {
    const { agentPoolId, input } = await agentPool(world);
    const path = `_apis/distributedtask/pools/${agentPoolId}?api-version=7.1`;
    await world.devops.call('PATCH', path, { autoProvision: true });
    return () => devopsActivities().prepareAgentPool(input);
  },
  // The second document closes what the first one opened.
  'prepareAgentPool PipelinePermissions_Update': async (world) => {
    const { input } = await agentPool(world);
    const { specification } = input;
    const organization = { ...specification.organization, openAccess: false };
    return () => devopsActivities().prepareAgentPool({ ...input, specification: { ...specification, organization } });
  },
  // The image that the second document leaves out has a placeholder.
  'prepareAgentPool Agents_Delete': async (world) => {
    const { input } = await agentPool(world, [image('ubuntu'), image('debian')]);
    const specification = { ...input.specification, images: [image('ubuntu')] };
    return () => devopsActivities().prepareAgentPool({ ...input, specification });
  },
  removeAgentPool: remove,
  disableAgent: async (world) => {
    const input = await agent(world);
    const { registrationId } = await register(input);
    return () => devopsActivities().disableAgent({ identity: input.identity, registrationId });
  },
  cancelBuild: async (world) => {
    const input = await queuedBuild(world);
    return () => devopsActivities().cancelBuild(input);
  },
  tagBuild: async (world) => {
    const input = await queuedBuild(world);
    return () => devopsActivities().tagBuild({ ...input, tag: 'odp build was lost' });
  },
  retryStage: async (world) => {
    const input = await queuedBuild(world);
    await devopsActivities().cancelBuild(input);
    const path = `${input.projectId}/_apis/build/builds/${input.buildId}/timeline?api-version=7.1`;
    const { records } = await world.devops.call<{ records: { id: string; type: string }[] }>('GET', path);
    const jobId = records.find(({ type }) => type === 'Job')?.id ?? '';
    return () => devopsActivities().retryStage({ ...input, jobId });
  },
  observeOrganization: observe,
  watchPool: ({ engine }) => Promise.resolve(() => engine.activities.watchPool({ ...watched, limits: defaultLimits })),
  unwatchPool: ({ engine }) =>
    Promise.resolve(() => engine.activities.unwatchPool({ organization: 'contoso', pool: 'web' })),
  listOpenAgents: ({ engine }) => Promise.resolve(() => engine.activities.listOpenAgents({ pool: 'web' })),
};

/** The scenario of a call site; a site without one fails. */
export async function scenarioOf(
  { activity, operation }: CallSite,
  world: World,
  refusal?: Refusal,
): Promise<() => Promise<unknown>> {
  const scenario = scenarios[`${activity} ${operation}`] ?? scenarios[activity];
  if (!scenario) throw new Error(`no scenario calls ${operation} in ${activity}`);
  return await scenario(world, refusal);
}

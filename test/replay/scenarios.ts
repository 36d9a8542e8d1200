import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { AgentInput, LeaseInput, OrganizationInput, PoolInput } from '../../domain/messages.ts';
import { organizationName, workflowIds } from '../../domain/names.ts';
import { apply } from '../../workflows/messages.ts';
import { embeddedPool } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { withValue } from '../support/pool-document.ts';
import { canaryOrganization, type World } from './world.ts';

/**
 * What the recorder makes happen, so that every state of `states.ts` comes about. Scenarios run beside each other, each
 * with a pool of its own; short limits make minutes of days. None of them waits for a state: the recorder watches.
 */

/** One scenario and the states that it brings about, as `workflow/state`. */
export interface Scenario {
  serves: string[];
  run(world: World): Promise<void>;
}

/** Properties of a pool with so many standby agents. */
export const standby = (count: number) => ({
  agentProfile: {
    kind: 'Stateless',
    resourcePredictionsProfile: { kind: 'Manual' },
    resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': count }] },
  },
});

/** A pool of several sizes, the first preferred. */
const mixOf = (...names: string[]) => ({
  fabricProfile: {
    kind: 'Vmss',
    sku: { name: 'Mix', vmSizes: names.map((name) => ({ name })) },
    images: [{ wellKnownImageName: 'ubuntu-24.04-g2', aliases: ['ubuntu'] }],
  },
});

const inOrganization = (world: World, name: string) => ({
  organizationProfile: {
    kind: 'AzureDevOps',
    organizations: [{ url: `${world.stack.cloud.azureDevOps}/${name}`, projects: ['samples'] }],
  },
});

const retire = (world: World, pool: string, agent: string) =>
  world.client.workflow.getHandle(workflowIds.agent(pool, agent)).signal('retire', { reason: 'it was asked to' });

/** The input of a workflow that is started by hand, in the name of a pool that stands. */
async function agentInputOf(world: World, pool: string, agent: string): Promise<AgentInput> {
  const { specification, agentPoolId = 0 } = await (await world.odp()).pools.show(pool);
  if (!specification) throw new Error(`the pool ${pool} has no specification`);
  return {
    identity: {
      installation: world.stack.installation.name,
      pool,
      agent,
      organizationUrl: specification.organization.url,
      agentPoolId,
    },
    specification,
    image: 'ubuntu',
    limits: world.limits().agent,
    decidedAt: Date.now(),
    reason: 'started by hand',
  };
}

const poolInput = (world: World, pool: string, limits = world.limits()): PoolInput => ({
  pool,
  installation: world.stack.installation.name,
  limits,
});

const refused = (step: Promise<unknown>) =>
  step.then(
    () => Promise.reject(new Error('a document was accepted that must be refused')),
    () => undefined,
  );

/** The number of the next job request that is queued for this pool, learnt when it is. */
async function requestIdOf(world: World, agentPoolId: number): Promise<number> {
  return await eventually(async () => {
    const queued = (await world.stack.ledger('job')).filter((it) => it.poolId === agentPoolId && it.event === 'queued');
    const [first] = queued;
    if (!first) throw new Error('no job is queued');
    return first.requestId;
  });
}

/** The life of an agent, of its job, and what ends them early. */
export const agentScenarios: Record<string, Scenario> = {
  'jobs that succeed': {
    serves: [
      'agent/provisioning',
      'agent/allocated',
      'agent/returning',
      'agent/returned',
      'lease/running',
      'lease/finished',
      'pool/accepting',
      'pool/accepted',
      'pool/serving',
    ],
    run: async (world) => {
      await world.apply('serving');
      for (let job = 0; job < 2; job += 1) {
        await world.generation('serving');
      }
    },
  },
  'jobs that fail and jobs that are cancelled': {
    serves: ['lease/failed', 'lease/cancelled'],
    run: async (world) => {
      await world.apply('unlucky');
      await world.queue('unlucky', { seconds: 1, result: 'failed' });
      const build = await world.queue('unlucky', { seconds: 600 });
      await world.untilAgents('unlucky', 1, 'Allocated');
      await pause(3_000);
      await world.cancelBuild(build);
    },
  },
  'agents that stand ready, until they are told to go': {
    serves: ['agent/ready', 'agent/retired', 'agent/cancelled', 'agent/retired-while-serving'],
    run: async (world) => {
      await world.apply('ready', standby(3));
      const [one = '', two = '', three = ''] = await world.untilAgents('ready', 3, 'Ready');
      await world.queue('ready', { seconds: 4 });
      const [serving = ''] = await world.untilAgents('ready', 1, 'Allocated');
      await retire(world, 'ready', serving);
      const [first = '', second = ''] = [one, two, three].filter((name) => name !== serving);
      await retire(world, 'ready', first);
      await world.client.workflow.getHandle(workflowIds.agent('ready', second)).cancel();
    },
  },
  'a create for which there is no quota': {
    serves: ['agent/create-failed', 'pool/held', 'pool/served-after-hold'],
    run: async (world) => {
      await world.control('PATCH', '/quotas', { name: 'standardEADSv5Family', limit: 4 });
      await world.apply('quota', {
        fabricProfile: {
          kind: 'Vmss',
          sku: { name: 'Standard_E4ads_v5' },
          images: [{ wellKnownImageName: 'ubuntu-24.04-g2', aliases: ['ubuntu'] }],
        },
      });
      await world.queue('quota', { seconds: 4 });
      await world.queue('quota', { seconds: 4 });
    },
  },
  'a size without room beside one that has some': {
    serves: ['agent/place-refused', 'pool/went-on-elsewhere'],
    run: async (world) => {
      await world.control('PATCH', '/capacity', { vmSize: 'Standard_D4ds_v5', machines: 0 });
      await world.apply('elsewhere', mixOf('Standard_D4ds_v5', 'Standard_D2as_v5'));
      await world.queue('elsewhere', { seconds: 1 });
    },
  },
  'a pool whose every place is closed': {
    serves: ['pool/every-place-closed'],
    run: async (world) => {
      for (const vmSize of ['Standard_D2s_v5', 'Standard_D4as_v5']) {
        await world.control('PATCH', '/capacity', { vmSize, machines: 0 });
      }
      await world.apply('nowhere', mixOf('Standard_D2s_v5', 'Standard_D4as_v5'));
      await world.queue('nowhere', { seconds: 1 });
    },
  },
  'a create that never ends': {
    serves: ['agent/create-timed-out'],
    run: async (world) => {
      await world.apply('stuck', {}, { agent: { provisionMs: 6_000 } });
      const generation = await world.generation('stuck');
      await world.stack.fault({
        match: { operation: 'VirtualMachines_CreateOrUpdate', path: `*${generation}*` },
        effect: { kind: 'longRunningOperation', outcome: 'stuck' },
        times: 1,
      });
      await world.stack.fault({
        match: { machineName: `${generation}*` },
        effect: { kind: 'bootWithoutAgent' },
        times: 1,
      });
      await world.queue('stuck', { seconds: 1 });
    },
  },
  'a create of which Azure tells late': {
    serves: ['agent/allocated-before-made'],
    run: async (world) => {
      await world.apply('late');
      const generation = await world.generation('late');
      await world.stack.fault({
        match: { operation: 'VirtualMachines_CreateOrUpdate', path: `*${generation}*` },
        effect: { kind: 'longRunningOperation', outcome: 'slow', factor: 60 },
        times: 1,
      });
      await world.queue('late', { seconds: 2 });
    },
  },
  'a machine whose agent does not connect': {
    serves: ['agent/starting', 'agent/not-connected'],
    run: async (world) => {
      await world.apply('silent', {}, { agent: { connectMs: 4_000 } });
      const generation = await world.generation('silent');
      await world.stack.fault({
        match: { machineName: `${generation}*` },
        effect: { kind: 'bootWithoutAgent' },
        times: 1,
      });
      await world.queue('silent', { seconds: 1 });
    },
  },
  'an agent that gets a job in the moment in which it is to go': {
    serves: ['agent/busy-at-return', 'agent/busy-then-returned'],
    run: async (world) => {
      const { agentPoolId } = await world.apply('busy', standby(1));
      const [name = ''] = await world.untilAgents('busy', 1, 'Ready');
      // The observer sees nothing until the server has refused to forget the agent: it learns of its job from that.
      const blind = (await world.control('POST', '/faults', {
        match: { operation: 'Agents_List', path: `*/pools/${agentPoolId}/agents` },
        effect: { kind: 'reject', status: 503, code: 'ServiceUnavailable' },
      })) as { id: string };
      await world.queue('busy', { seconds: 20 });
      await eventually(async () => {
        const jobs = await world.stack.ledger('job');
        if (!jobs.some(({ event, agentName }) => event === 'received' && agentName === name))
          throw new Error('no job yet');
      });
      await retire(world, 'busy', name);
      const { agents } = await world.odp();
      await eventually(async () => {
        const { why } = await agents.show(name);
        if (why !== 'the server holds a job for it') throw new Error(`the agent does not know of its job: ${why}`);
      }, 60_000);
      await world.control('DELETE', `/faults/${blind.id}`);
    },
  },
  'a machine that a lock keeps from being deleted': {
    serves: ['agent/return-refused', 'agent/returned-at-last'],
    run: async (world) => {
      await world.apply('locked');
      const generation = await world.generation('locked');
      await world.stack.fault({
        match: { operation: 'VirtualMachines_Delete', path: `*${generation}*` },
        effect: { kind: 'reject', status: 409, code: 'ScopeLocked', message: 'The scope is locked.' },
        times: 1,
      });
      await world.queue('locked', { seconds: 1 });
    },
  },
  'an agent that falls silent': {
    serves: ['agent/went-offline'],
    run: async (world) => {
      await world.apply('offline', {}, { agent: { offlineMs: 3_000 } });
      await agentDies(world, 'offline', 6_000);
      await world.apply('offline', standby(1), { agent: { offlineMs: 3_000 } });
    },
  },
  'an agent whose machine is stopped from outside while it waits': {
    serves: ['agent/machine-taken'],
    run: async (world) => {
      await world.apply('taken', standby(1));
      const [name = ''] = await world.untilAgents('taken', 1, 'Ready');
      await world.stopMachine(name);
    },
  },
  'an agent whose registration somebody deletes': {
    serves: ['agent/registration-gone'],
    run: async (world) => {
      const { agentPoolId } = await world.apply('forgotten', standby(1));
      const [name = ''] = await world.untilAgents('forgotten', 1, 'Ready');
      const path = `/_apis/distributedtask/pools/${agentPoolId}/agents`;
      const { value } = (await world.azureDevOps('GET', `${path}?agentName=${name}`)) as { value: { id: number }[] };
      await world.azureDevOps('DELETE', `${path}/${value[0]?.id}`);
    },
  },
  'an agent that nobody needs for a long time': {
    serves: ['agent/lifetime-over'],
    run: async (world) => {
      await world.apply('old', standby(1), { agent: { lifetimeMs: 3_000 } });
    },
  },
  'an agent that cannot be disabled': {
    serves: ['agent/not-disabled'],
    run: async (world) => {
      const { agentPoolId } = await world.apply('enabled');
      await world.stack.fault({
        match: { operation: 'Agents_Update', path: `*/pools/${agentPoolId}/agents/*` },
        effect: { kind: 'reject', status: 403, code: 'AccessDeniedException' },
        times: 1,
      });
      await world.queue('enabled', { seconds: 2 });
    },
  },
  'a lease that exists before its agent': {
    serves: ['agent/lease-refused'],
    run: async (world) => {
      const { agentPoolId } = await world.apply('twice');
      const { identity, limits } = await agentInputOf(world, 'twice', '00000000000000z');
      const buildId = await world.queue('twice', { seconds: 2 });
      const requestId = await requestIdOf(world, agentPoolId);
      const input: LeaseInput = {
        identity,
        limits,
        receipt: {},
        job: { requestId, jobId: 'job', jobName: 'build', projectId: 'project', buildId, queuedAt: Date.now() },
      };
      await world.start('lease', workflowIds.lease(organizationName(identity.organizationUrl), requestId), input);
    },
  },
  'an agent that dies under its job': {
    serves: ['agent/lost-under-a-job', 'lease/agent-lost', 'lease/agent-lost-told'],
    run: async (world) => {
      await world.apply('dying');
      await agentDies(world, 'dying', 10_000);
      await world.queue('dying', { seconds: 600 });
    },
  },
  'a machine that is stopped from outside under its job': {
    serves: ['agent/evicted-under-a-job', 'lease/silent', 'lease/evicted'],
    run: async (world) => {
      await world.apply('evicted');
      await loseUnderJob(world, 'evicted');
    },
  },
  'a job that lost its machine and is run again': {
    serves: ['lease/retried'],
    run: async (world) => {
      await world.apply('again', { operatorProfile: { retryLostJobs: true } });
      await loseUnderJob(world, 'again');
    },
  },
  'a job whose people are warned of its end': {
    serves: ['lease/warned', 'lease/expired-warned'],
    run: async (world) => {
      const agent = { leaseMs: 20_000, leaseWarningMs: 15_000, leaseLastWarningMs: 5_000 };
      await world.apply('warned', {}, { agent });
      await world.queue('warned', { seconds: 600 });
    },
  },
  'a job that runs longer than a lease lasts': {
    serves: ['lease/expiring', 'lease/expired'],
    run: async (world) => {
      // Its agent is lost, so the server takes its time to end the job that is cancelled then.
      await world.apply('endless', {}, { agent: { leaseMs: 10_000 } });
      await loseUnderJob(world, 'endless');
    },
  },
  'a job of whose end nobody hears': {
    serves: ['lease/expired-unheard'],
    run: async (world) => {
      await world.apply('unheard', {}, { agent: { leaseMs: 10_000, leaseEndMs: 1_000 } });
      await loseUnderJob(world, 'unheard');
    },
  },
};

/** Lets the next agent of the pool die so long after its start, on a machine that goes on. */
async function agentDies(world: World, pool: string, afterMs: number): Promise<void> {
  await world.stack.fault({
    match: { machineName: `${await world.generation(pool)}*` },
    effect: { kind: 'agentDies', afterMs },
    times: 1,
  });
}

/** Pulls the plug of the machine that runs a long job. */
async function loseUnderJob(world: World, pool: string): Promise<void> {
  await world.queue(pool, { seconds: 600 });
  const [name = ''] = await world.untilAgents(pool, 1, 'Allocated');
  await world.stopMachine(name);
}

/** The life of a pool, from documents that come and do not come to its end. */
export const poolScenarios: Record<string, Scenario> = {
  'no document': {
    serves: ['pool/waiting-for-document', 'pool/without-document'],
    run: async (world) => {
      await world.start('pool', workflowIds.pool('nameless'), poolInput(world, 'nameless'));
    },
  },
  'documents that are refused, changed and repeated': {
    serves: ['pool/first-document-refused', 'pool/document-refused', 'pool/document-changed'],
    run: async (world) => {
      const document = (name: string, properties = {}) => embeddedPool(world.stack.cloud, name, properties);
      const { pools } = await world.odp();
      const image = ['properties', 'fabricProfile', 'images', 0, 'wellKnownImageName'];
      // One is refused by its wording, one by Azure, one because an organisation does not take the credential.
      await refused(pools.apply(withValue(document('refused'), ['properties', 'maximumConcurrency'], 0)));
      await refused(pools.apply(withValue(document('imageless'), image, 'ubuntu-24.04-g2/99.0.0')));
      await refused(pools.apply(document('locked-out', inOrganization(world, canaryOrganization))));
      await pools.apply(document('kept'));
      await refused(pools.apply(document('kept', { maximumConcurrency: -1 })));
      await pools.apply(document('changed'));
      await pools.apply(document('changed', { maximumConcurrency: 7 }));
    },
  },
  'more jobs than one turn starts agents for': {
    serves: ['pool/scaling'],
    run: async (world) => {
      const { pools } = await world.odp({ pool: { createsPerTurn: 2 } });
      await pools.apply(embeddedPool(world.stack.cloud, 'burst', standby(4)));
    },
  },
  'standby agents that are not wanted any more': {
    serves: ['pool/shrinking'],
    run: async (world) => {
      await world.apply('fewer', standby(2));
      await world.untilAgents('fewer', 2, 'Ready');
      await world.apply('fewer', standby(0));
    },
  },
  'more signals than one run takes': {
    serves: ['pool/continued-as-new', 'pool/continuation', 'pool/document-repeated'],
    run: async (world) => {
      await world.apply('long', standby(1), { pool: { signalsPerRun: 6 } });
      const handle = world.client.workflow.getHandle(workflowIds.pool('long'));
      const first = (await handle.describe()).runId;
      const update = {
        args: [{ document: embeddedPool(world.stack.cloud, 'long', standby(2)) }],
        updateId: 'sent-twice',
      } as const;
      await handle.executeUpdate(apply, { ...update, args: [...update.args] });
      for (let job = 0; job < 3; job += 1) await world.queue('long', { seconds: 1 });
      await eventually(async () => {
        if ((await handle.describe()).runId === first) throw new Error('still its first run');
      }, 120_000);
      await handle.executeUpdate(apply, { ...update, args: [...update.args] });
    },
  },
  'agents that the pool does not know': {
    serves: ['pool/reconciled', 'pool/stray-returned'],
    run: async (world) => {
      await world.apply('counted', {}, { pool: { reconcileMs: 3_000 } });
      const name = `${randomBytes(5).toString('hex').slice(0, 9)}00000z`;
      const input = await agentInputOf(world, 'counted', name);
      await world.start('agent', workflowIds.agent('counted', name), input, { PoolName: 'counted' });
    },
  },
  'a pool that is deleted while a job runs': {
    serves: ['pool/draining', 'pool/deleted'],
    run: async (world) => {
      await world.apply('leaving');
      await world.queue('leaving', { seconds: 4 });
      await world.untilAgents('leaving', 1, 'Allocated');
      await (await world.odp()).pools.delete('leaving');
    },
  },
  'a pool whose workflow is cancelled': {
    serves: ['pool/cancelled'],
    run: async (world) => {
      await world.apply('called-off', standby(1));
      await world.untilAgents('called-off', 1, 'Ready');
      await world.client.workflow.getHandle(workflowIds.pool('called-off')).cancel();
    },
  },
  'an agent pool that cannot be removed': {
    serves: ['pool/removal-refused', 'pool/removed-at-last'],
    run: async (world) => {
      const { agentPoolId } = await world.apply('kept-back');
      await world.stack.fault({
        match: { operation: 'Pools_Delete', path: `*/pools/${agentPoolId}` },
        effect: { kind: 'reject', status: 403, code: 'AccessDeniedException' },
        times: 1,
      });
      await (await world.odp()).pools.delete('kept-back');
    },
  },
};

/** The life of an organisation's observer. */
export const organizationScenarios: Record<string, Scenario> = {
  'pools that come and go': {
    serves: ['organization/watching', 'organization/changing-list', 'organization/list-changed', 'organization/ended'],
    run: async (world) => {
      await world.apply('came-first', inOrganization(world, 'adatum'));
      await pause(3_000);
      await world.apply('came-second', inOrganization(world, 'adatum'));
      await pause(5_000);
      const { pools } = await world.odp();
      await pools.delete('came-first');
      await pools.delete('came-second');
    },
  },
  'more signals than one run of an organisation takes': {
    serves: ['organization/continued-as-new', 'organization/continuation'],
    run: async (world) => {
      const limits = { pool: { signalsPerRun: 2 } };
      await world.apply('counted-first', inOrganization(world, 'fabrikam'), limits);
      await pause(3_000);
      await world.apply('counted-second', inOrganization(world, 'fabrikam'), limits);
    },
  },
  'an observer whose time is over': {
    serves: ['organization/observer-renewed'],
    run: async (world) => {
      await world.apply('renewed', inOrganization(world, 'northwind'), { observer: { activityMs: 4_000 } });
    },
  },
  'a credential that is refused for a while': {
    serves: ['organization/observer-failed', 'organization/observer-tried-again'],
    run: async (world) => {
      await world.apply('shut-out', inOrganization(world, 'tailspin'));
      await pause(3_000);
      await world.stack.fault({
        match: { operation: 'Agents_List', path: '/tailspin/*' },
        effect: { kind: 'reject', status: 401, code: 'UnauthorizedRequestException' },
        times: 1,
      });
    },
  },
  'no pool': {
    serves: ['organization/waiting-for-pool', 'organization/without-pool'],
    run: async (world) => {
      const url = `${world.stack.cloud.azureDevOps}/nobody`;
      const input: OrganizationInput = { organization: 'nobody', url, limits: world.limits(), pools: [] };
      await world.start('organization', workflowIds.organization('nobody'), input);
    },
  },
};

import { MockActivityEnvironment } from '@temporalio/testing';
import type { ProvisionInput } from '../../activities/interfaces.ts';
import type { AuditReport } from '../../domain/audit/report.ts';
import { workflowTypes } from '../../domain/messages.ts';
import { organizationName, workflowIds } from '../../domain/names.ts';
import type { LedgerEntry } from '../../emulator/core/context.ts';
import { createActivities } from '../../workers/activities.ts';
import { readSecret } from '../../workers/secrets.ts';
import { embeddedPool, queueJobs } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { brokenPromises, registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { cloudOf } from './audit-stack-support.ts';

/** The auditor on a whole installation: real engine with its schedule, real SDKs, embedded cloud. */

jest.setTimeout(180_000);

/** Longer than the observer takes to tell of a job: an audit that is quicker would do its work. */
const confirmMs = 4_000;
const everyMs = 5_000;
const newbornMs = 6_000;

let stack: Stack;
let cloud: ReturnType<typeof cloudOf>;

beforeAll(async () => {
  stack = await startStack({ scale: 0.02, limits: { audit: { everyMs, confirmMs, newbornMs } } });
  cloud = cloudOf(stack);
});
afterAll(async () => {
  await stack.close();
});

/** Audits that have ended, the oldest first. */
async function reports(): Promise<AuditReport[]> {
  const { client } = await stack.client();
  const found: AuditReport[] = [];
  const query = `WorkflowType = '${workflowTypes.audit}' AND ExecutionStatus = 'Completed'`;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    found.push((await client.workflow.getHandle(workflowId, runId).result()) as AuditReport);
  }
  return found.toSorted((one, other) => one.startedAt - other.startedAt);
}

async function repairs() {
  return (await reports()).flatMap((report) => report.repairs);
}

/** What the pool of this test would ask for: another agent of it, whose workflow never was. */
async function ownerless(pool: string, agent: string): Promise<ProvisionInput> {
  const odp = await stack.client();
  const { specification, agentPoolId } = await odp.pools.show(pool);
  const [image] = specification?.images ?? [];
  if (!specification || agentPoolId === undefined || !image) throw new Error('the pool is not there');
  return {
    identity: {
      installation: stack.installation.name,
      pool,
      agent,
      organizationUrl: specification.organization.url,
      agentPoolId,
    },
    workflowId: workflowIds.agent(pool, agent),
    machine: specification.machine,
    image,
  };
}

test('a healthy installation has nothing to repair', async () => {
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'audited'));
  await queueJobs(stack, 'audited', { count: 2, image: 'ubuntu', durationSeconds: 8 });
  await eventually(async () => {
    const counts = (await reports()).map((report) => report.counts);
    expect(counts.some(({ agents, resources, leases }) => agents > 0 && resources > 0 && leases > 0)).toBe(true);
  }, 60_000);
  await eventually(async () => expect(await resourcesLeft(stack)).toEqual([]), 60_000);
  expect(await repairs()).toEqual([]);
  expect(await brokenPromises(stack)).toEqual([]);
});

test('a machine that an outlived attempt makes after its agent returned goes, and what is not ours stays', async () => {
  const late = await ownerless('audited', '0123abcde00000a');
  const own = {
    'odp-installation': stack.installation.name,
    'odp-pool': 'audited',
    'odp-agent': 'agent/audited/0123abcde00000b',
  };
  const disk = await cloud.putDisk('0123abcde00000b-os', own);
  const foreign = await Promise.all([
    cloud.putDisk('0123abcde00000c-os', { ...own, 'odp-installation': 'another' }),
    cloud.putDisk('0123abcde00000d-os', { 'odp-pool': 'audited' }),
    cloud.putDisk('somebody-else', {}),
  ]);

  // The attempt that the engine gave up long ago goes on: it registers the agent and creates its machine.
  const { client } = await stack.client();
  const activities = createActivities({ installation: stack.installation, client, readSecret });
  const plantedAt = Date.now();
  await new MockActivityEnvironment().run(activities.azure.provisionAgent, late);
  expect(await registrationsLeft(stack)).toContain(late.identity.agent);

  await eventually(async () => {
    expect(await registrationsLeft(stack)).toEqual([]);
    expect((await resourcesLeft(stack)).toSorted()).toEqual([foreign[0]]);
  }, 60_000);
  for (const id of foreign) expect(await cloud.exists(id)).toBe(true);
  expect(await cloud.exists(disk)).toBe(false);
  await eventually(async () => {
    const done = (await repairs()).map(({ kind, outcome }) => `${kind} ${outcome}`);
    expect(done.toSorted()).toEqual(['machineWithoutWorkflow done', 'partWithoutMachine done']);
  }, 30_000);

  const deleted = (await stack.ledger('machine')).find(
    (entry): entry is Extract<LedgerEntry, { kind: 'machine' }> =>
      entry.id.endsWith(late.identity.agent) && entry.event === 'deleteAccepted',
  );
  expect((deleted?.at ?? 0) - plantedAt).toBeGreaterThanOrEqual(newbornMs);
});

test('tags that somebody removed from a machine under a job come back, and its job ends well', async () => {
  const odp = await stack.client();
  await queueJobs(stack, 'audited', { count: 1, image: 'ubuntu', durationSeconds: 25 });
  const agent = await eventually(async () => {
    const [running] = (await odp.agents.list({ pool: 'audited' })).filter(({ state }) => state === 'Allocated');
    expect(running).toBeDefined();
    const view = await odp.agents.show(running?.name ?? '');
    expect(view.resourceId).toBeDefined();
    return view;
  }, 60_000);
  const machines = cloud.azure.compute(stack.cloud.subscriptionId).virtualMachines;
  const group = stack.installation.azure.resourceGroup;
  await machines.update(group, agent.agent, { tags: { costs: 'team-7' } });

  await eventually(async () => {
    const { tags } = await machines.get(group, agent.agent);
    expect(tags).toEqual({
      costs: 'team-7',
      'odp-installation': stack.installation.name,
      'odp-pool': 'audited',
      'odp-agent': workflowIds.agent('audited', agent.agent),
    });
  }, 30_000);
  await eventually(async () => {
    const jobs = (await stack.ledger('job')).filter(({ event }) => event === 'finished');
    expect(jobs).toHaveLength(3);
  }, 60_000);
  expect(await brokenPromises(stack)).toEqual([]);
});

test('a lease that was told nothing learns of the end of its job', async () => {
  const { client } = await stack.client();
  const { identity } = await ownerless('audited', '0123abcde00000e');
  // A lease whose job Azure DevOps has forgotten, as after a restore of the engine from a copy.
  const organization = organizationName(identity.organizationUrl);
  const handle = await client.workflow.start(workflowTypes.lease, {
    workflowId: workflowIds.lease(organization, 4_000),
    taskQueue: 'pools',
    args: [
      {
        identity,
        job: { requestId: 4_000, jobId: 'x', jobName: 'lost', projectId: 'p', buildId: 1, queuedAt: 1 },
        limits: { leaseMs: 600_000, leaseEndMs: 1_000 },
        receipt: {},
      },
    ],
    searchAttributes: { PoolName: ['audited'] },
  });
  expect(await handle.result()).toMatchObject({ requestId: 4_000, outcome: 'agentLost' });
});

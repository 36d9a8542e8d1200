import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { tagNames, workflowIds } from '../../domain/names.ts';
import { eventually } from '../support/eventually.ts';
import { cloudOf } from '../system/audit-stack-support.ts';
import { standby, type Scenario } from './scenarios.ts';
import type { OwnLimits, World } from './world.ts';

/**
 * Audits and what they find. An audit looks at the whole installation, so these have a system of their own and run one
 * after the other.
 */

const pool = 'audited';

/** A disk or a machine older than this may be deleted. */
const newbornMs = 3_000;
const limits = { confirmMs: 2_000, newbornMs };

/** Runs one audit by hand to its end. */
async function run(world: World, own: OwnLimits['audit'] = {}, options: { dryRun?: true; check?: true } = {}) {
  const odp = await world.odp({ audit: { ...limits, ...own } });
  const { id, runId } = await odp.audits.start(options);
  await world.client.workflow.getHandle(id, runId).result();
}

/** Makes disks of agents that never were, old enough to be deleted. */
async function plantDisks(world: World, count: number): Promise<string[]> {
  const cloud = cloudOf(world.stack);
  const planted: string[] = [];
  for (let disk = 0; disk < count; disk += 1) {
    const agent = `${randomBytes(5).toString('hex').slice(0, 9)}00000a`;
    const id = await cloud.putDisk(`${agent}-os`, {
      [tagNames.installation]: world.stack.installation.name,
      [tagNames.pool]: pool,
      [tagNames.agent]: workflowIds.agent(pool, agent),
    });
    planted.push(id);
  }
  await pause(newbornMs);
  return planted;
}

/** Ends a workflow as no part of the system would: what it owned stays. */
const forget = (world: World, workflowId: string) =>
  world.client.workflow.getHandle(workflowId).terminate('as if it had never been');

async function machinesAndAgents(world: World): Promise<void> {
  await world.apply(pool, standby(2));
  const [forgotten = ''] = await world.untilAgents(pool, 2, 'Ready');
  await forget(world, workflowIds.agent(pool, forgotten));
  await pause(newbornMs);
  await run(world, {}, { dryRun: true });
  await run(world);
  await run(world, {}, { check: true });

  const cloud = cloudOf(world.stack);
  const machines = cloud.azure.compute(world.stack.cloud.subscriptionId).virtualMachines;
  const group = world.stack.installation.azure.resourceGroup;
  const [agent = ''] = await world.untilAgents(pool, 1, 'Ready');
  await machines.update(group, agent, { tags: { costs: 'team-7' } });
  await run(world);
  const path = `/subscriptions/${world.stack.cloud.subscriptionId}/resourceGroups/${group}`;
  const machine = `${path}/providers/Microsoft.Compute/virtualMachines/${agent}?api-version=2024-07-01`;
  await cloud.azure.call('record', 'DELETE', world.stack.cloud.subscriptionId, machine);
  await eventually(async () => {
    if ((await cloud.azure.call('record', 'GET', world.stack.cloud.subscriptionId, machine)).status !== 404) {
      throw new Error('the machine is still there');
    }
  });
  await run(world);
}

async function deletions(world: World): Promise<void> {
  await world.stack.fault({
    match: { operation: 'Disks_Delete' },
    effect: { kind: 'reject', status: 409, code: 'ScopeLocked', message: 'The scope is locked.' },
    times: 1,
  });
  await plantDisks(world, 1);
  await run(world);
  await run(world);
  await plantDisks(world, 3);
  await run(world, { deletionsMin: 1, approvalMs: 2_000 });
  const odp = await world.odp({ audit: { ...limits, deletionsMin: 1 } });
  const { id, runId } = await odp.audits.start();
  await eventually(() => odp.audits.approve(), 30_000);
  await world.client.workflow.getHandle(id, runId).result();
}

/** Nobody observes any more: only audits tell agents and leases of their jobs. */
async function jobs(world: World): Promise<void> {
  const [agent = ''] = await world.untilAgents(pool, 2, 'Ready');
  await forget(world, workflowIds.organization('contoso'));
  // The observer hears of the end of its workflow when its next heartbeat is answered.
  await pause(5_000);
  await world.queue(pool, { seconds: 12 });
  const untilJob = (wanted: 'received' | 'finished') =>
    eventually(async () => {
      const entries = await world.stack.ledger('job');
      if (!entries.some(({ event }) => event === wanted)) throw new Error(`no job was ${wanted} by ${agent}`);
    }, 30_000);
  await untilJob('received');
  await run(world);
  await untilJob('finished');
  await run(world);
  await registrations(world);
}

/** Somebody deletes a registration while nobody observes. */
async function registrations(world: World): Promise<void> {
  const { agentPoolId } = await (await world.odp()).pools.show(pool);
  const path = `/_apis/distributedtask/pools/${agentPoolId}/agents`;
  const ready = await world.untilAgents(pool, 1, 'Ready');
  const { value } = (await world.azureDevOps('GET', path)) as { value: { id: number; name: string }[] };
  const gone = value.find(({ name }) => ready.includes(name));
  if (!gone) throw new Error('no agent of the pool is registered and ready');
  await world.azureDevOps('DELETE', `${path}/${gone.id}`);
  await run(world);
}

async function gaps(world: World): Promise<void> {
  await run(world);
  await world.stack.fault({
    match: { operation: 'Resources_List' },
    effect: { kind: 'reject', status: 403, code: 'AuthorizationFailed', message: 'No authorization to list.' },
    times: 1,
  });
  await run(world);
}

/** All of it is one scenario, for two audits that may change something never run beside each other. */
export const auditScenarios: Record<string, Scenario> = {
  'audits of an installation': {
    serves: [
      'audit/looking',
      'audit/clean',
      'audit/confirming',
      'audit/repairing',
      'audit/machine-removed',
      'audit/part-removed',
      'audit/agent-retired',
      'audit/registration-missed',
      'audit/tags-restored',
      'audit/agent-told',
      'audit/lease-told',
      'audit/unfinished',
      'audit/incomplete',
      'audit/awaiting-approval',
      'audit/approved',
      'audit/not-approved',
      'audit/planned',
      'audit/checked',
    ],
    run: async (world) => {
      await gaps(world);
      await machinesAndAgents(world);
      await deletions(world);
      await jobs(world);
    },
  },
};

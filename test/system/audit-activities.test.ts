import type { ApplicationFailure } from '@temporalio/common';
import { createAgentActivities } from '../../activities/agent.ts';
import type { AzureClients } from '../../activities/azure/clients.ts';
import type { ProvisionInput } from '../../activities/interfaces.ts';
import type { Remains, TagsAltered } from '../../domain/audit/finding.ts';
import type { AuditLook } from '../../domain/audit/report.ts';
import {
  addFault,
  attempt,
  azure,
  closeCloud,
  cloud,
  exists,
  keys,
  machinePath,
  newInput,
  putNetworkInterface,
  registrar as standInRegistrar,
  resourcesOf,
} from './activities-azure-support.ts';
import { connectAgent, queueJob, startAzureDevOps, until, type TestAzureDevOps } from './activities-devops-support.ts';
import { auditor, tagsOf } from './audit-activities-support.ts';

/** The auditor's activities: the real SDKs against the embedded cloud; only the engine is a stand-in. */

const publicKey = { exponent: 'AQAB', modulus: Buffer.alloc(256, 7).toString('base64') };
const findings = { at: Date.now(), limits: { findingsMax: 500 } };

let devops: TestAzureDevOps;
beforeEach(async () => {
  cloud.context.faults.clear();
  devops = await startAzureDevOps();
});
afterEach(() => devops.close());
afterAll(closeCloud);

/** Makes the machine of an agent, without a registration. */
async function makeMachine(input: ProvisionInput): Promise<void> {
  const { provisionAgent } = createAgentActivities({ azure, registrar: standInRegistrar(), keys });
  const { error } = await attempt(provisionAgent, input);
  if (error) throw error;
}

function remainsOf(input: ProvisionInput, fields: Partial<Remains> = {}): Remains {
  return {
    kind: 'machineWithoutWorkflow',
    subject: machinePath(input),
    owner: input.workflowId,
    pool: input.identity.pool,
    agent: input.identity.agent,
    resources: [machinePath(input)],
    agentPools: [{ organizationUrl: input.identity.organizationUrl, agentPoolId: input.identity.agentPoolId }],
    ...fields,
  };
}

/** What a look found about one agent; the cloud of this file has those of other tests too. */
function about({ identity }: ProvisionInput, look: AuditLook | undefined) {
  return look?.findings.filter((finding) => 'agent' in finding && finding.agent === identity.agent);
}

async function registered(input: ProvisionInput): Promise<boolean> {
  const { identity } = input;
  const path = `_apis/distributedtask/pools/${identity.agentPoolId}/agents?agentName=${identity.agent}&api-version=7.1`;
  return (await devops.call<{ value: unknown[] }>('GET', path)).value.length > 0;
}

describe('auditLook', () => {
  test('finds a machine that nobody owns, with its parts, its age and where it may be registered', async () => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    await makeMachine(input);
    await audit.registrar.register(input.identity, publicKey, {});
    const { result } = await attempt(audit.auditLook, findings);
    expect(result).toMatchObject({ complete: true, problems: [] });
    const [finding, ...others] = about(input, result) ?? [];
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      kind: 'machineWithoutWorkflow',
      subject: machinePath(input),
      owner: input.workflowId,
      agentPools: audit.agentPools,
      resources: expect.arrayContaining((await resourcesOf(input)).map(({ id }) => id)),
    });
    expect((finding as Remains).resources).toHaveLength(3);
    expect(Date.now() - (finding?.since ?? 0)).toBeLessThan(60_000);
  });

  test('finds nothing where the workflow is open', async () => {
    const workflows: Record<string, { attributes: Record<string, string> }> = {};
    const audit = await auditor(devops, workflows);
    const input = audit.agent();
    workflows[input.workflowId] = { attributes: { AgentState: 'Starting', PoolName: 'web' } };
    await makeMachine(input);
    await audit.registrar.register(input.identity, publicKey, {});
    const { result } = await attempt(audit.auditLook, findings);
    expect(about(input, result)).toEqual([]);
    expect(result?.counts).toMatchObject({ agents: 1, agentPools: 1, registrations: 1 });
  });

  test('finds a registration without a machine in our agent pool, and no placeholder', async () => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    await audit.registrar.register(input.identity, publicKey, {});
    const { result } = await attempt(audit.auditLook, findings);
    const registrations = result?.findings.filter(({ kind }) => kind === 'registrationWithoutMachine');
    expect(registrations).toEqual([
      expect.objectContaining({ subject: `contoso/${audit.agentPoolId}/${input.identity.agent}` }),
    ]);
    expect(registrations?.[0]?.since).toBeGreaterThan(Date.now() - 60_000);
  });

  test('reads every page of a list', async () => {
    const pages: string[] = [];
    const paged: AzureClients = {
      ...azure,
      call: (name, method, subscriptionId, path, ...rest) => {
        if (name !== 'resources.list') return azure.call(name, method, subscriptionId, path, ...rest);
        pages.push(path);
        return azure.call(name, method, subscriptionId, path.includes('$top') ? path : `${path}&$top=1`, ...rest);
      },
    };
    const audit = await auditor(devops, {}, paged);
    const input = audit.agent();
    await makeMachine(input);
    const { result } = await attempt(audit.auditLook, findings);
    expect(pages.length).toBeGreaterThanOrEqual(3);
    const [finding] = about(input, result) ?? [];
    expect((finding as Remains | undefined)?.resources).toHaveLength(3);
  });

  test.each([
    ['a page of the cloud', { service: 'arm', operation: 'Resources_List' }, 'Azure subscription'],
    ['the agent pools of an organisation', { service: 'azure-devops', operation: 'Pools_List' }, 'contoso'],
    ['the agents of an agent pool', { service: 'azure-devops', operation: 'Agents_List' }, 'agent pool'],
    ['the job requests of an agent pool', { service: 'azure-devops', operation: 'JobRequests_List' }, 'agent pool'],
  ] as const)('tries again, then answers incomplete and finds no remains, when %s fails', async (_, match, where) => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    await makeMachine(input);
    const effect = { kind: 'reject', status: 503, code: 'ServiceUnavailable' } as const;
    cloud.context.faults.add({ match, effect });
    devops.faults.add({ match, effect });
    const first = await attempt(audit.auditLook, findings);
    expect((first.error as ApplicationFailure | undefined)?.nonRetryable).toBe(false);
    const last = await attempt(audit.auditLook, findings, { attempt: 3 });
    expect(last.result).toMatchObject({
      complete: false,
      problems: [expect.objectContaining({ where: expect.stringContaining(where) as unknown })],
    });
    expect(about(input, last.result)).toEqual([]);
  });

  test('answers incomplete at once when no further attempt can help', async () => {
    const audit = await auditor(devops, {});
    addFault({
      match: { operation: 'Resources_List' },
      effect: { kind: 'reject', status: 403, code: 'AuthorizationFailed' },
    });
    const { result } = await attempt(audit.auditLook, findings);
    expect(result).toMatchObject({ complete: false, problems: [{ code: 'AuthorizationFailed' }] });
  });

  test('asks for a machine that the list does not show: gone, or with altered tags', async () => {
    const workflows: Record<string, object> = {};
    const audit = await auditor(devops, workflows);
    const [gone, altered] = [audit.agent(), audit.agent()];
    for (const input of [gone, altered]) {
      const view = { resourceId: machinePath(input) };
      workflows[input.workflowId] = { attributes: { AgentState: 'Ready', PoolName: 'web' }, view };
    }
    await makeMachine(altered);
    await patchTags(altered, { team: 'blue' });
    const { result } = await attempt(audit.auditLook, findings);
    expect(about(gone, result)).toEqual([expect.objectContaining({ kind: 'workflowWithoutMachine' })]);
    expect(about(altered, result)).toEqual([
      expect.objectContaining({ kind: 'tagsAltered', subject: machinePath(altered) }),
      // Only its machine was made here.
      expect.objectContaining({ kind: 'workflowWithoutRegistration' }),
    ]);
  });
});

describe('removeRemains', () => {
  test('removes the registration, the machine and its parts', async () => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    await makeMachine(input);
    await audit.registrar.register(input.identity, publicKey, {});
    const resources = (await resourcesOf(input)).map(({ id }) => id);
    const { result } = await attempt(audit.removeRemains, remainsOf(input, { resources }));
    expect(result).toEqual({ outcome: 'done' });
    expect(await resourcesOf(input)).toEqual([]);
    expect(await registered(input)).toBe(false);
    expect(await attempt(audit.removeRemains, remainsOf(input, { resources }))).toMatchObject({
      result: { outcome: 'notNeeded' },
    });
  });

  test('removes parts without a machine, and a registration alone', async () => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    const nic = await putNetworkInterface(input, `${input.identity.agent}-nic`, tagsOf(input));
    await audit.registrar.register(input.identity, publicKey, {});
    const parts = { kind: 'partWithoutMachine' as const, subject: nic, resources: [nic] };
    expect(await attempt(audit.removeRemains, remainsOf(input, parts))).toMatchObject({ result: { outcome: 'done' } });
    expect(await exists(input, nic, '2024-05-01')).toBe(false);
    expect(await registered(input)).toBe(false);
  });

  test('touches nothing of an agent whose workflow is open after all', async () => {
    const workflows: Record<string, object> = {};
    const audit = await auditor(devops, workflows);
    const input = audit.agent();
    workflows[input.workflowId] = {};
    await makeMachine(input);
    await audit.registrar.register(input.identity, publicKey, {});
    expect(await attempt(audit.removeRemains, remainsOf(input))).toMatchObject({ result: { outcome: 'notNeeded' } });
    expect(await resourcesOf(input)).toHaveLength(3);
    expect(await registered(input)).toBe(true);
  });

  test('leaves everything as it is while Azure DevOps holds a job for the agent', async () => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    const { identity } = input;
    const nic = await putNetworkInterface(input, `${identity.agent}-nic`, tagsOf(input));
    const { registrationId } = await audit.registrar.register(identity, publicKey, { ImageOverride: 'ubuntu' });
    await queueJob(devops, audit.agentPoolId);
    const connected = await connectAgent(devops, audit.agentPoolId, registrationId, identity.agent);
    await connected.receive((await connected.assigned()).requestId);
    const remains = remainsOf(input, { kind: 'partWithoutMachine', subject: nic, resources: [nic] });
    expect(await attempt(audit.removeRemains, remains)).toMatchObject({ result: { outcome: 'busy' } });
    expect(await exists(input, nic, '2024-05-01')).toBe(true);
    expect(await registered(input)).toBe(true);
  });

  test.each([
    ['no tag', () => ({})],
    ["another installation's tag", (own: Record<string, string>) => ({ ...own, 'odp-installation': 'other' })],
    ["another agent's tag", (own: Record<string, string>) => ({ ...own, 'odp-agent': 'agent/web/0123abcde000zzz' })],
  ])('leaves what has %s by now', async (_, tags) => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    await makeMachine(input);
    await patchTags(input, tags(tagsOf(input)));
    expect(await attempt(audit.removeRemains, remainsOf(input))).toMatchObject({ result: { outcome: 'notNeeded' } });
    expect(await exists(input, machinePath(input), '2024-11-01')).toBe(true);
  });

  test.each([
    ['open', { status: 'RUNNING' as const }, 'unproven'],
    ['terminated', { status: 'TERMINATED' as const }, 'unproven'],
    ['unknown', undefined, 'unproven'],
    ['deleted as it should be', { status: 'COMPLETED' as const }, 'done'],
  ])('without an agent pool to ask, a machine of a pool that is %s: %#', async (_, pool, outcome) => {
    const audit = await auditor(devops, pool ? { 'pool/web': pool } : {});
    const input = audit.agent();
    await makeMachine(input);
    const { result } = await attempt(audit.removeRemains, remainsOf(input, { agentPools: [] }));
    expect(result).toMatchObject({ outcome });
    expect(await exists(input, machinePath(input), '2024-11-01')).toBe(outcome === 'unproven');
  });

  test('leaves the parts of a machine that somebody made their own', async () => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    await makeMachine(input);
    const resources = (await resourcesOf(input)).map(({ id }) => id).filter((id) => id !== machinePath(input));
    await patchTags(input, { team: 'red' });
    const { result } = await attempt(audit.removeRemains, remainsOf(input, { kind: 'partWithoutMachine', resources }));
    expect(result).toMatchObject({ outcome: 'unproven' });
    for (const id of [machinePath(input), ...resources]) expect(await exists(input, id, '2024-11-01')).toBe(true);
  });

  test('goes on where an attempt ended without a word', async () => {
    const audit = await auditor(devops, {});
    const input = audit.agent();
    await makeMachine(input);
    addFault({ match: { operation: 'VirtualMachines_Delete' }, effect: { kind: 'loseResponse' }, times: 1 });
    const first = await attempt(audit.removeRemains, remainsOf(input));
    expect((first.error as ApplicationFailure | undefined)?.nonRetryable).toBe(false);
    const second = await attempt(audit.removeRemains, remainsOf(input), {
      attempt: 2,
      heartbeatDetails: first.heartbeat,
    });
    expect(second.result).toEqual({ outcome: 'done' });
    expect(await exists(input, machinePath(input), '2024-11-01')).toBe(false);
  });
});

describe('restoreTags', () => {
  async function altered(tags: Record<string, string>) {
    const workflows: Record<string, object> = {};
    const audit = await auditor(devops, workflows);
    const input = audit.agent();
    workflows[input.workflowId] = { view: { resourceId: machinePath(input) } };
    await makeMachine(input);
    await patchTags(input, tags);
    const finding: TagsAltered = {
      kind: 'tagsAltered',
      subject: machinePath(input),
      owner: input.workflowId,
      pool: 'web',
      agent: input.identity.agent,
    };
    return { audit, input, finding, workflows };
  }

  test('writes ours back and keeps the others', async () => {
    const { audit, input, finding } = await altered({ team: 'red', 'odp-agent': 'agent/web/somebody' });
    expect(await attempt(audit.restoreTags, finding)).toMatchObject({ result: { outcome: 'done' } });
    expect(await tagsNow(input)).toEqual({ team: 'red', ...tagsOf(input) });
    expect(await attempt(audit.restoreTags, finding)).toMatchObject({ result: { outcome: 'notNeeded' } });
  });

  test('adopts nothing that is not proven to be the agent’s', async () => {
    const { audit, input, finding } = await altered(tagsOf(newInput()));
    const stranger = await putNetworkInterface(input, `${input.identity.agent}-nic-of-mine`, { team: 'red' });
    const { result } = await attempt(audit.restoreTags, { ...finding, subject: stranger });
    expect(result).toMatchObject({ outcome: 'unproven' });
    // Its own network interface, which the machine uses, is.
    const own = `${stranger.slice(0, -'-of-mine'.length)}`;
    expect(await attempt(audit.restoreTags, { ...finding, subject: own })).toMatchObject({
      result: { outcome: 'notNeeded' },
    });
  });

  test('does nothing once the workflow is closed', async () => {
    const { audit, input, finding, workflows } = await altered({ team: 'red' });
    workflows[input.workflowId] = { status: 'COMPLETED' };
    expect(await attempt(audit.restoreTags, finding)).toMatchObject({ result: { outcome: 'notNeeded' } });
    expect(await tagsNow(input)).toEqual({ team: 'red' });
  });
});

describe('what nobody was told of', () => {
  async function running() {
    const workflows: Record<string, object> = {};
    const audit = await auditor(devops, workflows);
    const input = audit.agent();
    const { identity } = input;
    const { registrationId } = await audit.registrar.register(identity, publicKey, { ImageOverride: 'ubuntu' });
    await queueJob(devops, audit.agentPoolId);
    const connected = await connectAgent(devops, audit.agentPoolId, registrationId, identity.agent);
    const { requestId } = await connected.assigned();
    await connected.receive(requestId);
    workflows[input.workflowId] = { attributes: { AgentState: 'Provisioning', PoolName: 'web' } };
    const lease = `lease/contoso/${requestId}`;
    return { audit, input, connected, requestId, lease, workflows };
  }

  test('a job on an agent that does not know it', async () => {
    const { audit, input, requestId, lease, workflows } = await running();
    const { result } = await attempt(audit.auditLook, findings);
    const finding = result?.findings.find(({ kind }) => kind === 'jobWithoutLease');
    expect(finding).toMatchObject({ subject: lease, requestId, agent: input.identity.agent });
    if (finding?.kind !== 'jobWithoutLease') throw new Error('no finding');
    expect(await attempt(audit.tellAgent, finding)).toMatchObject({ result: { outcome: 'done' } });
    expect(audit.signals).toEqual([
      {
        workflowId: input.workflowId,
        name: 'agentObserved',
        payload: expect.objectContaining({ online: true, job: expect.objectContaining({ requestId }) as unknown }),
      },
    ]);
    // A lease that has ended is not begun again.
    workflows[lease] = { status: 'COMPLETED' };
    expect(await attempt(audit.tellAgent, finding)).toMatchObject({ result: { outcome: 'notNeeded' } });
    expect(audit.signals).toHaveLength(1);
  });

  test('the end of a job, to its lease', async () => {
    const { audit, connected, requestId, lease, workflows } = await running();
    workflows[lease] = { attributes: { PoolName: 'web' } };
    const kinds = async () => (await attempt(audit.auditLook, findings)).result?.findings.map(({ kind }) => kind) ?? [];
    expect(await kinds()).not.toContain('leaseWithoutJob');
    await connected.finish(requestId);
    await until(async () => (await kinds()).includes('leaseWithoutJob'), 'the lease has no job');
    const finding = (await attempt(audit.auditLook, findings)).result?.findings.find(
      ({ subject }) => subject === lease,
    );
    if (finding?.kind !== 'leaseWithoutJob') throw new Error('no finding');
    expect(await attempt(audit.tellLease, finding)).toMatchObject({ result: { outcome: 'done' } });
    expect(audit.signals).toEqual([
      {
        workflowId: lease,
        name: 'jobObserved',
        payload: expect.objectContaining({
          job: expect.objectContaining({ requestId, result: 'succeeded' }) as unknown,
        }),
      },
    ]);
  });
});

async function patchTags(input: ProvisionInput, tags: Record<string, string>): Promise<void> {
  const { subscriptionId, resourceGroup } = input.machine;
  const machines = azure.compute(subscriptionId).virtualMachines;
  await machines.update(resourceGroup, input.identity.agent, { tags });
}

async function tagsNow(input: ProvisionInput): Promise<Record<string, string> | undefined> {
  const { subscriptionId, resourceGroup } = input.machine;
  return (await azure.compute(subscriptionId).virtualMachines.get(resourceGroup, input.identity.agent)).tags;
}

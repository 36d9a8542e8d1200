import { Refusal } from './errors.ts';
import { asObject, bagAt, booleanAt, enumAt, integerAt, requiredText, textAt, toEnum, toInteger } from './input.ts';
import {
  bagFor,
  collection,
  flag,
  names,
  numbers,
  poolOf,
  type Answer,
  type Call,
  type Operation,
} from './operation.ts';
import { requestGroup } from './organization.ts';
import type { PoolRecord, QueueRecord } from './records.ts';
import { poolWire, queueWire } from './wire.ts';
import { removeAgent } from './agents.ts';

const poolTypes = { automation: 1, deployment: 2 } as const;

const pools = ['/_apis/distributedtask/pools'];
const pool = ['/_apis/distributedtask/pools/:pool{[0-9]+}'];
const queues = ['/:project/_apis/distributedtask/queues'];
const queue = ['/:project/_apis/distributedtask/queues/:queue{[0-9]+}'];

export const poolOperations: Operation[] = [
  { name: 'Pools_List', method: 'GET', paths: pools, forAgents: true, run: list },
  { name: 'Pools_Add', method: 'POST', paths: pools, run: add },
  { name: 'Pools_Get', method: 'GET', paths: pool, forAgents: true, run: (call) => answer(call, poolOf(call)) },
  { name: 'Pools_Update', method: 'PATCH', paths: pool, run: update },
  { name: 'Pools_Delete', method: 'DELETE', paths: pool, run: remove },
  { name: 'Queues_List', method: 'GET', paths: queues, run: listQueues },
  {
    name: 'Queues_Get',
    method: 'GET',
    paths: queue,
    run: (call) => ({ json: queueWire(call.organization, queueOf(call)) }),
  },
  { name: 'Queues_Add', method: 'POST', paths: queues, run: addQueue },
  {
    name: 'Queues_Delete',
    method: 'DELETE',
    paths: queue,
    run(call) {
      call.organization.queues.delete(queueOf(call).id);
      return { status: 204 };
    },
  },
];

function answer(call: Call, found: PoolRecord): Answer {
  const properties = bagFor(names(call, 'properties'), found.properties);
  return { json: { ...(properties && { properties }), ...poolWire(call.organization, found) } };
}

function list(call: Call): Answer {
  const name = call.query.get('poolname')?.toLowerCase();
  const type = call.query.get('pooltype');
  const ids = numbers(call, 'poolids');
  const found = [...call.organization.pools.asOf(call.asOf).values()].filter(
    (it) =>
      (name === undefined || name === '' || it.name.toLowerCase() === name) &&
      (type === undefined || it.poolType === toEnum(type, poolTypes)) &&
      (ids === undefined || ids.has(it.id)),
  );
  return collection(found.map((it) => answer(call, it).json));
}

function add(call: Call): Answer {
  const { organization, context } = call;
  const input = asObject(call.body);
  const name = requiredText(input, 'name');
  requireFreeName(call, name);
  const targetSize = integerAt(input, 'targetSize');
  const added: PoolRecord = {
    id: organization.nextId('pool'),
    name,
    poolType: enumAt(input, 'poolType', poolTypes) ?? 'automation',
    autoProvision: booleanAt(input, 'autoProvision') ?? false,
    autoUpdate: booleanAt(input, 'autoUpdate') ?? true,
    autoSize: booleanAt(input, 'autoSize') ?? true,
    ...(targetSize !== undefined && { targetSize }),
    createdAt: context.clock.now(),
    properties: bagAt(input, 'properties'),
  };
  organization.pools.put(added);
  if (added.autoProvision) {
    for (const project of organization.projects.values()) {
      organization.queues.put({
        id: organization.nextId('queue'),
        projectId: project.id,
        poolId: added.id,
        name,
        pipelines: {},
      });
    }
  }
  return answer(call, added);
}

function requireFreeName(call: Call, name: string, except?: PoolRecord): void {
  for (const other of call.organization.pools.values()) {
    if (other.id === except?.id || other.name.toLowerCase() !== name.toLowerCase()) continue;
    throw new Refusal(
      'TaskAgentPoolExistsException',
      `Agent pool ${name} already exists. Choose a different name and try again.`,
    );
  }
}

function update(call: Call): Answer {
  const before = poolOf(call);
  const input = asObject(call.body);
  const name = textAt(input, 'name') ?? before.name;
  requireFreeName(call, name, before);
  const properties = { ...before.properties, ...bagAt(input, 'properties') };
  for (const key in properties) if (properties[key] === null) delete properties[key];
  const targetSize = integerAt(input, 'targetSize') ?? before.targetSize;
  const after: PoolRecord = {
    ...before,
    name,
    autoProvision: booleanAt(input, 'autoProvision') ?? before.autoProvision,
    autoUpdate: booleanAt(input, 'autoUpdate') ?? before.autoUpdate,
    autoSize: booleanAt(input, 'autoSize') ?? before.autoSize,
    ...(targetSize !== undefined && { targetSize }),
    properties,
  };
  call.organization.pools.put(after);
  return answer(call, after);
}

/** Deletes the pool with its registrations and queues; refused while a job holds one of its agents. */
function remove(call: Call): Answer {
  const { organization } = call;
  const { id, name } = poolOf(call);
  for (const state of ['assigned', 'running'] as const) {
    if (organization.requests.inGroup(requestGroup(id, state)).length === 0) continue;
    throw new Refusal(
      'TaskAgentJobStillRunningException',
      `Agent pool ${name} cannot be deleted while its agents run jobs.`,
    );
  }
  for (const request of organization.requests.inGroup(requestGroup(id, 'queued')))
    call.jobs.finish(request, 'canceled');
  for (const agent of organization.agents.inGroup(String(id))) removeAgent(call, agent);
  for (const it of organization.queues.values()) if (it.poolId === id) organization.queues.delete(it.id);
  organization.pools.delete(id);
  return { status: 204 };
}

function queueOf(call: Call): QueueRecord {
  const project = call.organization.project(call.parameters['project']);
  const found = call.organization.queues.get(call.parameters['queue'] ?? '');
  if (found?.projectId === project.id) return found;
  throw new Refusal(
    'TaskAgentQueueNotFoundException',
    `No agent queue found with identifier ${call.parameters['queue']}.`,
  );
}

function listQueues(call: Call): Answer {
  const { organization } = call;
  const project = organization.project(call.parameters['project']);
  const wanted = (names(call, 'queuenames') ?? names(call, 'queuename'))?.map((name) => name.toLowerCase());
  const ids = numbers(call, 'queueids');
  const poolIds = numbers(call, 'poolids');
  const found = organization.queues
    .asOf(call.asOf)
    .inGroup(project.id)
    .filter(
      (it) =>
        (wanted === undefined || wanted.includes(it.name.toLowerCase())) &&
        (ids === undefined || ids.has(it.id)) &&
        (poolIds === undefined || poolIds.has(it.poolId)),
    );
  return collection(found.map((it) => queueWire(organization, it)));
}

function addQueue(call: Call): Answer {
  const { organization, context } = call;
  const project = organization.project(call.parameters['project']);
  const input = asObject(call.body);
  const given = asObject(input['pool']);
  const byName = textAt(given, 'name')?.toLowerCase();
  const id =
    integerAt(given, 'id') ?? [...organization.pools.values()].find((it) => it.name.toLowerCase() === byName)?.id;
  const { id: poolId, name: poolName } = organization.pool(id);
  const name = textAt(input, 'name') ?? poolName;
  if (organization.queues.inGroup(project.id).some((it) => it.name.toLowerCase() === name.toLowerCase())) {
    throw new Refusal(
      'TaskAgentQueueExistsException',
      `Agent queue ${name} already exists for project ${project.name}.`,
    );
  }
  const added: QueueRecord = {
    id: organization.nextId('queue'),
    projectId: project.id,
    poolId,
    name,
    ...(flag(call, 'authorizepipelines') && { openSince: context.clock.now() }),
    pipelines: {},
  };
  organization.queues.put(added);
  return { json: queueWire(organization, added) };
}

const permissions = ['/:project/_apis/pipelines/pipelinepermissions/queue/:queue{[0-9]+}'];

export const permissionOperations: Operation[] = [
  {
    name: 'PipelinePermissions_Get',
    method: 'GET',
    paths: permissions,
    run: (call) => ({ json: permissionsWire(call, queueOf(call)) }),
  },
  { name: 'PipelinePermissions_Update', method: 'PATCH', paths: permissions, run: authorize },
];

function permissionsWire(call: Call, of: QueueRecord) {
  const by = (at: number) => ({
    authorized: true,
    authorizedBy: { id: call.organization.record.id, displayName: 'Operator' },
    authorizedOn: new Date(at).toISOString(),
  });
  return {
    resource: { type: 'queue', id: String(of.id) },
    ...(of.openSince !== undefined && { allPipelines: by(of.openSince) }),
    pipelines: Object.entries(of.pipelines).map(([id, at]) => ({ id: Number(id), ...by(at) })),
  };
}

function authorize(call: Call): Answer {
  const before = queueOf(call);
  const input = asObject(call.body);
  const now = call.context.clock.now();
  const open = booleanAt(asObject(input['allPipelines']), 'authorized');
  const pipelines = { ...before.pipelines };
  for (const item of Array.isArray(input['pipelines']) ? input['pipelines'] : []) {
    const one = asObject(item);
    const id = toInteger(String(one['id']));
    if (id === undefined) continue;
    if (one['authorized'] === false) delete pipelines[id];
    else pipelines[id] ??= now;
  }
  const { openSince, ...rest } = before;
  const since = open === undefined ? openSince : open ? (openSince ?? now) : undefined;
  const after: QueueRecord = { ...rest, pipelines, ...(since !== undefined && { openSince: since }) };
  call.organization.queues.put(after);
  return { json: permissionsWire(call, after) };
}

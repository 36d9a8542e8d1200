import { demandText, parseDemand, satisfies } from './demands.ts';
import { Refusal } from './errors.ts';
import { asObject, bagAt, booleanAt, integerAt, requiredText, textAt, textsAt, type Input } from './input.ts';
import {
  agentOf,
  bagFor,
  collection,
  flag,
  names,
  poolOf,
  type Answer,
  type Call,
  type Operation,
} from './operation.ts';
import { requestGroup } from './organization.ts';
import type { AgentRecord, RequestRecord } from './records.ts';
import { agentWire, requestWriter } from './wire.ts';

const agents = ['/_apis/distributedtask/pools/:pool{[0-9]+}/agents'];
const agent = ['/_apis/distributedtask/pools/:pool{[0-9]+}/agents/:agent{[0-9]+}'];

export const agentOperations: Operation[] = [
  { name: 'Agents_List', method: 'GET', paths: agents, run: list },
  { name: 'Agents_Add', method: 'POST', paths: agents, run: add },
  { name: 'Agents_Get', method: 'GET', paths: agent, forAgents: true, run: get },
  { name: 'Agents_Replace', method: 'PUT', paths: agent, run: replace },
  { name: 'Agents_Update', method: 'PATCH', paths: agent, run: update },
  { name: 'Agents_Delete', method: 'DELETE', paths: agent, run: remove },
  {
    name: 'UserCapabilities_Update',
    method: 'PUT',
    paths: agent.map((path) => `${path}/usercapabilities`),
    run: updateUserCapabilities,
  },
];

/** Writes the agents of one pool, as the query asks for them. */
function writer(call: Call, poolId: number) {
  const { organization } = call;
  const held = new Map<number, RequestRecord>();
  const requests = organization.requests.asOf(call.asOf);
  const write = requestWriter(organization, call.baseUrl, organization.agents.asOf(call.asOf));
  const withAssigned = flag(call, 'includeassignedrequest');
  const withLast = flag(call, 'includelastcompletedrequest');
  const withCapabilities = flag(call, 'includecapabilities');
  const properties = names(call, 'propertyfilters');
  if (withAssigned) {
    for (const state of ['assigned', 'running'] as const) {
      for (const request of requests.inGroup(requestGroup(poolId, state))) {
        if (request.agent !== undefined) held.set(request.agent.id, request);
      }
    }
  }
  return (it: AgentRecord, withKey = false) => {
    const assigned = held.get(it.id);
    const last = withLast && it.lastRequestId !== undefined ? requests.get(it.lastRequestId) : undefined;
    return {
      ...agentWire(call.baseUrl, it),
      ...(withCapabilities && { systemCapabilities: it.systemCapabilities, userCapabilities: it.userCapabilities }),
      ...(assigned && { assignedRequest: write(assigned) }),
      ...(last && { lastCompletedRequest: write(last) }),
      ...(properties && { properties: bagFor(properties, it.properties) }),
      ...(withKey && it.clientId !== undefined && { authorization: authorization(call, it) }),
    };
  };
}

function authorization(call: Call, of: AgentRecord) {
  return { clientId: of.clientId, authorizationUrl: `${call.baseUrl}/_apis/oauth2/token`, publicKey: of.publicKey };
}

function list(call: Call): Answer {
  const { id } = poolOf(call);
  const name = call.query.get('agentname')?.toLowerCase();
  const demands = names(call, 'demands')?.map(parseDemand) ?? [];
  const found = call.organization.agents
    .asOf(call.asOf)
    .inGroup(String(id))
    .filter((it) => (name === undefined || name === '' || it.name.toLowerCase() === name) && satisfies(it, demands));
  const write = writer(call, id);
  return collection(found.map((it) => write(it)));
}

function get(call: Call): Answer {
  const found = agentOf(call);
  return { json: writer(call, found.poolId)(found, true) };
}

/** What a registration says of its agent: of a new one, or of one that takes the place of `before`. */
function read(call: Call, input: Input, id: number, poolId: number, before?: AgentRecord): AgentRecord {
  const { clock, chance } = call.context;
  const key = asObject(asObject(input['authorization'])['publicKey']);
  const [exponent, modulus] = [textAt(key, 'exponent'), textAt(key, 'modulus')];
  const now = clock.now();
  return {
    id,
    poolId,
    name: textAt(input, 'name') ?? before?.name ?? requiredText(input, 'name'),
    version: textAt(input, 'version') ?? before?.version ?? '',
    osDescription: textAt(input, 'osDescription') ?? before?.osDescription ?? '',
    enabled: booleanAt(input, 'enabled') ?? before?.enabled ?? true,
    online: false,
    createdAt: now,
    statusChangedAt: now,
    maxParallelism: integerAt(input, 'maxParallelism') ?? 1,
    systemCapabilities: textsAt(input, 'systemCapabilities') ?? {},
    userCapabilities: textsAt(input, 'userCapabilities') ?? before?.userCapabilities ?? {},
    properties: bagAt(input, 'properties'),
    ...(exponent !== undefined &&
      modulus !== undefined && {
        clientId: chance.uuid(),
        publicKey: { exponent, modulus },
      }),
  };
}

function requireFreeName(call: Call, poolId: number, name: string, except?: number): void {
  for (const other of call.organization.agents.inGroup(String(poolId))) {
    if (other.id === except || other.name.toLowerCase() !== name.toLowerCase()) continue;
    throw new Refusal(
      'TaskAgentExistsException',
      `Agent pool ${poolOf(call).name} already contains an agent with name ${other.name}.`,
    );
  }
}

function record(
  call: Call,
  of: AgentRecord,
  event: 'registered' | 'replaced' | 'enabled' | 'disabled' | 'removed',
): void {
  const { clock, ledger } = call.context;
  ledger.record({ kind: 'registration', at: clock.now(), poolId: of.poolId, agentId: of.id, name: of.name, event });
}

function add(call: Call): Answer {
  const { organization } = call;
  const { id: poolId } = poolOf(call);
  const input = asObject(call.body);
  requireFreeName(call, poolId, requiredText(input, 'name'));
  const added = read(call, input, organization.nextId('agent'), poolId);
  organization.agents.put(added);
  record(call, added, 'registered');
  return { json: { ...writer(call, poolId)(added, true), ...capabilitiesOf(added) } };
}

function capabilitiesOf(of: AgentRecord) {
  return { systemCapabilities: of.systemCapabilities, userCapabilities: of.userCapabilities };
}

/** A new key, a new client: whoever holds the earlier ones is out, also in the middle of a job. */
function replace(call: Call): Answer {
  const { organization, presence } = call;
  const before = agentOf(call);
  const input = asObject(call.body);
  requireFreeName(call, before.poolId, textAt(input, 'name') ?? before.name, before.id);
  presence.forget(before.id);
  const after = read(call, input, before.id, before.poolId, before);
  organization.agents.put(after);
  record(call, after, 'replaced');
  return { json: { ...writer(call, after.poolId)(after, true), ...capabilitiesOf(after) } };
}

function update(call: Call): Answer {
  const before = agentOf(call);
  const input = asObject(call.body);
  const name = textAt(input, 'name') ?? before.name;
  requireFreeName(call, before.poolId, name, before.id);
  const enabled = booleanAt(input, 'enabled') ?? before.enabled;
  const after: AgentRecord = {
    ...before,
    name,
    enabled,
    maxParallelism: integerAt(input, 'maxParallelism') ?? before.maxParallelism,
    properties: { ...before.properties, ...bagAt(input, 'properties') },
  };
  call.organization.agents.put(after);
  if (enabled !== before.enabled) record(call, after, enabled ? 'enabled' : 'disabled');
  call.jobs.poolChanged(after.poolId);
  return { json: writer(call, after.poolId)(after, true) };
}

function remove(call: Call): Answer {
  const found = agentOf(call);
  if (call.jobs.heldBy(found.id) !== undefined) {
    throw new Refusal(
      'TaskAgentJobStillRunningException',
      `Agent ${found.name} cannot be deleted while it is running a job. Wait for the job to end, or cancel it.`,
    );
  }
  removeAgent(call, found);
  return { status: 204 };
}

/** Removes the registration and ends its sessions. */
export function removeAgent(call: Call, of: AgentRecord): void {
  call.presence.forget(of.id);
  call.organization.agents.delete(of.id);
  record(call, of, 'removed');
}

function updateUserCapabilities(call: Call): Answer {
  const before = agentOf(call);
  const after: AgentRecord = { ...before, userCapabilities: textsAt({ given: call.body }, 'given') ?? {} };
  call.organization.agents.put(after);
  call.jobs.poolChanged(after.poolId);
  return { json: { ...writer(call, after.poolId)(after), ...capabilitiesOf(after) } };
}

/** The demands of a body, as text. */
export function demandsAt(input: Input): string[] {
  const given = input['demands'];
  return Array.isArray(given) ? given.map(demandText).filter((demand) => demand !== '') : [];
}

import { Refusal } from './errors.ts';
import { asObject, enumAt, integerAt, requiredText, textAt, textsAt, toInteger } from './input.ts';
import {
  agentOf,
  collection,
  flag,
  mayActFor,
  numbers,
  poolOf,
  type Answer,
  type Call,
  type Operation,
} from './operation.ts';
import { requestGroup } from './organization.ts';
import { jobMessage, cancellationMessage } from './messages.ts';
import { taskResults, type RequestRecord, type TaskResult } from './records.ts';
import { agentReference, requestWriter } from './wire.ts';

const sessions = ['/_apis/distributedtask/pools/:pool{[0-9]+}/sessions'];
const messages = ['/_apis/distributedtask/pools/:pool{[0-9]+}/messages'];
const requests = ['/_apis/distributedtask/pools/:pool{[0-9]+}/jobrequests'];
const request = ['/_apis/distributedtask/pools/:pool{[0-9]+}/jobrequests/:request{[0-9]+}'];

export const sessionOperations: Operation[] = [
  { name: 'Sessions_Create', method: 'POST', paths: sessions, forAgents: true, run: open },
  {
    name: 'Sessions_Delete',
    method: 'DELETE',
    paths: sessions.map((path) => `${path}/:session`),
    forAgents: true,
    run(call) {
      const found = call.presence.session(call.parameters['session'] ?? '');
      mayActFor(call, found.agentId);
      call.presence.close(found);
      return { status: 204 };
    },
  },
  { name: 'Messages_Get', method: 'GET', paths: messages, forAgents: true, run: poll },
  {
    name: 'Messages_Delete',
    method: 'DELETE',
    paths: messages.map((path) => `${path}/:message{[0-9]+}`),
    forAgents: true,
    run(call) {
      const found = call.presence.session(call.query.get('sessionid') ?? '');
      mayActFor(call, found.agentId);
      call.jobs.acknowledge(found.agentId, Number(call.parameters['message']));
      return { status: 204 };
    },
  },
];

function open(call: Call): Answer {
  const { id: poolId } = poolOf(call);
  const input = asObject(call.body);
  const agent = call.organization.agent(poolId, integerAt(asObject(input['agent']), 'id'));
  mayActFor(call, agent.id);
  const given = asObject(input['agent']);
  const version = textAt(given, 'version') ?? agent.version;
  const osDescription = textAt(given, 'osDescription') ?? agent.osDescription;
  const ownerName = requiredText(input, 'ownerName');
  const opened = call.presence.open(
    { ...agent, version, osDescription },
    { agentId: agent.id, poolId, ownerName, ...(call.machineId !== undefined && { machineId: call.machineId }) },
    textsAt(input, 'systemCapabilities'),
  );
  // No encryption key: messages are sent in clear, which the protocol allows.
  return {
    json: {
      sessionId: opened.id,
      ownerName,
      agent: agentReference(call.baseUrl, call.organization.agent(poolId, agent.id)),
      useFipsEncryption: false,
    },
  };
}

async function poll(call: Call): Promise<Answer> {
  const found = call.presence.session(call.query.get('sessionid') ?? '');
  mayActFor(call, found.agentId);
  const next = await call.presence.poll(found, toInteger(call.query.get('lastmessageid')) ?? 0, call.signal);
  if (next === undefined) return {};
  const { id, type } = next.message;
  const body = type === 'JobCancellation' ? cancellationMessage(next.request) : jobMessage(call, next.request);
  return { json: { messageId: id, messageType: type, body: JSON.stringify(body) } };
}

export const requestOperations: Operation[] = [
  { name: 'JobRequests_List', method: 'GET', paths: requests, run: list },
  { name: 'JobRequests_Get', method: 'GET', paths: request, forAgents: true, run: get },
  { name: 'JobRequests_Update', method: 'PATCH', paths: request, forAgents: true, run: update },
  {
    name: 'JobRequests_Delete',
    method: 'DELETE',
    paths: request,
    forAgents: true,
    run(call) {
      const found = requestOf(call);
      mayActFor(call, found.agent?.id, found.id);
      requireToken(call, found);
      call.jobs.finish(found, toResult(call.query.get('result')) ?? 'canceled');
      return { status: 204 };
    },
  },
];

/** Finished requests that a list without parameters shows. Not confirmed on a live organisation. */
const defaultCompleted = 25;

const resultNumbers = Object.fromEntries(taskResults.map((name, number) => [name, number])) as Record<
  TaskResult,
  number
>;

/** The result that a name in any case or a number spells. */
export function toResult(value: unknown): TaskResult | undefined {
  return enumAt({ value }, 'value', resultNumbers);
}

function requestOf(call: Call): RequestRecord {
  const { id: poolId } = poolOf(call);
  const found = call.organization.requests.get(call.parameters['request'] ?? '');
  if (found?.poolId === poolId) return found;
  throw new Refusal(
    'TaskAgentJobNotFoundException',
    `No job request found with identifier ${call.parameters['request']}.`,
  );
}

function list(call: Call): Answer {
  const { organization, query } = call;
  const { id: poolId } = poolOf(call);
  const view = organization.requests.asOf(call.asOf);
  const inState = (state: Parameters<typeof requestGroup>[1]) => view.inGroup(requestGroup(poolId, state));
  const unfinished = [...inState('queued'), ...inState('assigned'), ...inState('running')].toSorted(
    (a, b) => a.id - b.id,
  );
  const finished = () =>
    inState('finished').toSorted((a, b) => (b.finishedAt ?? 0) - (a.finishedAt ?? 0) || b.id - a.id);
  const write = requestWriter(organization, call.baseUrl, organization.agents.asOf(call.asOf));

  const planId = query.get('planid')?.toLowerCase();
  if (planId !== undefined && planId !== '') {
    const jobId = query.get('jobid')?.toLowerCase();
    const found = [...unfinished, ...finished()].filter(
      (it) => it.planId === planId && (jobId === undefined || jobId === '' || it.jobId === jobId),
    );
    return collection(found.map(write));
  }

  const top = toInteger(query.get('$top'));
  if (top !== undefined)
    return page([...unfinished, ...finished()], top, toInteger(query.get('continuationtoken')), write);

  const agentIds = numbers(call, 'agentids');
  const of = (it: RequestRecord): boolean =>
    agentIds === undefined || (it.agent !== undefined && agentIds.has(it.agent.id));
  const count = toInteger(query.get('completedrequestcount')) ?? defaultCompleted;
  const ended = count > 0 ? finished().filter(of).slice(0, count) : [];
  return collection([...unfinished.filter(of), ...ended].map(write));
}

/**
 * With `$top`, a live server answers newest first, in pages, and without `matchedAgents`: KEDA had to stop using it
 * for that reason (kedacore/keda #4387).
 */
function page(
  all: RequestRecord[],
  top: number,
  before: number | undefined,
  write: ReturnType<typeof requestWriter>,
): Answer {
  const sorted = all.filter((it) => before === undefined || it.id < before).toSorted((a, b) => b.id - a.id);
  const shown = sorted.slice(0, top);
  const last = shown.at(-1);
  return {
    ...collection(shown.map((it) => ({ ...write(it), matchedAgents: undefined }))),
    ...(last && sorted.length > shown.length && { headers: { 'x-ms-continuationtoken': String(last.id) } }),
  };
}

function get(call: Call): Answer {
  const found = requestOf(call);
  const { organization } = call;
  const written = requestWriter(organization, call.baseUrl, organization.agents)(found);
  if (!flag(call, 'includestatus') || found.agent !== undefined) return { json: written };
  const ahead = organization.requests
    .inGroup(requestGroup(found.poolId, 'queued'))
    .filter(
      (it) =>
        it.build.priority < found.build.priority || (it.build.priority === found.build.priority && it.id < found.id),
    );
  return {
    json: { ...written, statusMessage: `Waiting for an available agent. Position in queue: ${ahead.length + 1}` },
  };
}

function requireToken(call: Call, found: RequestRecord): void {
  const given = call.query.get('locktoken')?.toLowerCase();
  if (found.lockToken !== undefined && given === found.lockToken) return;
  throw new Refusal(
    'TaskAgentJobTokenExpiredException',
    `The job request ${found.id} is not locked with the token ${given}.`,
  );
}

/** Renews the lock; with a result or a finish time, ends the request. */
function update(call: Call): Answer {
  const { organization } = call;
  const found = requestOf(call);
  mayActFor(call, found.agent?.id, found.id);
  requireToken(call, found);
  const input = asObject(call.body);
  const ends = (input['finishTime'] ?? input['result'] ?? undefined) !== undefined;
  const after = ends
    ? call.jobs.finish(found, toResult(input['result']) ?? 'succeeded')
    : call.jobs.renew(found, call.machineId);
  return { json: requestWriter(organization, call.baseUrl, organization.agents)(after) };
}

/** Refreshes an agent's software on a live server; there is nothing newer here. */
export const refreshOperation: Operation = {
  name: 'Agents_Refresh',
  method: 'POST',
  paths: messages,
  run(call) {
    if (call.query.has('agentid'))
      agentOf({ ...call, parameters: { ...call.parameters, agent: call.query.get('agentid') } });
    else poolOf(call);
    return {};
  },
};

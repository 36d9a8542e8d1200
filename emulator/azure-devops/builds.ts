import { demandsAt } from './agents.ts';
import { parseDemand, satisfies } from './demands.ts';
import { Refusal } from './errors.ts';
import { asObject, enumAt, integerAt, textAt, toEnum, toInteger, type Input } from './input.ts';
import { collection, numbers, type Answer, type Call, type Operation } from './operation.ts';
import { newPlan } from './plans.ts';
import type { DefinitionRecord, PoolRecord, QueueRecord, RequestRecord } from './records.ts';
import { buildWire, statusOf, timelineWire } from './build-wire.ts';
import { buildStatuses, priorities } from './build-wire.ts';
import { stageOperations } from './stages.ts';
import { buildTagOperations } from './build-tags.ts';
import { workOf } from './workload.ts';
import { time } from './wire.ts';

const builds = ['/:project/_apis/build/builds'];
const build = ['/:project/_apis/build/builds/:build{[0-9]+}', '/_apis/build/builds/:build{[0-9]+}'];
const below = (rest: string) => build.map((path) => path + rest);

export const buildOperations: Operation[] = [
  { name: 'Builds_List', method: 'GET', paths: builds, run: list },
  { name: 'Builds_Queue', method: 'POST', paths: builds, run: queue },
  { name: 'Builds_Get', method: 'GET', paths: build, run: (call) => ({ json: buildWire(call, buildOf(call)) }) },
  { name: 'Builds_Update', method: 'PATCH', paths: build, run: update },
  { name: 'Timeline_Get', method: 'GET', paths: below('/timeline'), run: timeline },
  { name: 'Timeline_Get', method: 'GET', paths: below('/timeline/:timeline'), run: timeline },
  { name: 'BuildLogs_List', method: 'GET', paths: below('/logs'), run: listLogs },
  { name: 'BuildLogs_Get', method: 'GET', paths: below('/logs/:log{[0-9]+}'), run: getLog },
  ...buildTagOperations(below, buildOf),
  ...stageOperations(below, buildOf),
];

function buildOf(call: Call): RequestRecord {
  const project =
    call.parameters['project'] === undefined ? undefined : call.organization.project(call.parameters['project']);
  const id = Number(call.parameters['build']);
  const found = call.organization.requests.get(call.organization.requestOfBuild(id) ?? 0);
  if (found !== undefined && (project === undefined || found.build.projectId === project.id)) return found;
  throw new Refusal('BuildNotFoundException', `The requested build ${id} could not be found.`);
}

/** `all` of these is a mask of clients: each other member is one bit. */
function matchesStatus(filter: string | undefined, request: RequestRecord): boolean {
  if (filter === undefined || filter === '' || filter === 'all') return true;
  const mask = toInteger(filter);
  const status = statusOf(request);
  if (mask !== undefined) return (buildStatuses[status] & mask) !== 0;
  return filter.split(',').some((part) => toEnum(part.trim(), buildStatuses) === status);
}

function list(call: Call): Answer {
  const { organization, query } = call;
  const project = organization.project(call.parameters['project']);
  const definitions = numbers(call, 'definitions');
  const ids = numbers(call, 'buildids');
  const queues = numbers(call, 'queues');
  const found = [...organization.requests.asOf(call.asOf).values()].filter(
    ({ build: it, ...request }) =>
      it.projectId === project.id &&
      organization.requestOfBuild(it.id) === request.id &&
      (definitions === undefined || definitions.has(it.definitionId)) &&
      (ids === undefined || ids.has(it.id)) &&
      (queues === undefined || queues.has(request.queueId)) &&
      matchesStatus(query.get('statusfilter'), { ...request, build: it }),
  );
  const { by, ascending } = orderOf(query.get('queryorder'));
  found.sort((a, b) => (ascending ? 1 : -1) * (by(a) - by(b) || a.build.id - b.build.id));
  const from = toInteger(query.get('continuationtoken')) ?? 0;
  const top = toInteger(query.get('$top')) ?? 1_000;
  const shown = found.slice(from, from + top);
  return {
    ...collection(shown.map((it) => buildWire(call, it))),
    ...(found.length > from + top && { headers: { 'x-ms-continuationtoken': String(from + top) } }),
  };
}

const orders = {
  finishTimeAscending: 2,
  finishTimeDescending: 3,
  queueTimeDescending: 4,
  queueTimeAscending: 5,
  startTimeDescending: 6,
  startTimeAscending: 7,
} as const;

function orderOf(given: string | undefined): { by: (request: RequestRecord) => number; ascending: boolean } {
  const order = toEnum(given, orders) ?? 'queueTimeDescending';
  const by = order.startsWith('finish')
    ? (it: RequestRecord) => it.finishedAt ?? Number.MAX_SAFE_INTEGER
    : order.startsWith('start')
      ? (it: RequestRecord) => it.receivedAt ?? Number.MAX_SAFE_INTEGER
      : (it: RequestRecord) => it.queuedAt;
  return { by, ascending: order.endsWith('Ascending') };
}

/** Refuses a build the way the product's page does, with what is wrong beside the message. */
function invalid(message: string): Refusal {
  return new Refusal(
    'BuildRequestValidationFailedException',
    `Could not queue the build because there were validation errors or warnings. ${message}`,
    { customProperties: { ValidationResults: [{ result: 'error', message }] } },
  );
}

function definitionOf(call: Call, projectId: string, given: Input): DefinitionRecord {
  const name = textAt(given, 'name')?.toLowerCase();
  const id = integerAt(given, 'id');
  for (const it of call.organization.definitions.values()) {
    if (it.projectId === projectId && (id === undefined ? it.name.toLowerCase() === name : it.id === id)) return it;
  }
  throw new Refusal('DefinitionNotFoundException', `The pipeline ${id ?? name} could not be found.`);
}

function queueFor(call: Call, projectId: string, given: Input): QueueRecord {
  const id = integerAt(given, 'id');
  const name = textAt(given, 'name')?.toLowerCase();
  for (const it of call.organization.queues.inGroup(projectId)) {
    if (id === undefined ? it.name.toLowerCase() === name : it.id === id) return it;
  }
  throw invalid(`Could not find a queue with the identifier ${id ?? name}.`);
}

/**
 * A job that no registered agent could ever run is refused; whether such an agent is online, enabled or free does not
 * matter. That is why pools that start machines on demand keep a placeholder registered.
 */
function requireCapableAgent(call: Call, pool: PoolRecord, demands: readonly string[], requestId: number): void {
  const agents = call.organization.agents.inGroup(String(pool.id));
  const parsed = demands.map(parseDemand);
  if (agents.some((agent) => satisfies(agent, parsed))) return;
  const { clock, ledger } = call.context;
  ledger.record({ kind: 'job', at: clock.now(), requestId, poolId: pool.id, event: 'refused' });
  throw invalid(`No agent found in pool ${pool.name} which satisfies the following demands: ${demands.join(', ')}.`);
}

/** What every job of a task demands; the number is an ordinary one of today's tasks. */
const agentVersionDemand = 'Agent.Version -gtVersion 2.182.1';

function queue(call: Call): Answer {
  const { organization, context } = call;
  const { chance, clock } = context;
  const project = organization.project(call.parameters['project']);
  const input = asObject(call.body);
  const definition = definitionOf(call, project.id, asObject(input['definition']));
  const onto = queueFor(call, project.id, asObject(input['queue']));
  const given = demandsAt(input);
  const versioned = given.some((demand) => parseDemand(demand).name.toLowerCase() === 'agent.version');
  const demands = versioned ? given : [...given, agentVersionDemand];
  const id = organization.nextId('request');
  requireCapableAgent(call, organization.pool(onto.poolId), demands, id);
  const parameters = textAt(input, 'parameters');
  const buildId = organization.nextId('build');
  const now = clock.now();
  const request: RequestRecord = {
    id,
    poolId: onto.poolId,
    queueId: onto.id,
    demands,
    queuedAt: now,
    jobId: chance.uuid(),
    planId: chance.uuid(),
    timelineId: chance.uuid(),
    work: workOf(parameters, chance),
    messages: [],
    build: {
      id: buildId,
      number: `${new Date(now).toISOString().slice(0, 10).replaceAll('-', '')}.${buildId}`,
      projectId: project.id,
      definitionId: definition.id,
      priority: priorities[enumAt(input, 'priority', priorities) ?? 'normal'],
      reason: 'manual',
      sourceBranch: textAt(input, 'sourceBranch') ?? 'refs/heads/main',
      ...(parameters !== undefined && { parameters }),
      demands: given,
      requestedBy: 'Operator',
    },
  };
  organization.plans.put(newPlan(request));
  call.jobs.queue(request);
  return { json: buildWire(call, request) };
}

function update(call: Call): Answer {
  const found = buildOf(call);
  const status = enumAt(asObject(call.body), 'status', buildStatuses);
  if (status !== 'cancelling' && status !== 'completed') return { json: buildWire(call, found) };
  return { json: buildWire(call, call.jobs.cancel(found)) };
}

function timeline(call: Call): Answer {
  const request = buildOf(call);
  const plan = call.organization.plans.get(request.planId) ?? newPlan(request);
  return { json: timelineWire(call, request, plan) };
}

function logsOf(call: Call) {
  const request = buildOf(call);
  return { request, logs: call.organization.plans.get(request.planId)?.logs ?? [] };
}

function listLogs(call: Call): Answer {
  const { request, logs } = logsOf(call);
  return collection(
    logs.map((log) => ({
      id: log.id,
      type: 'Container',
      lineCount: log.lines.length,
      createdOn: time(log.createdAt),
      lastChangedOn: time(log.changedAt),
      url: `${call.baseUrl}/${request.build.projectId}/_apis/build/builds/${request.build.id}/logs/${log.id}`,
    })),
  );
}

function getLog(call: Call): Answer {
  const id = Number(call.parameters['log']);
  const log = logsOf(call).logs.find((it) => it.id === id);
  if (log === undefined) throw new Refusal('BuildNotFoundException', `The build has no log ${id}.`);
  const start = toInteger(call.query.get('startline')) ?? 0;
  const lines = log.lines.slice(start, (toInteger(call.query.get('endline')) ?? log.lines.length) + 1);
  return call.accept.includes('application/json') ? collection(lines) : { text: `${lines.join('\n')}\n` };
}

const definitions = ['/:project/_apis/build/definitions'];

export const definitionOperations: Operation[] = [
  {
    name: 'Definitions_List',
    method: 'GET',
    paths: definitions,
    run(call) {
      const project = call.organization.project(call.parameters['project']);
      const name = call.query.get('name')?.toLowerCase();
      const ids = numbers(call, 'definitionids');
      const found = [...call.organization.definitions.values()].filter(
        (it) =>
          it.projectId === project.id &&
          (name === undefined || name === '' || it.name.toLowerCase() === name) &&
          (ids === undefined || ids.has(it.id)),
      );
      return collection(found.map((it) => definitionWire(call, it)));
    },
  },
  {
    name: 'Definitions_Get',
    method: 'GET',
    paths: definitions.map((path) => `${path}/:definition{[0-9]+}`),
    run(call) {
      const project = call.organization.project(call.parameters['project']);
      const found = definitionOf(call, project.id, { id: call.parameters['definition'] });
      return {
        json: { ...definitionWire(call, found), process: { type: 1, phases: [{ name: 'Job', refName: 'Job_1' }] } },
      };
    },
  },
];

function definitionWire(call: Call, definition: DefinitionRecord) {
  const project = call.organization.projects.get(definition.projectId);
  return {
    id: definition.id,
    name: definition.name,
    path: '\\',
    type: 'build',
    quality: 'definition',
    queueStatus: 'enabled',
    revision: 1,
    createdDate: time(definition.createdAt),
    url: `${call.baseUrl}/${definition.projectId}/_apis/build/definitions/${definition.id}`,
    project: { id: definition.projectId, name: project?.name },
  };
}

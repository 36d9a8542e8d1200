import { Refusal } from './errors.ts';
import { asList, asObject, requiredText, textAt } from './input.ts';
import { collection, mayActFor, type Answer, type Call, type Operation } from './operation.ts';
import type { PlanRecord, RequestRecord } from './records.ts';
import { toResult } from './sessions.ts';
import { time } from './wire.ts';

const plan = '/:scope/_apis/distributedtask/hubs/:hub/plans/:plan';
const records = `${plan}/timelines/:timeline/records`;

/** What a running job reports. */
export const planOperations: Operation[] = [
  {
    name: 'Records_List',
    method: 'GET',
    paths: [records],
    forAgents: true,
    run: (call) => collection(planOf(call).plan.records),
  },
  { name: 'Records_Update', method: 'PATCH', paths: [records], forAgents: true, run: updateRecords },
  {
    name: 'Feed_Append',
    method: 'POST',
    paths: [`${records}/:record/feed`],
    forAgents: true,
    run(call) {
      // Lines for those who watch at this moment; what lasts is the log.
      planOf(call);
      return { status: 200 };
    },
  },
  { name: 'PlanLogs_Create', method: 'POST', paths: [`${plan}/logs`], forAgents: true, run: createLog },
  { name: 'PlanLogs_Append', method: 'POST', paths: [`${plan}/logs/:log{[0-9]+}`], forAgents: true, run: appendLog },
  { name: 'Events_Post', method: 'POST', paths: [`${plan}/events`], forAgents: true, run: postEvent },
];

/** A plan without reports. */
export function newPlan(request: RequestRecord): PlanRecord {
  return { id: request.planId, requestId: request.id, changeId: 1, changedAt: request.queuedAt, records: [], logs: [] };
}

function planOf(call: Call): { plan: PlanRecord; request: RequestRecord } {
  const found = call.organization.plans.get(call.parameters['plan'] ?? '');
  const request = found && call.organization.requests.get(found.requestId);
  if (found !== undefined && request !== undefined) {
    mayActFor(call, request.agent?.id, request.id);
    return { plan: found, request };
  }
  throw new Refusal(
    'TaskOrchestrationPlanNotFoundException',
    `No plan found with identifier ${call.parameters['plan']}.`,
  );
}

function change(call: Call, before: PlanRecord, changes: Partial<PlanRecord>): PlanRecord {
  const changedAt = call.context.clock.now();
  const after: PlanRecord = { ...before, ...changes, changeId: before.changeId + 1, changedAt };
  call.organization.plans.put(after);
  return after;
}

function updateRecords(call: Call): Answer {
  const { plan: before } = planOf(call);
  const merged = new Map(before.records.map((record) => [record['id'], record]));
  const touched: unknown[] = [];
  for (const item of asList(call.body)) {
    const given = asObject(item);
    const id = requiredText(given, 'id').toLowerCase();
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
    const record = { ...merged.get(id), ...set, id, changeId: before.changeId + 1 };
    merged.set(id, record);
    touched.push(record);
  }
  change(call, before, { records: [...merged.values()] });
  return collection(touched);
}

function logWire(call: Call, log: PlanRecord['logs'][number]) {
  return {
    id: log.id,
    path: log.path,
    createdOn: time(log.createdAt),
    lastChangedOn: time(log.changedAt),
    lineCount: log.lines.length,
    location: `${call.baseUrl}/_apis/distributedtask/logs/${log.id}`,
  };
}

function createLog(call: Call): Answer {
  const { plan: before } = planOf(call);
  const now = call.context.clock.now();
  const path = textAt(asObject(call.body), 'path') ?? '';
  const log = { id: before.logs.length + 1, path, createdAt: now, changedAt: now, lines: [] };
  change(call, before, { logs: [...before.logs, log] });
  return { json: logWire(call, log) };
}

function appendLog(call: Call): Answer {
  const { plan: before } = planOf(call);
  const id = Number(call.parameters['log']);
  const found = before.logs.find((log) => log.id === id);
  if (found === undefined) {
    throw new Refusal('TaskOrchestrationPlanLogNotFoundException', `No log found with identifier ${id}.`);
  }
  const lines = call.text.replace(/\r?\n$/, '').split(/\r?\n/);
  const after = { ...found, changedAt: call.context.clock.now(), lines: [...found.lines, ...lines] };
  change(call, before, { logs: before.logs.map((log) => (log.id === id ? after : log)) });
  return { json: logWire(call, after) };
}

/** Of the events of a plan, only the end of its job means something here. */
function postEvent(call: Call): Answer {
  const { request } = planOf(call);
  const event = asObject(call.body);
  if (textAt(event, 'name') === 'JobCompleted') call.jobs.finish(request, toResult(event['result']) ?? 'succeeded');
  return { status: 204 };
}

import { createHash } from 'node:crypto';
import { asObject, toEnum } from './input.ts';
import type { Call } from './operation.ts';
import { stateOf, taskResults, type PlanRecord, type RequestRecord } from './records.ts';
import { operatorOf, projectWire, queueWire, time } from './wire.ts';

/** The numbers of the typed clients. */
export const buildStatuses = {
  none: 0,
  inProgress: 1,
  completed: 2,
  cancelling: 4,
  postponed: 8,
  notStarted: 32,
} as const;

/** A lower number goes first. */
export const priorities = { high: 1, aboveNormal: 2, normal: 3, belowNormal: 4, low: 5 } as const;

const timelineStates = { pending: 0, inProgress: 1, completed: 2 } as const;

/** The status of the build, which has one job. */
export function statusOf(request: RequestRecord): keyof typeof buildStatuses {
  const state = stateOf(request);
  if (state === 'finished') return 'completed';
  if (request.build.cancelRequestedAt !== undefined) return 'cancelling';
  return state === 'queued' ? 'notStarted' : 'inProgress';
}

/** The result of a build, from the result of its job. */
function resultOf(request: RequestRecord): string | undefined {
  if (request.result === undefined) return undefined;
  if (request.result === 'succeededWithIssues') return 'partiallySucceeded';
  return request.result === 'abandoned' || request.result === 'skipped' ? 'failed' : request.result;
}

export function buildWire(call: Call, request: RequestRecord) {
  const { organization, baseUrl } = call;
  const { build } = request;
  const project = organization.projects.get(build.projectId);
  const queue = organization.queues.get(request.queueId);
  const definition = organization.definitions.get(build.definitionId);
  const self = `${baseUrl}/${build.projectId}/_apis/build/builds/${build.id}`;
  const operator = operatorOf(organization);
  return {
    _links: {
      self: { href: self },
      web: { href: `${baseUrl}/${build.projectId}/_build/results?buildId=${build.id}` },
      timeline: { href: `${self}/timeline` },
    },
    id: build.id,
    buildNumber: build.number,
    status: statusOf(request),
    result: resultOf(request),
    queueTime: time(request.queuedAt),
    startTime: time(request.assignedAt),
    finishTime: time(request.finishedAt),
    url: self,
    definition: definition && { id: definition.id, name: definition.name, path: '\\', type: 'build', revision: 1 },
    project: project && projectWire(baseUrl, project),
    queue: queue && queueWire(organization, queue),
    orchestrationPlan: { planId: request.planId },
    plans: [{ planId: request.planId }],
    priority: toEnum(String(build.priority), priorities),
    reason: build.reason,
    sourceBranch: build.sourceBranch,
    parameters: build.parameters,
    demands: build.demands,
    tags: build.tags ?? [],
    requestedBy: operator,
    requestedFor: operator,
    lastChangedBy: operator,
    lastChangedDate: time(request.finishedAt ?? build.cancelRequestedAt ?? request.assignedAt ?? request.queuedAt),
  };
}

/** What a lost agent leaves behind; the words are those that developers know from the product's page. */
function issuesOf(request: RequestRecord): unknown[] {
  if (request.result !== 'abandoned') return [];
  const message = `We stopped hearing from agent ${request.agent?.name}. Verify the agent machine is running and has a healthy network connection.`;
  return [{ type: 'error', category: 'General', message }];
}

/** The server's own record of the job, with what its agent reported laid under it. */
export function timelineWire(call: Call, request: RequestRecord, plan: PlanRecord) {
  const { baseUrl } = call;
  const logUrl = `${baseUrl}/${request.build.projectId}/_apis/build/builds/${request.build.id}/logs`;
  const state = { queued: 'pending', assigned: 'pending', running: 'inProgress', finished: 'completed' }[
    stateOf(request)
  ];
  const issues = issuesOf(request);
  const stage = stageRecords(request, state, plan.changeId);
  const attempt = attemptOf(request);
  const job = {
    id: request.jobId,
    parentId: stage.phase.id,
    type: 'Job',
    name: 'Job',
    refName: 'Job_1',
    identifier: 'Job_1',
    startTime: time(request.receivedAt),
    finishTime: time(request.finishedAt),
    state,
    result: request.result,
    workerName: request.agent?.name,
    queueId: request.queueId,
    attempt,
    previousAttempts: stage.previousAttempts('Job'),
    changeId: plan.changeId,
    errorCount: issues.length,
    warningCount: 0,
    issues,
  };
  const reported = plan.records.find((record) => record['id'] === request.jobId) ?? {};
  const others = plan.records.filter((record) => record['id'] !== request.jobId);
  return {
    id: request.timelineId,
    changeId: plan.changeId,
    lastChangedOn: time(plan.changedAt),
    lastChangedBy: call.organization.record.id,
    url: `${baseUrl}/${request.build.projectId}/_apis/build/builds/${request.build.id}/timeline/${request.timelineId}`,
    records: [
      shown({ ...reported, ...defined(job) }, logUrl),
      ...others.map((record) => shown(record, logUrl)),
      defined(stage.phase),
      defined(stage.stage),
    ],
  };
}

/** Which run of its stage a request is, from one on. */
export function attemptOf({ build }: RequestRecord): number {
  return (build.previousAttempts?.length ?? 0) + 1;
}

/** The name that a pipeline without stages of its own gives to its one stage. */
export const stageName = '__default';

/** Stage and phase of the one job. They keep their ids when the stage is run again, and count its runs. */
function stageRecords(request: RequestRecord, state: string, changeId: number) {
  const ids = { Stage: stableId(request, 'Stage'), Phase: stableId(request, 'Phase') };
  const previousAttempts = (type: 'Stage' | 'Phase' | 'Job') =>
    (request.build.previousAttempts ?? []).map(({ attempt, timelineId, jobId }) => ({
      attempt,
      timelineId,
      recordId: type === 'Job' ? jobId : ids[type],
    }));
  const record = (type: 'Stage' | 'Phase', parentId: string | null, name: string) => ({
    id: ids[type],
    parentId,
    type,
    name,
    refName: name,
    identifier: name,
    startTime: time(request.assignedAt),
    finishTime: time(request.finishedAt),
    state,
    result: request.result === 'abandoned' ? 'failed' : request.result,
    attempt: attemptOf(request),
    previousAttempts: previousAttempts(type),
    changeId,
    errorCount: 0,
    warningCount: 0,
    issues: [],
  });
  return {
    stage: record('Stage', null, stageName),
    phase: record('Phase', ids.Stage, 'Job_1'),
    previousAttempts,
  };
}

function stableId({ build }: RequestRecord, type: string): string {
  const hash = createHash('sha256').update(`${build.projectId}/${build.id}/${type}`).digest('hex');
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join('-');
}

function defined(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

/** Agents send numbers for enums; readers get names, and the address of the log. */
function shown(record: Record<string, unknown>, logUrl: string): Record<string, unknown> {
  const { id } = asObject(record['log']);
  const { result } = record;
  return {
    ...record,
    state: toEnum(String(record['state']), timelineStates),
    ...(result !== undefined && { result: typeof result === 'number' ? taskResults[result] : result }),
    ...(typeof id === 'number' && { log: { id, type: 'Container', url: `${logUrl}/${id}` } }),
  };
}

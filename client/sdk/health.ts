import { type Client, type Connection, ScheduleNotFoundError } from '@temporalio/client';
import type { AuditReport } from '../../domain/audit/report.ts';
import { workflowTypes } from '../../domain/messages.ts';
import { auditScheduleId, searchAttributeNames, taskQueues } from '../../domain/names.ts';
import type { Audits } from './audits.ts';
import { asOdpError } from './error.ts';
import { listWorkflows, where } from './visibility.ts';

/** What is checked. */
export type HealthArea = 'engine' | 'workers' | 'audit' | 'cloud' | 'invariant';

/** One line of what a doctor says. */
export interface HealthCheck {
  area: HealthArea;
  name: string;
  /** `notVisible`: it could not be told; that alone makes nothing unhealthy. */
  status: 'ok' | 'breached' | 'notVisible';
  detail: string;
  /** What it is about, where something is broken: ARM ids, workflow ids, agents. */
  subjects?: string[];
}

/** How an installation is. */
export interface Health {
  healthy: boolean;
  checks: HealthCheck[];
}

/** What an examination needs to know of the installation. */
export interface HealthOptions {
  namespace: string;
  /** Whether the installation document wants audits by schedule, and how often; milliseconds. */
  scheduled: boolean;
  everyMs: number;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`; rejects when the operator gives up. */
  wait(ms: number): Promise<void>;
}

/** `temporal.api.enums.v1.TaskQueueType` on the wire. */
const queueTypes = { workflow: 1, activity: 2 } as const;

/** `temporal.api.enums.v1.IndexedValueType`: Keyword. */
const keyword = 2;

/** A worker that did not ask for tasks for this long has gone: each asks at least once a minute. */
const pollerMs = 90_000;

/** The longest wait for a worker's look. */
const lookMs = 5 * 60_000;

/** Reads, and changes nothing: the engine, the workers, the last audit, then one look at the clouds. */
export async function examine(
  { client, audits }: { client: Client; audits: Audits },
  options: HealthOptions,
): Promise<Health> {
  const checks: HealthCheck[] = [];
  const tell = async (area: HealthArea, name: string, work: () => Promise<Omit<HealthCheck, 'area' | 'name'>>) => {
    try {
      checks.push({ area, name, ...(await work()) });
    } catch (error) {
      const { code, message } = asOdpError(error);
      // What only operators of the engine may read says nothing about the installation.
      const hidden = code === 'AuthorizationFailed' || message.includes('UNIMPLEMENTED');
      checks.push({ area, name, status: hidden ? 'notVisible' : 'breached', detail: `${code}: ${message}` });
    }
    return checks.at(-1)?.status;
  };
  const connection = client.connection as Connection;

  await tell('engine', 'namespace', async () => {
    await connection.workflowService.describeNamespace({ namespace: options.namespace });
    return { status: 'ok', detail: options.namespace };
  });
  await tell('engine', 'search attributes', () => searchAttributes(connection, options.namespace));
  let polled = true;
  for (const [name, taskQueue] of Object.entries(taskQueues)) {
    const type = taskQueue === taskQueues.workflows ? queueTypes.workflow : queueTypes.activity;
    const status = await tell('workers', `task queue ${taskQueue}`, () =>
      pollers(connection, { namespace: options.namespace, taskQueue, type, now: options.now() }),
    );
    if (name === 'workflows' || name === 'azure') polled &&= status === 'ok';
  }
  await tell('audit', 'schedule', () => schedule(client, options));
  await tell('audit', 'last audit', () => lastAudit(client, options));
  if (polled) checks.push(...(await look(audits, options)));
  else checks.push({ area: 'cloud', name: 'look', status: 'notVisible', detail: 'No worker could look.' });
  return { healthy: checks.every(({ status }) => status !== 'breached'), checks };
}

async function searchAttributes(
  connection: Connection,
  namespace: string,
): Promise<Omit<HealthCheck, 'area' | 'name'>> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = searchAttributeNames.filter((name) => customAttributes[name] !== keyword);
  if (missing.length === 0) return { status: 'ok', detail: `${searchAttributeNames.length} registered` };
  return { status: 'breached', detail: 'missing, or not of type Keyword', subjects: missing };
}

async function pollers(
  connection: Connection,
  { namespace, taskQueue, type, now }: { namespace: string; taskQueue: string; type: number; now: number },
): Promise<Omit<HealthCheck, 'area' | 'name'>> {
  const answer = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: type,
  });
  const recent = (answer.pollers ?? []).filter(
    ({ lastAccessTime }) => now - Number(lastAccessTime?.seconds ?? 0) * 1_000 <= pollerMs,
  );
  const workers = new Set(recent.map(({ identity }) => identity));
  if (workers.size === 0) return { status: 'breached', detail: 'no worker asks for tasks' };
  return { status: 'ok', detail: `${workers.size} ${workers.size === 1 ? 'worker' : 'workers'}` };
}

async function schedule(
  client: Client,
  { scheduled, everyMs }: HealthOptions,
): Promise<Omit<HealthCheck, 'area' | 'name'>> {
  if (!scheduled) return { status: 'ok', detail: 'turned off by the installation document' };
  try {
    const { state } = await client.schedule.getHandle(auditScheduleId).describe();
    if (state.paused) return { status: 'breached', detail: `paused: ${state.note ?? 'without a note'}` };
    return { status: 'ok', detail: `every ${Math.round(everyMs / 60_000)} minutes` };
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    return { status: 'breached', detail: 'missing; a worker makes it at its start' };
  }
}

async function lastAudit(
  client: Client,
  { scheduled, everyMs, now }: HealthOptions,
): Promise<Omit<HealthCheck, 'area' | 'name'>> {
  const query = where({ WorkflowType: workflowTypes.audit, ExecutionStatus: 'Completed' });
  for (const { workflowId, runId, closeTime } of await listWorkflows(client, query, 20)) {
    const report = (await client.workflow.getHandle(workflowId, runId).result()) as AuditReport;
    if (report.dryRun) continue;
    const age = now() - (closeTime?.getTime() ?? 0);
    const detail = `${report.outcome}, ${Math.round(age / 1_000)} s ago`;
    const failed = report.repairs.filter(({ outcome }) => outcome === 'failed' || outcome === 'notApproved');
    const late = scheduled && age > 4 * everyMs + 60_000;
    if (late) return { status: 'breached', detail: `${detail}; none since` };
    const bad = ['incomplete', 'notApproved', 'unfinished'].includes(report.outcome);
    const subjects = [...failed.map(({ subject }) => subject), ...report.problems.map(({ where: place }) => place)];
    return { status: bad ? 'breached' : 'ok', detail, ...(bad && subjects.length > 0 ? { subjects } : {}) };
  }
  return { status: 'notVisible', detail: 'none has ended yet' };
}

/** One look by a worker: whether Azure and Azure DevOps accept its credentials, and the invariants. */
async function look(audits: Audits, { now, wait }: HealthOptions): Promise<HealthCheck[]> {
  const seen = (status: HealthCheck['status'], detail: string, subjects?: string[]): HealthCheck => ({
    area: 'cloud',
    name: 'look',
    status,
    detail,
    ...(subjects ? { subjects } : {}),
  });
  try {
    const started = await audits.start({ check: true });
    const deadline = now() + lookMs;
    let details = await audits.show(started);
    while (details.phase !== 'done') {
      if (now() > deadline) return [seen('breached', 'no worker looked within five minutes')];
      await wait(500);
      details = await audits.show(started);
    }
    const { problems, counts, checks = [] } = details.report;
    const what = `${counts.resources} resources, ${counts.registrations} registrations, ${counts.agents} agents, ${counts.leases} leases`;
    return [
      problems.length === 0
        ? seen('ok', what)
        : seen('breached', problems.map(({ code, message }) => `${code}: ${message}`).join(' '), [
            ...new Set(problems.map(({ where: place }) => place)),
          ]),
      {
        area: 'cloud',
        name: 'tags',
        status: counts.unrecognised === 0 ? 'ok' : 'breached',
        detail:
          counts.unrecognised === 0
            ? 'every resource with our tag tells whose it is'
            : `${counts.unrecognised} resources carry our tag and do not tell whose they are; nothing deletes them`,
      },
      ...checks.map(({ name, promise, status, breaches, more }): HealthCheck => ({
        area: 'invariant',
        name,
        status,
        detail:
          status === 'breached'
            ? `${breaches[0]?.message ?? promise}${breaches.length + more > 1 ? ` And ${breaches.length + more - 1} more.` : ''}`
            : promise,
        ...(breaches.length > 0 ? { subjects: breaches.map(({ subject }) => subject) } : {}),
      })),
    ];
  } catch (error) {
    const { code, message } = asOdpError(error);
    if (code === 'Interrupted') throw error;
    return [seen('breached', `${code}: ${message}`)];
  }
}

import { ApplicationFailure } from '@temporalio/common';
import type { AuditInput } from '../../../domain/audit/report.ts';
import { installationLimits } from '../../../domain/installation.ts';
import type { PoolInput } from '../../../domain/messages.ts';
import { workflowTypes } from '../../../domain/messages.ts';
import { taskQueues, workflowIds } from '../../../domain/names.ts';
import { encodeAll } from '../engine/payloads.ts';
import type { ScheduledJob, ScheduledVerb } from '../schedule/schedule.ts';
import { createOperators, type Operators } from './operators.ts';
import type { World } from './world.ts';

/** How long people wait before they try again what did not get through; milliseconds. */
const againMs = 5_000;
/** How long an operator waits before a document is applied again that was refused for no fault of its own. */
const applyAgainMs = 60_000;
/** How many of the accepted updates are sent again, and how much later at most; milliseconds. */
const sentAgain = 0.4;
const sentAgainMs = 10 * 60_000;
/** How often they try to queue a build in a pool that is not there. */
const queueTries = 12;

/** An answer to a person that was not the one hoped for. */
export interface Refused {
  at: number;
  code: string;
  message: string;
  where: string;
}

/** What operators and developers did and were told. */
export interface People {
  readonly refused: Refused[];
  /** Accepted documents by pool. An answer comes later than its effect, so both moments are kept. */
  /** `life`: id of the pool's first run. */
  readonly accepted: { pool: string; sentAt: number; at: number; document: unknown; life: string }[];
  /** First runs of pools that were there when somebody was not told how an update ended. */
  readonly unanswered: Set<string>;
  readonly deleted: Map<string, number>;
  /** What operators did to agents. */
  readonly operators: Operators;
  /** Builds that were cancelled on purpose. */
  readonly cancelledBuilds: { at: number; buildId: number }[];
  /** Jobs that were queued. */
  queued: number;
  apply(pool: string, document: unknown): Promise<void>;
  do(verb: ScheduledVerb): Promise<void>;
  queue(job: ScheduledJob): Promise<void>;
  /** What the schedule of the engine does every so often. */
  audit(id: string): void;
}

export function createPeople(world: World): People {
  const { engine, timeline, cloud, installation, journal } = world;
  const updateIds = world.chance;
  const limits = installationLimits(installation);
  const refused: Refused[] = [];
  const operators = createOperators(world, refused);
  const people: People = {
    refused,
    operators,
    accepted: [],
    unanswered: new Set(),
    deleted: new Map(),
    cancelledBuilds: [],
    queued: 0,
    apply,
    async do(verb) {
      switch (verb.kind) {
        case 'apply':
          return await apply(verb.pool, verb.document);
        case 'delete':
          return await remove(verb.pool);
        case 'cancelAgent':
          return cancelAgent(verb.pool, verb.nth);
        case 'purge':
        case 'drain':
        case 'resume':
          return await operators.do(verb);
        case 'audit':
          return people.audit(`audit/by-hand-${timeline.now()}`);
      }
    },
    queue,
    audit(workflowId) {
      if (engine.down) return;
      // The engine's schedule skips a run while the one before it goes on.
      const open = engine.allRuns().some((run) => run.type === workflowTypes.audit && run.status === 'running');
      if (open) return;
      const input: AuditInput = { limits: limits.audit };
      engine.startRun({
        workflowId,
        type: workflowTypes.audit,
        taskQueue: taskQueues.workflows,
        input: encodeAll([input]),
      });
    },
  };

  /** The newest verb on each pool: whoever has changed their mind does not try the older one again. */
  const newest = new Map<string, object>();

  /** Applies until the document is accepted, or found wrong, or another verb is newer. */
  /** First runs of pools whose deletion has begun. */
  const ended = new Set<string>();
  const lifeOf = (workflowId: string): string => engine.runs.get(workflowId)?.at(-1)?.firstRunId ?? '';

  async function apply(pool: string, document: unknown): Promise<void> {
    const mine = {};
    newest.set(pool, mine);
    while (newest.get(pool) === mine && !(await applyOnce(pool, document))) await timeline.sleep(applyAgainMs);
  }

  /** Answers false where it is worth another try. */
  async function applyOnce(pool: string, document: unknown): Promise<boolean> {
    const sentAt = timeline.now();
    const id = updateIds.uuid();
    journal.note('operator', `applies ${pool}`);
    const answer = await told(`apply ${pool}`, async () => {
      const workflowId = workflowIds.pool(pool);
      if (!engine.openRun(workflowId)) {
        const input: PoolInput = { pool, installation: installation.name, limits };
        engine.startRun({
          workflowId,
          type: workflowTypes.pool,
          taskQueue: taskQueues.workflows,
          input: encodeAll([input]),
          attributes: { PoolName: pool },
        });
      }
      await engine.update(workflowId, 'apply', [{ document }], id);
      const life = lifeOf(workflowId);
      // A document that was accepted just before the deletion brings nothing back.
      if (!ended.has(life)) people.deleted.delete(pool);
      people.accepted.push({ pool, sentAt, at: timeline.now(), document, life });
      if (updateIds.uniform() < sentAgain) await repeat(workflowId, life, document, id);
    });
    return answer === undefined || answer === 'InvalidPool';
  }

  /** A client that lost the answer sends the same update again, by then perhaps to another run. */
  async function repeat(workflowId: string, life: string, document: unknown, id: string): Promise<void> {
    await timeline.sleep(Math.floor(updateIds.uniform() * sentAgainMs));
    if (engine.down || engine.openRun(workflowId)?.firstRunId !== life) return;
    journal.note('operator', `applies ${workflowId} again with the same id`);
    await engine.update(workflowId, 'apply', [{ document }], id);
  }

  async function remove(pool: string): Promise<void> {
    const id = updateIds.uuid();
    newest.set(pool, {});
    journal.note('operator', `deletes ${pool}`);
    const at = timeline.now();
    await told(`delete ${pool}`, async () => {
      await engine.update(workflowIds.pool(pool), 'delete', [], id);
      people.deleted.set(pool, at);
      ended.add(lifeOf(workflowIds.pool(pool)));
    });
  }

  /** Tries until the engine answers, keeps a refusal as the person read it, and answers its code. */
  async function told(where: string, verb: () => Promise<void>): Promise<string | undefined> {
    while (engine.down) await timeline.sleep(againMs);
    try {
      await verb();
      return undefined;
    } catch (error) {
      const code = error instanceof ApplicationFailure ? (error.type ?? '') : '';
      const message = error instanceof Error ? error.message : String(error);
      journal.note('operator', `${where} is refused: ${code} ${message.slice(0, 200)}`);
      if (code !== '') people.refused.push({ at: timeline.now(), code, message, where });
      else for (const { firstRunId } of engine.allRuns()) people.unanswered.add(firstRunId);
      return code;
    }
  }

  function cancelAgent(pool: string, nth: number): void {
    const prefix = workflowIds.agent(pool, '');
    const open = engine.allRuns().filter((run) => run.status === 'running' && run.workflowId.startsWith(prefix));
    const run = open[nth % Math.max(1, open.length)];
    if (run) {
      journal.note('operator', `cancels ${run.workflowId}`);
      engine.requestCancel(run.workflowId);
    }
  }

  async function queue({ pool, image, durationMs, result, cancelAfterMs }: ScheduledJob): Promise<void> {
    for (let attempt = 0; attempt < queueTries; attempt += 1) {
      const queueId = await queueOf(pool);
      if (queueId === undefined) {
        await timeline.sleep(againMs);
        continue;
      }
      const build = (await call('POST', `${cloud.facts.project}/_apis/build/builds?api-version=7.1`, {
        definition: { id: await definition() },
        queue: { id: queueId },
        ...(image === undefined ? {} : { demands: [`ImageOverride -equals ${image}`] }),
        parameters: JSON.stringify({ durationSeconds: String(durationMs / 1000), ...(result ? { result } : {}) }),
      })) as { id: number } | undefined;
      // Azure DevOps refused it, and says why to whoever queued it.
      if (build === undefined) return;
      const { id } = build;
      people.queued += 1;
      journal.note('developer', `queues build ${id} in ${pool} (${image ?? 'no image'}, ${durationMs} ms)`);
      if (cancelAfterMs !== undefined) {
        await timeline.sleep(cancelAfterMs);
        people.cancelledBuilds.push({ at: timeline.now(), buildId: id });
        journal.note('developer', `cancels build ${id}`);
        await call('PATCH', `${cloud.facts.project}/_apis/build/builds/${id}?api-version=7.1`, {
          status: 'cancelling',
        });
      }
      return;
    }
  }

  let definitionId: number | undefined;
  async function definition(): Promise<number | undefined> {
    if (definitionId !== undefined) return definitionId;
    const { value } = (await call('GET', `${cloud.facts.project}/_apis/build/definitions?api-version=7.1`)) as {
      value: { id: number }[];
    };
    definitionId = value[0]?.id;
    return definitionId;
  }

  async function queueOf(pool: string): Promise<number | undefined> {
    const { value } = (await call('GET', `${cloud.facts.project}/_apis/distributedtask/queues?api-version=7.1`)) as {
      value: { id: number; name: string }[];
    };
    return value.find(({ name }) => name === pool)?.id;
  }

  /** A call of a person's own tool: faults are for the system, so this one tries until it is answered well or refused for good. */
  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const authorization = `Basic ${Buffer.from(`:${cloud.facts.personalAccessToken}`).toString('base64')}`;
    for (;;) {
      try {
        const { status, text } = await world.people.call(async () => {
          const response = await cloud.azureDevOps(
            new Request(`${cloud.facts.organizationUrl}/${path}`, {
              method,
              headers: { authorization, 'content-type': 'application/json' },
              ...(body === undefined ? {} : { body: JSON.stringify(body) }),
            }),
          );
          return { status: response.status, text: await response.text() };
        });
        if (status < 400) return text === '' ? undefined : JSON.parse(text);
        if (method !== 'GET' && [400, 404, 409].includes(status)) return undefined;
      } catch {
        // Cut by a fault; a person tries again.
      }
      await timeline.sleep(againMs);
    }
  }

  return people;
}

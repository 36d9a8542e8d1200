import type { History } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { OpenDevOpsPools } from '../../../client/sdk/index.ts';
import type { WorkflowLife } from '../../../domain/invariants/account.ts';

/** The history of one run of one workflow. */
export interface RunHistory {
  workflowId: string;
  runId: string;
  type: string;
  status: WorkflowLife['runs'][number]['status'];
  startedAt: number;
  closedAt?: number;
  /** Set when it did not replay. */
  replayFailure?: string;
  history: History;
}

const statuses: Record<string, RunHistory['status']> = {
  RUNNING: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  CONTINUED_AS_NEW: 'continuedAsNew',
  TIMED_OUT: 'timedOut',
};

/** Histories that are on their way at the same time. */
const fetchersMax = 8;

/** Every history that the engine has. */
export async function fetchHistories({ client }: OpenDevOpsPools): Promise<RunHistory[]> {
  const found: Omit<RunHistory, 'history'>[] = [];
  for await (const { workflowId, runId, type, status, startTime, closeTime } of client.workflow.list()) {
    found.push({
      workflowId,
      runId,
      type,
      status: statuses[status.name] ?? 'running',
      startedAt: startTime.getTime(),
      ...(closeTime === undefined ? {} : { closedAt: closeTime.getTime() }),
    });
  }
  const histories: RunHistory[] = [];
  const left = found.values();
  await Promise.all(
    Array.from({ length: fetchersMax }, async () => {
      for (const run of left) {
        const history = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
        histories.push({ ...run, history });
      }
    }),
  );
  return histories;
}

/** Replays every history on a bundle. Answers the runs that did not replay, with the reason. */
export async function replayAll(histories: readonly RunHistory[], bundle: string): Promise<Map<string, string>> {
  quiet();
  const failures = new Map<string, string>();
  const results = Worker.runReplayHistories(
    { workflowBundle: { codePath: bundle } },
    histories.map(({ workflowId, history }) => ({ workflowId, history })),
  );
  for await (const { runId, error } of results) if (error) failures.set(runId, error.message);
  return failures;
}

/** Replays have nothing to say but their results. A process has one runtime, which jest may have started. */
let silenced = false;

function quiet(): void {
  if (silenced) return;
  silenced = true;
  try {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
  } catch {
    // Somebody was first; then it speaks, and nothing else changes.
  }
}

/** A history as text, its payloads decoded. */
export function textOf({ history }: RunHistory): string {
  return JSON.stringify(history, (_key, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value,
  );
}

/** The life of each workflow, its runs in order, as the account of a run has it. */
export function workflowLives(histories: readonly RunHistory[]): WorkflowLife[] {
  const byId = Map.groupBy(
    histories.toSorted((a, b) => a.startedAt - b.startedAt),
    ({ workflowId }) => workflowId,
  );
  return [...byId].map(([id, runs]) => {
    const last = runs.at(-1);
    const completed = last?.history.events?.at(-1)?.workflowExecutionCompletedEventAttributes;
    return {
      id,
      type: last?.type ?? '',
      runs: runs.map(({ runId, startedAt, closedAt, status, history, replayFailure }) => ({
        runId,
        startedAt,
        ...(closedAt === undefined ? {} : { closedAt }),
        status,
        events: history.events?.length ?? 0,
        ...(replayFailure === undefined ? {} : { replayFailure }),
      })),
      states: runs.flatMap(statesIn),
      result: read(completed?.result?.payloads?.[0]?.data),
    };
  });
}

/** The states that an agent showed, as its search attribute tells. */
function statesIn({ history }: RunHistory): WorkflowLife['states'] {
  return (history.events ?? []).flatMap((event) => {
    const { searchAttributes } =
      event.workflowExecutionStartedEventAttributes ?? event.upsertWorkflowSearchAttributesEventAttributes ?? {};
    const state = read(searchAttributes?.indexedFields?.['AgentState']?.data);
    if (typeof state !== 'string') return [];
    return [{ state, at: timeOf(event) }];
  });
}

/** When an event was written; milliseconds since the epoch. */
export function timeOf({ eventTime }: NonNullable<History['events']>[number]): number {
  const { seconds = 0, nanos = 0 } = eventTime ?? {};
  return Number(seconds) * 1_000 + Math.floor((nanos ?? 0) / 1e6);
}

/** The value of a payload; undefined when there is none. */
export function read(data: Uint8Array | null | undefined): unknown {
  return data && data.length > 0 ? JSON.parse(Buffer.from(data).toString('utf8')) : undefined;
}

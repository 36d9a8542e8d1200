import type { History } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { OpenDevOpsPools } from '../../client/sdk/index.ts';
import type { Breach } from '../../domain/invariants/account.ts';

/** The history of one run of one workflow. */
export interface RunHistory {
  workflowId: string;
  runId: string;
  status: string;
  events: number;
  history: History;
}

/** Histories that are on their way at the same time. */
const fetchersMax = 8;

/** Every history that the engine has. */
export async function fetchHistories({ client }: OpenDevOpsPools): Promise<RunHistory[]> {
  const found: { workflowId: string; runId: string; status: string }[] = [];
  for await (const { workflowId, runId, status } of client.workflow.list()) {
    found.push({ workflowId, runId, status: status.name });
  }
  const histories: RunHistory[] = [];
  const left = found.values();
  await Promise.all(
    Array.from({ length: fetchersMax }, async () => {
      for (const run of left) {
        const history = await client.workflow.getHandle(run.workflowId, run.runId).fetchHistory();
        histories.push({ ...run, events: history.events?.length ?? 0, history });
      }
    }),
  );
  return histories;
}

/** Replays every history on a bundle; what does not replay is a breach. */
export async function replayAll(histories: readonly RunHistory[], bundle: string): Promise<Breach[]> {
  // Replays are silent; what they have to say is in their results. A process has one runtime, and jest's may be up.
  quiet();
  const breaches: Breach[] = [];
  const results = Worker.runReplayHistories(
    { workflowBundle: { codePath: bundle } },
    histories.map(({ workflowId, history }) => ({ workflowId, history })),
  );
  for await (const { workflowId, runId, error } of results) {
    if (!error) continue;
    const message = `Run ${runId} does not replay on the current code: ${error.message}`;
    breaches.push({ invariant: 'replayable', at: Date.now(), subject: workflowId, message });
  }
  return breaches;
}

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

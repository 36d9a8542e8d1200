import type { Client } from '@temporalio/client';
import { toRecorded, type RecordedHistory, type Replacements } from './format.ts';
import { moments, read } from './reading.ts';
import { states } from './states.ts';

/** Watches every workflow of the engine and keeps, for each state, the shortest history that shows it. */
export interface Collector {
  /** Looks at everything that has grown since the last look. */
  look(): Promise<void>;
  found: ReadonlyMap<string, RecordedHistory>;
  /** Histories that were read so far, and how often each kind ended as it should not. */
  runs: ReadonlySet<string>;
}

/** Collects from the engine of `client`. */
export function createCollector(client: Client, replacements: Replacements): Collector {
  const found = new Map<string, RecordedHistory>();
  const runs = new Set<string>();
  const closed = new Set<string>();
  /** How many moments of each run were looked at. */
  const seen = new Map<string, number>();

  const consider = (history: RecordedHistory) => {
    const reading = read(history);
    for (const [state, { shows }] of Object.entries(states[reading.type] ?? {})) {
      const name = `${reading.type}/${state}`;
      const known = found.get(name);
      if (known && known.events.length <= history.events.length) continue;
      if (shows(reading)) found.set(name, history);
    }
  };

  return {
    found,
    runs,
    async look() {
      for await (const { workflowId, runId, status } of client.workflow.list()) {
        runs.add(runId);
        if (closed.has(runId)) continue;
        const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        const all = moments(toRecorded(history, replacements));
        // An open history may end in the middle of a task's events; its last moment is looked at again.
        all.slice(seen.get(runId) ?? 0).forEach(consider);
        seen.set(runId, Math.max(0, all.length - 1));
        if (status.name !== 'RUNNING') closed.add(runId);
      }
    },
  };
}

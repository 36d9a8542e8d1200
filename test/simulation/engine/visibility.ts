import type { Chance, Clock } from '../../../emulator/core/context.ts';
import type { Run } from './records.ts';

/** One workflow as lists show it. */
export interface VisibleWorkflow {
  workflowId: string;
  runId: string;
  type: string;
  status: { name: 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'CONTINUED_AS_NEW' };
  startTime: Date;
  closeTime?: Date;
  attributes: Record<string, string>;
}

/** Lists lag behind what is true, each record by its own time; milliseconds. */
const longestLagMs = 3_000;

const statusNames = {
  running: 'RUNNING',
  completed: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
  continuedAsNew: 'CONTINUED_AS_NEW',
} as const;

/** What lists of workflows answer: eventually consistent, as the server's. */
export class Visibility {
  private readonly clock: Clock;
  private readonly chance: Chance;
  private readonly shown = new Map<string, VisibleWorkflow>();
  /** The newest change that is shown of each run. */
  private readonly latest = new Map<string, number>();
  private changes = 0;

  constructor(clock: Clock, chance: Chance) {
    this.clock = clock;
    this.chance = chance;
  }

  changed(run: Run): void {
    const record: VisibleWorkflow = {
      workflowId: run.workflowId,
      runId: run.runId,
      type: run.type,
      status: { name: statusNames[run.status] },
      startTime: new Date(run.startedAt),
      ...(run.closedAt === undefined ? {} : { closeTime: new Date(run.closedAt) }),
      attributes: { ...run.attributes },
    };
    const change = ++this.changes;
    this.clock.at(this.clock.now() + Math.floor(this.chance.uniform() * longestLagMs), () => {
      // A later change may have come first.
      if (change < (this.latest.get(run.runId) ?? 0)) return;
      this.latest.set(run.runId, change);
      this.shown.set(run.runId, record);
    });
  }

  /** @param query conditions `Name = 'value'` or `Name IN ('a', 'b')`, joined by AND */
  list(query: string): VisibleWorkflow[] {
    const conditions = query.split(/\s+AND\s+/i).map(parseCondition);
    return [...this.shown.values()].filter((workflow) =>
      conditions.every(({ name, values }) => values.includes(valueOf(workflow, name))),
    );
  }
}

function parseCondition(text: string): { name: string; values: string[] } {
  const parsed = /^\s*(\w+)\s*(?:=\s*(.+)|IN\s*\((.+)\))\s*$/i.exec(text);
  const list = parsed?.[2] ?? parsed?.[3];
  if (!parsed?.[1] || list === undefined) throw new Error(`The simulated engine cannot read the query '${text}'.`);
  const values = [...list.matchAll(/(['"])((?:\1\1|(?!\1).)*)\1/g)].map(([, quote = '', value = '']) =>
    value.replaceAll(quote + quote, quote),
  );
  if (values.length === 0) throw new Error(`The simulated engine cannot read the query '${text}'.`);
  return { name: parsed[1], values };
}

function valueOf(workflow: VisibleWorkflow, name: string): string {
  switch (name) {
    case 'WorkflowType':
      return workflow.type;
    case 'WorkflowId':
      return workflow.workflowId;
    case 'ExecutionStatus':
      return {
        RUNNING: 'Running',
        COMPLETED: 'Completed',
        FAILED: 'Failed',
        CANCELLED: 'Canceled',
        CONTINUED_AS_NEW: 'ContinuedAsNew',
      }[workflow.status.name];
    default:
      return workflow.attributes[name] ?? '';
  }
}

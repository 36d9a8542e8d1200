import { type Client, type WorkflowExecutionInfo, WorkflowIdConflictPolicy } from '@temporalio/client';
import type { AuditInput, AuditReport, AuditView } from '../../domain/audit/report.ts';
import type { Limits } from '../../domain/limits.ts';
import { workflowTypes } from '../../domain/messages.ts';
import { taskQueues, workflowIds } from '../../domain/names.ts';
import { approveAudit, auditView } from '../../workflows/messages.ts';
import { OdpError } from './error.ts';
import { listWorkflows, where } from './visibility.ts';

/** One audit: its workflow, what it does, and what it found and did so far. */
export interface AuditDetails extends AuditView {
  id: string;
  runId: string;
}

/** One line of a list of audits. */
export interface AuditSummary {
  id: string;
  runId: string;
  /** As the engine says, such as `RUNNING` or `COMPLETED`. */
  status: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt?: number;
}

/** The verbs on audits. Every method throws `OdpError` and nothing else. */
export interface Audits {
  /**
   * Starts an audit and answers at once. `dryRun`: it plans and changes nothing; `check`: it looks once and checks the
   * invariants. One audit that may change something runs at a time.
   */
  start(options?: Pick<AuditInput, 'dryRun' | 'check'>): Promise<{ id: string; runId: string }>;
  /** Newest first, as long as the engine keeps them; at most `limit`, by default 20. */
  list(filter?: { limit?: number }): Promise<AuditSummary[]>;
  /** One audit in full, by default the newest. */
  show(audit?: { id: string; runId?: string }): Promise<AuditDetails>;
  /** Lets the audit that waits for it delete more than its cap. Answers of how many agents the remains go. */
  approve(): Promise<{ id: string; approved: number }>;
}

/** The verbs on audits over a Temporal client. */
export function createAudits(client: Client, { limits }: { limits: Limits }): Audits {
  const open = async () => {
    const query = where({ WorkflowType: workflowTypes.audit, ExecutionStatus: 'Running' });
    return await listWorkflows(client, query, 20);
  };

  const view = async (id: string, runId: string | undefined): Promise<AuditView> => {
    const handle = client.workflow.getHandle(id, runId);
    const { status } = await handle.describe();
    // The result of a closed audit needs no worker; an open one is asked.
    if (status.name !== 'COMPLETED') return await handle.query(auditView);
    return { phase: 'done', report: (await handle.result()) as AuditReport, findings: [] };
  };

  return {
    start: async ({ dryRun = false, check = false } = {}) => {
      const changes = !dryRun && !check;
      const [other] = changes ? await changing(client, await open()) : [];
      if (other !== undefined) throw underWay(other);
      const workflowId = check ? workflowIds.auditCheck : dryRun ? workflowIds.auditDryRun : workflowIds.auditByHand;
      const input: AuditInput = {
        limits: limits.audit,
        ...(dryRun ? { dryRun } : {}),
        ...(check ? { check } : {}),
      };
      const handle = await client.workflow.start(workflowTypes.audit, {
        workflowId,
        taskQueue: taskQueues.workflows,
        args: [input],
        // Who asks twice for the same look gets the one that is on its way.
        workflowIdConflictPolicy: changes ? WorkflowIdConflictPolicy.FAIL : WorkflowIdConflictPolicy.USE_EXISTING,
        staticSummary: check ? 'checks the invariants' : dryRun ? 'plans an audit' : 'audits, asked for by hand',
      });
      return { id: workflowId, runId: handle.firstExecutionRunId };
    },

    list: async ({ limit = 20 } = {}) => {
      const found = await listWorkflows(client, where({ WorkflowType: workflowTypes.audit }), limit);
      return found.map(toSummary);
    },

    show: async (audit) => {
      if (audit) return { id: audit.id, runId: audit.runId ?? '', ...(await view(audit.id, audit.runId)) };
      const [newest] = await listWorkflows(client, where({ WorkflowType: workflowTypes.audit }), 1);
      if (!newest) {
        throw new OdpError('NotFound', 'There was no audit yet.', { hint: 'Start one with `odp audit run`.' });
      }
      const { workflowId: id, runId } = newest;
      return { id, runId, ...(await view(id, runId)) };
    },

    approve: async () => {
      for (const { workflowId, runId } of await open()) {
        const handle = client.workflow.getHandle(workflowId, runId);
        if ((await handle.query(auditView)).phase !== 'awaitingApproval') continue;
        return { id: workflowId, ...(await handle.executeUpdate(approveAudit)) };
      }
      throw new OdpError('NotFound', 'No audit waits for an approval.', {
        hint: '`odp audit show` tells what the last one did.',
      });
    },
  };
}

/** Ids of the open audits that may change something. */
async function changing(client: Client, open: WorkflowExecutionInfo[]): Promise<string[]> {
  const still = open.filter(
    ({ workflowId }) => workflowId !== workflowIds.auditCheck && workflowId !== workflowIds.auditDryRun,
  );
  const ids: string[] = [];
  for (const { workflowId, runId } of still) {
    // Lists lag: one that has just ended must not stand in the way of the next.
    const { status } = await client.workflow.getHandle(workflowId, runId).describe();
    if (status.name === 'RUNNING') ids.push(workflowId);
  }
  return ids;
}

function underWay(id: string): OdpError {
  return new OdpError('Conflict', `The audit ${id} is under way.`, {
    target: id,
    hint: '`odp audit show` tells what it does; `odp audit run --dry-run` may run beside it.',
  });
}

function toSummary({ workflowId, runId, status, startTime, closeTime }: WorkflowExecutionInfo): AuditSummary {
  return {
    id: workflowId,
    runId,
    status: status.name,
    startedAt: startTime.getTime(),
    ...(closeTime ? { endedAt: closeTime.getTime() } : {}),
  };
}

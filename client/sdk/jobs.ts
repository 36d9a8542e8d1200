import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { workflowTypes, type AgentView, type LeaseOutcome, type LeaseView } from '../../domain/messages.ts';
import { waitAccount, type WaitAccount } from '../../domain/wait.ts';
import { agentView, leaseView } from '../../workflows/messages.ts';
import { agentOfWorkflow } from './agents.ts';
import { OdpError } from './error.ts';
import { attribute, listWorkflows, where } from './visibility.ts';

/** One line of a list of jobs: a job request that got an agent. */
export interface JobSummary {
  requestId: number;
  organization: string;
  pool: string;
  image: string;
  vmSize: string;
  /** `running`, or how its lease ended. */
  state: string;
  agent: string;
  /** When its lease began and ended; milliseconds since the epoch. */
  leasedAt: number;
  endedAt?: number;
}

/** One job in full: how its lease stands or ended, and where its wait went. */
export interface JobDetails
  extends JobSummary, Pick<LeaseOutcome, 'reason' | 'retried'>, Pick<LeaseView, 'expiresAt' | 'silent' | 'notes'> {
  result?: string;
  receipt: LeaseOutcome['receipt'];
  /** Where its wait went. */
  wait: WaitAccount;
}

/**
 * Reads on jobs that have or had an agent; a job that still waits is known to Azure DevOps only. Every method throws
 * `OdpError` and nothing else.
 */
export interface Jobs {
  /** Newest first, as long as the engine keeps them; at most `limit`, by default 100. */
  list(filter?: { pool?: string; limit?: number }): Promise<JobSummary[]>;
  /** Request ids are unique within an organisation; name it where two organisations use the same. */
  show(requestId: number, filter?: { organization?: string }): Promise<JobDetails>;
}

/** Reads on jobs over a Temporal client. */
export function createJobs(client: Client): Jobs {
  return {
    list: async ({ pool, limit = 100 } = {}) => {
      const found = await listWorkflows(client, where({ WorkflowType: workflowTypes.lease, PoolName: pool }), limit);
      return found.map(toJobSummary);
    },

    show: async (requestId, { organization } = {}) => {
      const query = where({ WorkflowType: workflowTypes.lease, JobId: String(requestId), Organization: organization });
      const found = await listWorkflows(client, query, 2);
      const [info, other] = found;
      if (!info) {
        throw new OdpError('NotFound', `No lease of a job request ${requestId} is to be found.`, {
          target: String(requestId),
          hint: 'A job that still waits has none yet: `odp job list` shows it. Leases that ended are kept as long as the engine keeps closed workflows; after that only the sums in `odp pool show` know of them.',
        });
      }
      if (other) {
        throw new OdpError('Ambiguous', `More than one organisation has a job request ${requestId}.`, {
          target: String(requestId),
          hint: 'Name the organisation.',
        });
      }
      const handle = client.workflow.getHandle(info.workflowId, info.runId);
      // The result of a closed lease needs no worker; an open one is asked.
      const {
        receipt,
        outcome: _outcome,
        requestId: _requestId,
        ...view
      } = info.status.name === 'COMPLETED' ? ((await handle.result()) as LeaseOutcome) : await handle.query(leaseView);
      const whole = { ...(await startOf(client, info)), ...receipt };
      return { ...toJobSummary(info), ...view, receipt: whole, wait: waitAccount(whole) };
    },
  };
}

/** What the agent knows of its own start, in case the lease began before Azure reported the machine. */
async function startOf(client: Client, { parentExecution }: WorkflowExecutionInfo): Promise<AgentView['receipt']> {
  if (!parentExecution?.workflowId) return {};
  const agent = client.workflow.getHandle(parentExecution.workflowId, parentExecution.runId ?? undefined);
  try {
    return (await agent.query(agentView)).receipt;
  } catch {
    // Its history is gone, or no worker runs that could answer: the receipt is then as the lease has it.
    return {};
  }
}

function toJobSummary(info: WorkflowExecutionInfo): JobSummary {
  return {
    requestId: Number(attribute(info, 'JobId')),
    organization: attribute(info, 'Organization') ?? '',
    pool: attribute(info, 'PoolName') ?? '',
    image: attribute(info, 'AgentImage') ?? '',
    vmSize: attribute(info, 'VmSize') ?? '',
    state: attribute(info, 'LeaseState') ?? 'running',
    // An agent starts its leases, so the parent's id names it.
    agent: agentOfWorkflow(info.parentExecution?.workflowId ?? ''),
    leasedAt: info.startTime.getTime(),
    ...(info.closeTime ? { endedAt: info.closeTime.getTime() } : {}),
  };
}

import { log, type ChildWorkflowHandle } from '@temporalio/workflow';
import { cancelJob } from '../messages.ts';
import type { lease } from '../lease.ts';

/**
 * What an agent does when somebody wants it gone before its job has ended: its lease cancels the job through Azure
 * DevOps, and the agent then returns as after any job. Nothing here touches the machine.
 */
export class JobCancellation {
  /** Who wants it and why; absent: nobody. */
  reason: string | undefined;
  private serving: ChildWorkflowHandle<typeof lease> | undefined;

  /** The job that runs, or that comes before the agent is gone, is cancelled. */
  ask(reason: string): void {
    this.reason ??= reason;
    void this.tell();
  }

  /** A job has its lease. */
  began(handle: ChildWorkflowHandle<typeof lease>): void {
    this.serving = handle;
    void this.tell();
  }

  private async tell(): Promise<void> {
    const { reason, serving } = this;
    if (reason === undefined || serving === undefined) return;
    this.serving = undefined;
    try {
      await serving.signal(cancelJob, { reason });
    } catch (error) {
      log.info('the lease to cancel has ended already', { lease: serving.workflowId, error: String(error) });
    }
  }
}

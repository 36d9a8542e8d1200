import type { ObservedJob, WaitReceipt } from './messages.ts';

/** The wait receipt: what the agent knows of its own start, and what Azure DevOps knows of the job. */
export function waitReceipt(agent: Partial<WaitReceipt>, job: ObservedJob): WaitReceipt {
  const receipt: WaitReceipt = { ...agent, queuedAt: job.queuedAt };
  if (job.assignedAt !== undefined) receipt.assignedAt = job.assignedAt;
  if (job.startedAt !== undefined) receipt.startedAt = job.startedAt;
  if (job.finishedAt !== undefined) receipt.finishedAt = job.finishedAt;
  return receipt;
}

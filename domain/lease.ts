import type { LeaseOutcome, MachineSight, ObservedJob, WaitReceipt } from './messages.ts';

/** The wait receipt: what the agent knows of its own start, and what Azure DevOps knows of the job. */
export function waitReceipt(agent: Partial<WaitReceipt>, job: ObservedJob): WaitReceipt {
  const receipt: WaitReceipt = { ...agent, queuedAt: job.queuedAt };
  if (job.assignedAt !== undefined) receipt.assignedAt = job.assignedAt;
  if (job.startedAt !== undefined) receipt.startedAt = job.startedAt;
  if (job.finishedAt !== undefined) receipt.finishedAt = job.finishedAt;
  return receipt;
}

/** What is known of the machine of a silent agent, and what that machine is. */
export interface Silence {
  machine?: MachineSight;
  /** Where the machine is: a list of another subscription says nothing of it. */
  subscriptionId: string;
  /** Azure may evict it. */
  spot?: boolean;
}

/**
 * What became of a machine that was taken away: by Azure, or by somebody else than this system. Undefined for one that
 * runs, or of which nothing is known.
 */
export function takenAway({ machine, subscriptionId, spot }: Silence): string | undefined {
  if (!machine || machine.subscriptionId.toLowerCase() !== subscriptionId.toLowerCase()) return undefined;
  switch (machine.state) {
    case 'running':
      return undefined;
    case 'gone':
      return spot ? 'Azure evicted its machine' : 'its machine was deleted from outside';
    case 'deallocated':
      return spot ? 'Azure evicted its machine' : 'its machine was deallocated from outside';
    case 'stopped':
      return 'its machine was stopped from outside';
  }
}

/** Why an agent is silent, as far as that is known. */
export function silenceReason(silence: Silence): string {
  const taken = takenAway(silence);
  if (taken !== undefined) return taken;
  return silence.machine?.state === 'running'
    ? 'its agent fell silent while its machine runs: the agent died, cannot open a session, or cannot reach Azure DevOps'
    : 'its agent fell silent';
}

/** It comes in the moment between an agent's one job and its farewell (microsoft/azure-pipelines-agent issue 2332). */
const usedAgentReason =
  'Azure DevOps gave it to an agent that had served its one job already, and that agent never took it';

/** How a job ended that Azure DevOps shows as ended. `abandoned` is how it ends the job of an agent whose lock ran out. */
export function outcomeOf(
  { result, startedAt }: Pick<ObservedJob, 'result' | 'startedAt'>,
  silence: Silence | undefined,
  isUsedAgent = false,
): { outcome: LeaseOutcome['outcome']; reason?: string } {
  if (result === 'canceled') return { outcome: 'cancelled' };
  if (result !== 'abandoned') return { outcome: 'finished' };
  if (isUsedAgent && startedAt === undefined) return { outcome: 'agentLost', reason: usedAgentReason };
  if (!silence) return { outcome: 'agentLost', reason: 'Azure DevOps gave the job up: nobody renewed its lock' };
  return { outcome: takenAway(silence) === undefined ? 'agentLost' : 'evicted', reason: silenceReason(silence) };
}

/** A tag is short, and commas and semicolons would part it; colons are refused in some of its addresses. */
const jobNameMax = 60;

/** What is written on a build as a tag, for the people of its job. The same words for the same thing, so that a repeat adds nothing. */
export const buildTags = {
  warning: (jobName: string, expiresAt: number, leftMs: number): string =>
    `odp ${plain(jobName)} will be cancelled at ${instant(expiresAt)} (${span(leftMs)} left)`,
  expired: (jobName: string, leaseMs: number): string => `odp ${plain(jobName)} was cancelled after ${span(leaseMs)}`,
  lost: (jobName: string, reason: string): string => `odp ${plain(jobName)} was lost - ${plain(reason, 120)}`,
};

function plain(text: string, most = jobNameMax): string {
  return text
    .replaceAll(/[^\p{L}\p{N} ._-]+/gu, ' ')
    .replaceAll(/ +/g, ' ')
    .trim()
    .slice(0, most);
}

/** Such as `2026-11-27 01.10 UTC`. */
function instant(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ').replace(':', '.')} UTC`;
}

/** A limit in words, such as `2 days` or `10 minutes`. */
function span(ms: number): string {
  const units: [string, number][] = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
  ];
  const [name, size] = units.find(([, unit]) => ms >= unit && ms % unit === 0) ?? ['second', 1_000];
  const count = Math.round(ms / size);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

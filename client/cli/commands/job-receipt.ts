import type { JobDetails } from '../../sdk/index.ts';
import { duration, factLines, moment } from '../render.ts';

/** What `odp job show` prints for people: how the job stands, and the wait receipt, leg by leg. */
export function jobLines(job: JobDetails, now: number): string[] {
  const { silent, reason, expiresAt, notes = [] } = job;
  const result = job.result === undefined ? '' : `: ${job.result}`;
  const facts: [string, string][] = [
    ['request', `${job.requestId} of ${job.organization}, pool ${job.pool}`],
    ['agent', `${job.agent} (${job.image}, ${job.vmSize})`],
    ['state', `${job.state}${result}`],
    ...(reason === undefined ? [] : [['why', reason] satisfies [string, string]]),
    ...(silent ? [['silent', silentLine(silent, now)] satisfies [string, string]] : []),
    ...(expiresAt === undefined
      ? []
      : [['ends', `is cancelled at ${moment(expiresAt)} at the latest`] satisfies [string, string]]),
    ...(job.retried === undefined
      ? []
      : [['run again', job.retried ? 'yes, its stage' : 'no'] satisfies [string, string]]),
    ...notes.map((note): [string, string] => ['on the build', note]),
    ['wait', waitLine(job, now)],
  ];
  return [...factLines(facts), '', ...receiptLines(job.receipt)];
}

/** An agent that is silent may come back as long as the server keeps its job for it. */
function silentLine({ since, lockedUntil, reason }: NonNullable<JobDetails['silent']>, now: number): string {
  const lock =
    lockedUntil === undefined || lockedUntil <= now
      ? 'Azure DevOps has not given it up yet'
      : `not lost: Azure DevOps keeps it until ${moment(lockedUntil)}`;
  return `since ${duration(now - since)}, ${lock}; ${reason}`;
}

/** Where the wait went, in one sentence. */
function waitLine({ wait, receipt, endedAt }: JobDetails, now: number): string {
  const most = wait.longest && wait.longest.ms > 0 ? `, ${duration(wait.longest.ms)} of it ${wait.meaning ?? ''}` : '';
  const standby = wait.stoodBy ? '; an agent stood by' : '';
  if (wait.ms !== undefined) return `${duration(wait.ms)}${most}${standby}`;
  if (endedAt !== undefined) return `it ended without having started${most}`;
  return `${duration(now - receipt.queuedAt)} so far${most}${standby}`;
}

/** Each moment of the receipt and how long after the moment before it; moments that never came are left out. */
export function receiptLines(receipt: JobDetails['receipt']): string[] {
  const moments: [string, number | undefined][] = [
    ['queued', receipt.queuedAt],
    ['seen', receipt.seenAt],
    ['decided', receipt.decidedAt],
    ['create sent', receipt.createSentAt],
    ['VM running', receipt.runningAt],
    ['online', receipt.onlineAt],
    ['assigned', receipt.assignedAt],
    ['started', receipt.startedAt],
    ['finished', receipt.finishedAt],
  ];
  const known = moments.filter((entry): entry is [string, number] => entry[1] !== undefined);
  // A standby agent came to be before its job was queued, so the order is by time.
  known.sort((a, b) => a[1] - b[1]);
  return known.map(([name, at], index) => {
    const before = known[index - 1]?.[1];
    return `${name.padEnd(13)}${moment(at)}${before === undefined ? '' : `  +${duration(at - before)}`}`;
  });
}

import type { JobDetails } from '../../sdk/index.ts';
import { duration, factLines, moment } from '../render.ts';

/** What `odp job show` prints for people: the wait receipt, leg by leg. */
export function jobLines(job: JobDetails): string[] {
  return [
    ...factLines([
      ['request', `${job.requestId} of ${job.organization}, pool ${job.pool}`],
      ['agent', `${job.agent} (${job.image}, ${job.vmSize})`],
      ['state', job.result === undefined ? job.state : `${job.state}: ${job.result}`],
    ]),
    '',
    ...receiptLines(job.receipt),
  ];
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

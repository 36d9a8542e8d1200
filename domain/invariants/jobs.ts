import type { Account, Breach, JobLife } from './account.ts';
import type { InvariantRules } from './rules.ts';

/** A job request runs on one machine, under one lease. */
export function noDoubleRun(account: Account): Breach[] {
  const breaches: Breach[] = [];
  for (const { requestId, receipts } of account.jobs) {
    const machines = new Set(receipts.map(({ machineId }) => machineId));
    if (machines.size > 1) {
      const at = receipts.at(-1)?.at ?? 0;
      breaches.push({
        invariant: 'noDoubleRun',
        at,
        subject: `job request ${requestId}`,
        message: `It ran on ${machines.size} machines: ${[...machines].join(', ')}.`,
      });
    }
  }
  const leases = Map.groupBy(
    account.workflows.filter(({ type, result }) => type === 'lease' && requestOf(result) !== undefined),
    ({ id, result }) => `${id.split('/')[1] ?? ''}/${String(requestOf(result))}`,
  );
  for (const [request, same] of leases) {
    if (same.length < 2) continue;
    const ids = same.map(({ id }) => id).join(', ');
    const message = `It had ${same.length} leases: ${ids}.`;
    breaches.push({ invariant: 'noDoubleRun', at: same[1]?.runs[0]?.startedAt ?? 0, subject: request, message });
  }
  return breaches;
}

function requestOf(result: unknown): number | undefined {
  const requestId = (result as { requestId?: unknown } | undefined)?.requestId;
  return typeof requestId === 'number' ? requestId : undefined;
}

/** A stateless machine runs at most one job between two clean images. */
export function oneCleanImagePerJob(account: Account): Breach[] {
  const stateless = new Set(
    account.pools
      .filter(({ declared }) => declared.every((one) => one.stateless))
      .map(({ name }) => name.toLowerCase()),
  );
  const received = receiptsByMachine(account.jobs);
  return account.resources.flatMap(({ id, kind, pool, cleanAt = [], from }) => {
    if (kind !== 'machine' || !stateless.has(pool.toLowerCase())) return [];
    const starts = (cleanAt.length === 0 ? [from] : cleanAt).toSorted((one, other) => one - other);
    return starts.flatMap((start, index) => {
      const end = starts[index + 1] ?? Infinity;
      const served = (received.get(id.toLowerCase()) ?? []).filter(({ at }) => at >= start && at < end);
      const requests = [...new Set(served.map(({ requestId }) => requestId))];
      if (requests.length < 2) return [];
      const message = `It ran the job requests ${requests.join(' and ')} without a clean image in between.`;
      return [{ invariant: 'oneCleanImagePerJob', at: served[1]?.at ?? start, subject: id, message }];
    });
  });
}

/** No machine is deleted by us while a job runs on it, except when its lease has expired. */
export function noJobKilled(account: Account, { limits }: InvariantRules): Breach[] {
  const received = receiptsByMachine(account.jobs);
  return account.resources.flatMap(({ id, kind, owner, deleteAskedAt, takenAway }) => {
    if (kind !== 'machine' || deleteAskedAt === undefined || takenAway) return [];
    // Whoever took the agent's registration away took the server's word away too.
    const touched = account.disturbances.some(
      ({ subject, at }) =>
        at <= deleteAskedAt && (owner.endsWith(`/${subject}`) || subject.toLowerCase() === id.toLowerCase()),
    );
    if (touched) return [];
    return (received.get(id.toLowerCase()) ?? [])
      .filter(({ at, finishedAt }) => at < deleteAskedAt && (finishedAt ?? Infinity) > deleteAskedAt)
      .filter(({ at }) => deleteAskedAt - at < limits.agent.leaseMs)
      .map(({ requestId }) => ({
        invariant: 'noJobKilled',
        at: deleteAskedAt,
        subject: id,
        message: `Its deletion was asked for while the job request ${requestId} ran on it.`,
      }));
  });
}

function receiptsByMachine(jobs: readonly JobLife[]) {
  const receipts = jobs.flatMap(({ requestId, receipts: all, finishes }) =>
    all.map(({ machineId, at }) => ({ machine: machineId.toLowerCase(), requestId, at, finishedAt: finishes[0]?.at })),
  );
  return Map.groupBy(receipts, ({ machine }) => machine);
}

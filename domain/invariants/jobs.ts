import type { Account, Breach, JobLife, WorkflowLife } from './account.ts';
import type { InvariantRules } from './rules.ts';

/** A job request runs on one machine, under one lease, and ends once. */
export function noDoubleRun(account: Account): Breach[] {
  const breach = (subject: string, at: number, message: string): Breach => ({
    invariant: 'noDoubleRun',
    at,
    subject,
    message,
  });
  const ran = account.jobs.flatMap(({ requestId, receipts, finishes }) => {
    const subject = `job request ${requestId}`;
    const machines = [...new Set(receipts.map(({ machineId }) => machineId.toLowerCase()))];
    const breaches: Breach[] = [];
    if (machines.length > 1) {
      const message = `It ran on ${machines.length} machines: ${machines.join(', ')}.`;
      breaches.push(breach(subject, receipts.at(-1)?.at ?? 0, message));
    }
    if (finishes.length > 1) {
      const message = `It ended ${finishes.length} times: ${finishes.map(({ result }) => result).join(', ')}.`;
      breaches.push(breach(subject, finishes.at(-1)?.at ?? 0, message));
    }
    return breaches;
  });
  const leases = Map.groupBy(
    account.workflows.filter(({ type }) => type === 'lease'),
    (lease) => requestOfLease(lease),
  );
  const leased = [...leases].flatMap(([request, same]) => {
    // A lease never continues as new, so that a second run of the same id is a second lease.
    const runs = same.flatMap(({ id, runs: all }) => all.map(({ startedAt }) => ({ id, startedAt })));
    if (runs.length < 2) return [];
    const ids = runs.map(({ id }) => id).join(', ');
    return [breach(`lease of ${request}`, runs[1]?.startedAt ?? 0, `It had ${runs.length} leases: ${ids}.`)];
  });
  return [...ran, ...leased];
}

/** The organisation and the job request of a lease: by its own word, else by the digits of its id. */
function requestOfLease({ id, result }: WorkflowLife): string {
  const [, organization = '', rest = ''] = id.split('/');
  const { requestId } = (result ?? {}) as { requestId?: unknown };
  return `${organization}/${typeof requestId === 'number' ? requestId : /^\d*/.exec(rest)?.[0]}`;
}

/** A stateless machine runs at most one job between two clean images. */
export function oneCleanImagePerJob(account: Account): Breach[] {
  const stateless = new Set(
    account.pools
      .filter(({ declared }) => declared.every((one) => one.stateless))
      .map(({ name }) => name.toLowerCase()),
  );
  const received = receiptsByMachine(account.jobs);
  return account.resources.flatMap(({ id, kind, pool, cleanAt = [], from, until = Infinity }) => {
    if (kind !== 'machine' || !stateless.has(pool.toLowerCase())) return [];
    const starts = (cleanAt.length === 0 ? [from] : cleanAt).toSorted((one, other) => one - other);
    return starts.flatMap((start, index) => {
      const end = starts[index + 1] ?? until;
      const served = (received.get(id.toLowerCase()) ?? []).filter(({ at }) => at >= start && at < end);
      const requests = [...new Set(served.map(({ requestId }) => requestId))];
      if (requests.length < 2) return [];
      const message = `It ran the job requests ${requests.join(' and ')} without a clean image in between.`;
      return [{ invariant: 'oneCleanImagePerJob', at: served[1]?.at ?? start, subject: id, message }];
    });
  });
}

/** No job is ended by us before its lease has expired: not by deleting its machine, not by cancelling its build. */
export function noJobKilled(account: Account, { limits }: InvariantRules): Breach[] {
  return [...machinesDeleted(account, limits.agent.leaseMs), ...endedByForce(account, limits.agent.leaseMs)];
}

function machinesDeleted(account: Account, leaseMs: number): Breach[] {
  const received = receiptsByMachine(account.jobs);
  return account.resources.flatMap(({ id, kind, owner, deleteAskedAt, takenAway, parked = [] }) => {
    if (kind !== 'machine') return [];
    const ends = [
      ...(deleteAskedAt === undefined || takenAway ? [] : [{ end: deleteAskedAt, what: 'deletion' }]),
      ...parked.map(({ askedAt }) => ({ end: askedAt, what: 'deallocation' })),
    ];
    return ends.flatMap(({ end, what }) => {
      // Whoever took the agent's registration away took the server's word away too.
      if (isDisturbed(account, [id, nameIn(owner)], end)) return [];
      return (received.get(id.toLowerCase()) ?? [])
        .filter(({ at, finishedAt }) => at < end && (finishedAt ?? Infinity) > end)
        .filter(({ leasedAt }) => end - leasedAt < leaseMs)
        .map(({ requestId }) => ({
          invariant: 'noJobKilled',
          at: end,
          subject: id,
          message: `Its ${what} was asked for while the job request ${requestId} ran on it.`,
        }));
    });
  });
}

/** Jobs that ended without a result of their own, though nobody outside had a hand in it. */
function endedByForce(account: Account, leaseMs: number): Breach[] {
  const ended = account.jobs
    .flatMap(({ finishes, ...job }) => finishes.slice(0, 1).map((finish) => ({ ...job, ...finish })))
    .filter(({ at, assignments, receipts }) => at - (assignments.at(-1) ?? receipts[0] ?? { at }).at < leaseMs)
    .toSorted((one, other) => one.at - other.at);
  const breach = (requestId: number, at: number, message: string): Breach => ({
    invariant: 'noJobKilled',
    at,
    subject: `job request ${requestId}`,
    message,
  });
  const abandoned = ended
    .filter(({ result }) => result === 'abandoned')
    .filter(({ assignments, receipts, at }) => {
      const agents = [...assignments, ...receipts].map(({ agent }) => agent);
      const machines = account.resources.filter(({ owner }) => agents.includes(nameIn(owner))).map(({ id }) => id);
      return !isDisturbed(account, [...agents, ...machines, anything], at);
    })
    .filter((job) => !reachedUsedAgent(account, job))
    .map(({ requestId, at }) =>
      breach(requestId, at, 'It was abandoned, although nobody took its machine or agent away.'),
    );
  // The build of a job is not known here: each cancellation from outside excuses one job. One that no agent had taken
  // is cancelled by Azure DevOps itself when its agent pool goes.
  const cancellations = account.disturbances.filter(({ kind }) => kind === 'buildCancelled');
  const cancelled = ended
    .filter(({ result, receipts }) => result === 'canceled' && receipts.length > 0)
    .filter((job) => !endedByOperator(account, job))
    .filter(({ at }, index) => cancellations.filter((one) => one.at <= at).length <= index)
    .map(({ requestId, at }) => breach(requestId, at, 'It was cancelled, although nobody asked for that.'));
  return [...abandoned, ...cancelled];
}

/**
 * The server may give an agent another job in the moment between the end of its one job and its farewell, sooner than
 * anybody could disable it. The agent never takes that job (microsoft/azure-pipelines-agent issue 2332).
 */
function reachedUsedAgent(
  { jobs }: Account,
  { requestId, assignments, receipts }: Pick<JobLife, 'requestId' | 'assignments' | 'receipts'>,
): boolean {
  const last = assignments.at(-1);
  if (!last || receipts.length > 0) return false;
  return jobs.some(
    (other) =>
      other.requestId !== requestId && other.receipts.some(({ agent, at }) => agent === last.agent && at <= last.at),
  );
}

/**
 * Force is what operators ask for: the job of an agent that was purged by force, from that moment on, and the job of an
 * agent that was there when a drain that cancels reached its deadline. Both excuse a cancellation, nothing else.
 */
function endedByOperator(
  { disturbances, workflows }: Account,
  { pool, assignments, receipts, at }: Pick<JobLife, 'pool' | 'assignments' | 'receipts'> & { at: number },
): boolean {
  const agents = new Set([...assignments, ...receipts].map(({ agent }) => agent));
  return disturbances.some((one) => {
    if (one.at > at) return false;
    if (one.kind === 'agentPurgedByForce') return agents.has(one.subject);
    if (one.kind !== 'drainDeadline' || one.subject.toLowerCase() !== pool.toLowerCase()) return false;
    return workflows.some(({ id, runs }) => agents.has(nameIn(id)) && (runs[0]?.startedAt ?? Infinity) <= one.at);
  });
}

/** What operators ask this system for: it never excuses the loss of a machine or an agent. */
const operatorKinds: ReadonlySet<string> = new Set([
  'agentPurged',
  'agentPurgedByForce',
  'agentDrained',
  'drainDeadline',
]);

/** The subject of a disturbance that may have met every machine. */
const anything = 'any';

/** Whether something from outside met one of the subjects until then. */
function isDisturbed({ disturbances }: Account, subjects: readonly string[], until: number): boolean {
  const names = new Set(subjects.map((subject) => subject.toLowerCase()));
  return disturbances.some(
    ({ kind, subject, at }) => at <= until && !operatorKinds.has(kind) && names.has(subject.toLowerCase()),
  );
}

/** The agent's name in the id of its workflow. */
function nameIn(owner: string): string {
  return owner.split('/').at(-1) ?? '';
}

function receiptsByMachine(jobs: readonly JobLife[]) {
  const receipts = jobs.flatMap(({ requestId, assignments, receipts: all, finishes }) =>
    all.map(({ agent, machineId, at }) => {
      // A lease begins when its job is seen on the agent, which may be before the agent took it.
      const leasedAt = assignments.findLast((one) => one.agent === agent && one.at <= at)?.at ?? at;
      return { machine: machineId.toLowerCase(), requestId, at, leasedAt, finishedAt: finishes[0]?.at };
    }),
  );
  return Map.groupBy(receipts, ({ machine }) => machine);
}

import type { LeaseOutcome } from '../messages.ts';
import type { Account, Breach, JobLife, WorkflowLife } from './account.ts';
import type { InvariantRules } from './rules.ts';

/** What Azure DevOps says of a job whose lease ended so. */
const serverWords: Partial<Record<LeaseOutcome['outcome'], (result: string) => boolean>> = {
  finished: (result) => result !== 'canceled' && result !== 'abandoned',
  cancelled: (result) => result === 'canceled',
  agentLost: (result) => result === 'abandoned',
  evicted: (result) => result === 'abandoned',
};

/** What becomes of a machine whose agent's lease is said to be evicted. */
const takingAway: ReadonlySet<string> = new Set([
  'machineDeleted',
  'machineStopped',
  'machineEvicted',
  'machineDeallocated',
]);

/** A lease that ended says of its job what Azure DevOps says, and of its machine what became of it. */
export function truthfulLease(account: Account, { limits }: InvariantRules): Breach[] {
  const jobs = new Map(account.jobs.map((job) => [`lease/${job.organization}/${job.requestId}`.toLowerCase(), job]));
  return account.workflows.flatMap((lease) => {
    if (lease.type !== 'lease' || !isOutcome(lease.result)) return [];
    const job = jobs.get(lease.id.toLowerCase());
    const wrong = [
      ...(job ? againstServer(account, job, lease.result) : []),
      ...(job && lease.result.outcome === 'evicted' ? againstMachine(account, job) : []),
      ...againstTime(lease, lease.result, limits.agent.leaseMs),
    ];
    const at = lease.runs.at(-1)?.closedAt ?? account.until;
    return wrong.map((message): Breach => ({ invariant: 'truthfulLease', at, subject: lease.id, message }));
  });
}

function isOutcome(result: unknown): result is LeaseOutcome {
  return typeof result === 'object' && result !== null && 'outcome' in result;
}

/** Of a job that went with its agent pool the server can say no more. */
function againstServer({ pools }: Account, { pool, finishes: [finish] }: JobLife, { outcome }: LeaseOutcome): string[] {
  const expected = serverWords[outcome];
  const endedAt = finish?.at ?? Infinity;
  const isGone = pools.some(({ name, deletedAt = Infinity }) => name === pool && deletedAt < endedAt);
  if (!expected || isGone) return [];
  if (!finish) return [`It ended as ${outcome}, and its job has not ended.`];
  return expected(finish.result) ? [] : [`It ended as ${outcome}, and its job as ${finish.result}.`];
}

function againstMachine({ resources, disturbances }: Account, { assignments, finishes }: JobLife): string[] {
  const agents = new Set(assignments.map(({ agent }) => agent));
  const end = finishes[0]?.at ?? Infinity;
  const machines = resources.filter(
    ({ kind, owner }) => kind === 'machine' && agents.has(owner.split('/').at(-1) ?? ''),
  );
  const subjects = new Set([...agents, ...machines.map(({ id }) => id)].map((subject) => subject.toLowerCase()));
  const isTaken =
    machines.some(({ takenAway }) => takenAway === true) ||
    disturbances.some(
      ({ kind, subject, at }) => takingAway.has(kind) && at <= end && subjects.has(subject.toLowerCase()),
    );
  return isTaken ? [] : ['It ended as evicted, and nobody took its machine away.'];
}

function againstTime({ runs }: WorkflowLife, { outcome, retried }: LeaseOutcome, leaseMs: number): string[] {
  if (outcome !== 'expired') return [];
  const { startedAt = 0, closedAt = Infinity } = runs.at(-1) ?? {};
  return [
    ...(closedAt - startedAt < leaseMs ? [`It ended as expired after ${closedAt - startedAt} ms of ${leaseMs}.`] : []),
    ...(retried ? ['It ended as expired, and its stage was run again.'] : []),
  ];
}

import type { Account, Breach } from './account.ts';
import { adoptedOwners, openWorkflows, type InvariantRules } from './rules.ts';

/**
 * A late attempt may create a machine in the moment in which its agent's workflow proves that nothing is left, and
 * closes. What came so shortly before the close, or after it, is the auditor's; milliseconds.
 */
const lateAttemptMs = 120_000;

interface Owned {
  subject: string;
  what: string;
  owner: string;
  from: number;
  until: number | undefined;
}

/** Everything that carries our tags: resources and registrations. */
function ownedThings({ resources, registrations }: Account): Owned[] {
  return [
    ...resources.map(({ id, kind, owner, from, until }) => ({ subject: id, what: kind, owner, from, until })),
    ...registrations.map(({ name, owner, from, until }) => ({
      subject: name,
      what: 'registration',
      owner,
      from,
      until,
    })),
  ];
}

/** When the workflows of agents closed; one that is open, or that nobody ever saw, is not in it. */
function agentsClosedAt({ workflows }: Account): ReadonlyMap<string, number> {
  return new Map(
    workflows.flatMap(({ id, type, runs }) => {
      const end = runs.at(-1)?.closedAt;
      return type === 'agent' && end !== undefined ? [[id, end] as const] : [];
    }),
  );
}

/**
 * Everything with our tags belongs to an open agent workflow, or is new, or was removed. Where it is known since when
 * nothing disturbs the auditor, what nobody owns must also have gone in its time: two audits, each with its second look
 * and its repairs.
 */
export function noLeak(account: Account, { limits: { audit } }: InvariantRules): Breach[] {
  const { until, quietFrom } = account;
  const open = openWorkflows(account);
  const adopted = adoptedOwners(account);
  const closedAt = agentsClosedAt(account);
  const inTimeMs = audit.newbornMs + 2 * (audit.everyMs + audit.confirmMs) + audit.repairsMs;
  // Whoever looks once cannot know whether the next audit will remove it; one that is due by now has failed.
  const atOnceMs = quietFrom === undefined ? audit.newbornMs + 2 * audit.everyMs : audit.newbornMs;
  return ownedThings(account).flatMap(({ subject, what, owner, from, until: gone }) => {
    if (open.has(owner) || adopted.has(owner)) return [];
    const breach = (message: string): Breach[] => [{ invariant: 'noLeak', at: from, subject, message }];
    if (gone === undefined) {
      return until - from < atOnceMs
        ? []
        : breach(`This ${what} exists, and the workflow ${owner} that it names is not open.`);
    }
    if (quietFrom === undefined) return [];
    const orphanedFrom = Math.max(from, closedAt.get(owner) ?? from, quietFrom);
    const orphanedMs = gone - orphanedFrom;
    return orphanedMs <= inTimeMs
      ? []
      : breach(`This ${what} of ${owner} was there for ${orphanedMs} ms without an owner, at most ${inTimeMs}.`);
  });
}

/** An agent's workflow closes only when nothing of it is left. */
export function noEarlyClose(account: Account): Breach[] {
  const closedAt = agentsClosedAt(account);
  return ownedThings(account).flatMap(({ subject, owner, from, until }) => {
    const end = closedAt.get(owner);
    if (end === undefined || from > end - lateAttemptMs || (until !== undefined && until <= end)) return [];
    return [{ invariant: 'noEarlyClose', at: end, subject, message: `It was still there when ${owner} closed.` }];
  });
}

/** What is not ours is never deleted by us. */
export function foreignUntouched({ foreign = [] }: Account): Breach[] {
  return foreign.flatMap(({ id, until }) =>
    until === undefined
      ? []
      : [{ invariant: 'foreignUntouched', at: until, subject: id, message: 'It is not ours, and it was deleted.' }],
  );
}

import type { Account, Breach } from './account.ts';
import { openWorkflows, type InvariantRules } from './rules.ts';

/**
 * A late attempt may create a machine in the moment in which its agent's workflow proves that nothing is left, and
 * closes. What came so shortly before the close, or after it, is the auditor's; milliseconds.
 */
const lateAttemptMs = 120_000;

/** Everything with our tags belongs to an open agent workflow, or is new, or was removed. */
export function noLeak(account: Account, { limits }: InvariantRules): Breach[] {
  const { until } = account;
  const open = openWorkflows(account);
  // Whoever looks once cannot know whether the next audit will remove it; one that is due by now has failed.
  const bound =
    account.quietFrom === undefined ? limits.audit.newbornMs + 2 * limits.audit.everyMs : limits.audit.newbornMs;
  const leaked = (owner: string, from: number, gone: number | undefined) =>
    gone === undefined && !open.has(owner) && until - from >= bound;
  return [
    ...account.resources
      .filter(({ owner, from, until: gone }) => leaked(owner, from, gone))
      .map(({ id, owner, from }) =>
        breach(id, from, `It exists, and the workflow ${owner} that its tag names is not open.`),
      ),
    ...account.registrations
      .filter(({ owner, from, until: gone }) => leaked(owner, from, gone))
      .map(({ name, owner, from }) => breach(name, from, `It is registered, and its workflow ${owner} is not open.`)),
  ];
  function breach(subject: string, at: number, message: string): Breach {
    return { invariant: 'noLeak', at, subject, message };
  }
}

/** An agent's workflow closes only when nothing of it is left. */
export function noEarlyClose(account: Account): Breach[] {
  const closedAt = new Map(
    account.workflows.flatMap(({ id, type, runs }) => {
      const end = runs.at(-1)?.closedAt;
      return type === 'agent' && end !== undefined ? [[id, end] as const] : [];
    }),
  );
  const left = [
    ...account.resources.map(({ id, owner, from, until }) => ({ subject: id, owner, from, until })),
    ...account.registrations.map(({ name, owner, from, until }) => ({ subject: name, owner, from, until })),
  ];
  return left.flatMap(({ subject, owner, from, until }) => {
    const end = closedAt.get(owner);
    if (end === undefined || from > end - lateAttemptMs || (until !== undefined && until <= end)) return [];
    return [{ invariant: 'noEarlyClose', at: end, subject, message: `It was still there when ${owner} closed.` }];
  });
}

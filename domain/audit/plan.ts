import type { AuditLimits } from '../limits.ts';
import type { Comparison } from './compare.ts';
import { byAge, findingKey, isRemains, type Finding, type Mending, type Remains } from './finding.ts';

/** What an audit does about its findings. */
export interface RepairPlan {
  /** What is left of agents without a workflow, the oldest first; empty when a list had a gap. */
  removals: Remains[];
  mendings: Mending[];
  /** More agents' remains than may be deleted without asking. */
  needsApproval: boolean;
  /** The most agents whose remains may be deleted without asking. */
  cap: number;
}

/**
 * How long after the first look the second one is made. What Azure gives no creation time of must have been seen for as
 * long as a newborn is spared: the sighting itself then proves its age.
 */
export function confirmationMs({ findings }: Comparison, { confirmMs, newbornMs }: AuditLimits): number {
  const ageless = findings.some((finding) => isRemains(finding) && finding.since === undefined);
  return ageless ? Math.max(confirmMs, newbornMs) : confirmMs;
}

/**
 * What is to be done: only what both looks show, and of what would be deleted only what is old enough and what no gap in
 * a list could have made look unowned.
 */
export function planRepairs(first: Comparison, second: Comparison, limits: AuditLimits): RepairPlan {
  const complete = first.complete && second.complete;
  const seen = new Map(first.findings.map((finding) => [findingKey(finding), finding]));
  const both = second.findings.flatMap((finding): [Finding, Finding][] => {
    const before = seen.get(findingKey(finding));
    return before ? [[before, finding]] : [];
  });
  const removals: Remains[] = [];
  const mendings: Mending[] = [];
  for (const [before, finding] of both) {
    if (!isRemains(finding)) mendings.push(finding);
    else if (complete && isRemains(before) && isGrown(finding, first.at, second.at, limits.newbornMs)) {
      removals.push({ ...finding, resources: finding.resources.filter((id) => before.resources.includes(id)) });
    }
  }
  const owners = Math.min(first.counts.owners, second.counts.owners);
  const cap = Math.max(limits.deletionsMin, Math.floor(limits.deletionsShare * owners));
  // What the bound of the findings cut off would be deleted by the audits to come, so it counts.
  const wanted = removals.length + (removals.length > 0 ? second.omitted.deleting : 0);
  return {
    removals: removals.toSorted(byAge),
    mendings: mendings.toSorted(byAge),
    needsApproval: wanted > cap,
    cap,
  };
}

function isGrown({ since }: Remains, firstSeenAt: number, now: number, newbornMs: number): boolean {
  return now - (since ?? firstSeenAt) >= newbornMs;
}

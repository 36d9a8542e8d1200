import type { AgentPoolReference } from './listing.ts';

/** What an audit can find, in the order in which it repairs. */
export const findingKinds = [
  'machineWithoutWorkflow',
  'partWithoutMachine',
  'registrationWithoutMachine',
  'workflowWithoutMachine',
  'workflowWithoutRegistration',
  'tagsAltered',
  'leaseWithoutJob',
  'jobWithoutLease',
] as const;

export type FindingKind = (typeof findingKinds)[number];

interface Common {
  /** What it is about: an ARM id, `organisation/agent pool/name` of a registration, or the id of a workflow. */
  subject: string;
  pool: string;
  /** Since when it exists, as far as that is known; milliseconds since the epoch. The oldest is repaired first. */
  since?: number;
}

/** What is left of an agent whose workflow is not open: to be deleted. */
export interface Remains extends Common {
  kind: 'machineWithoutWorkflow' | 'partWithoutMachine' | 'registrationWithoutMachine';
  /** Id of the workflow that owned it. */
  owner: string;
  agent: string;
  /** ARM ids, each with all of our tags. `since` is the creation of the youngest, absent when one has none. */
  resources: string[];
  /** Agent pools of the pool, where the agent may still be registered. */
  agentPools: AgentPoolReference[];
}

/** Its machine is gone, or its registration: nothing can reach it any more, so it should return. */
export interface WorkflowWithoutPart extends Common {
  kind: 'workflowWithoutMachine' | 'workflowWithoutRegistration';
  agent: string;
}

/** Somebody changed the tags that prove whose it is. */
export interface TagsAltered extends Common {
  kind: 'tagsAltered';
  /** Id of the open workflow that it belongs to. */
  owner: string;
  agent: string;
}

/** A lease whose job Azure DevOps no longer shows as unfinished: it missed the end. */
export interface LeaseWithoutJob extends Common, AgentPoolReference {
  kind: 'leaseWithoutJob';
  organization: string;
  requestId: number;
}

/** A job that holds one of our agents, which does not know of it. */
export interface JobWithoutLease extends Common, AgentPoolReference {
  kind: 'jobWithoutLease';
  organization: string;
  requestId: number;
  agent: string;
}

/** Something that should not be so, as one look shows it. */
export type Finding = Remains | Mending;

/** What is put right without deleting anything. */
export type Mending = WorkflowWithoutPart | TagsAltered | LeaseWithoutJob | JobWithoutLease;

/** Whether repairing it deletes something. */
export function isRemains(finding: Finding): finding is Remains {
  return (
    finding.kind === 'machineWithoutWorkflow' ||
    finding.kind === 'partWithoutMachine' ||
    finding.kind === 'registrationWithoutMachine'
  );
}

/** The same finding in two looks has the same key; of one resource, two owners are two findings. */
export function findingKey(finding: Finding): string {
  const owner = 'owner' in finding ? finding.owner : '';
  return `${finding.kind} ${finding.subject.toLowerCase()} ${owner}`;
}

/** The oldest first; what has no age comes last, and equals in the order of their subjects. */
export function byAge(one: Finding, other: Finding): number {
  const [first, second] = [one.since ?? Infinity, other.since ?? Infinity];
  if (first !== second) return first < second ? -1 : 1;
  return findingKey(one) < findingKey(other) ? -1 : 1;
}

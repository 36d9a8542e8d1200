import type { Reading } from './reading.ts';
import { completed, field, type Json, last, open, type State, waits } from './state-rules.ts';

const auditOutcome = (history: Reading) => field(history.result, 'outcome');
/** Kinds of what an audit put right. */
const repaired = (history: Reading, kind: string) =>
  completed(history) &&
  ((field(history.result, 'repairs') ?? []) as Json[]).some((one) => one['kind'] === kind && one['outcome'] === 'done');
const approvals = (history: Reading) => history.updates.filter(({ name }) => name === 'approve').length;

/** States of audits. */
export const audit: Record<string, State> = {
  looking: {
    that: 'looks for the first time',
    shows: (history) => open(history) && last(history, 'auditLook') === 'open' && history.timers.length === 0,
  },
  clean: {
    that: 'found nothing to do',
    shows: (history) => completed(history) && auditOutcome(history) === 'clean',
  },
  confirming: {
    that: 'waits before it looks again',
    shows: (history) => waits(history, /^confirm /),
  },
  repairing: {
    that: 'is removing what nobody owns',
    shows: (history) => open(history) && last(history, 'removeRemains') === 'open',
  },
  'machine-removed': {
    that: 'removed a machine without a workflow',
    shows: (history) => repaired(history, 'machineWithoutWorkflow'),
  },
  'part-removed': {
    that: 'removed a disk without a machine',
    shows: (history) => repaired(history, 'partWithoutMachine'),
  },
  'agent-retired': {
    that: 'told an agent without a machine to return',
    shows: (history) => repaired(history, 'workflowWithoutMachine'),
  },
  'registration-missed': {
    that: 'told an agent whose registration had gone unseen to return',
    shows: (history) => repaired(history, 'workflowWithoutRegistration'),
  },
  'tags-restored': {
    that: 'put tags back that somebody had altered',
    shows: (history) => repaired(history, 'tagsAltered'),
  },
  'agent-told': {
    that: 'told an agent of a job that had no lease',
    shows: (history) => repaired(history, 'jobWithoutLease'),
  },
  'lease-told': {
    that: 'told a lease of the end of its job',
    shows: (history) => repaired(history, 'leaseWithoutJob'),
  },
  unfinished: {
    that: 'could not repair everything',
    shows: (history) => completed(history) && auditOutcome(history) === 'unfinished',
  },
  incomplete: {
    that: 'could not see everything and deleted nothing',
    shows: (history) => completed(history) && auditOutcome(history) === 'incomplete',
  },
  'awaiting-approval': {
    that: 'asks for an approval',
    shows: (history) => waits(history, /wait for an operator/) && approvals(history) === 0,
  },
  approved: {
    that: 'was approved and removed more than its cap',
    shows: (history) => completed(history) && approvals(history) === 1 && auditOutcome(history) === 'repaired',
  },
  'not-approved': {
    that: 'was not approved and removed nothing',
    shows: (history) => completed(history) && auditOutcome(history) === 'notApproved',
  },
  planned: {
    that: 'only planned',
    shows: (history) => completed(history) && history.input['dryRun'] === true && auditOutcome(history) === 'planned',
  },
  checked: {
    that: 'only checked the invariants',
    shows: (history) => completed(history) && history.input['check'] === true,
  },
};

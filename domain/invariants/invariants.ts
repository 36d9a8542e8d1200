import type { Account, Breach } from './account.ts';
import { budget } from './budget.ts';
import { cap } from './cap.ts';
import { conservation } from './conservation.ts';
import { everyErrorKnown, noFailedWorkflow, replayable } from './histories.ts';
import { noDoubleRun, noJobKilled, oneCleanImagePerJob } from './jobs.ts';
import { foreignUntouched, noEarlyClose, noLeak } from './leaks.ts';
import { liveness } from './liveness.ts';
import { defaultRules, type Invariant, type InvariantRules } from './rules.ts';
import { truthfulLease } from './leases.ts';
import { legalTransitions, timeLimits } from './states.ts';
import { wanted } from './wanted.ts';

/** What must hold in every installation, whatever happens to it. */
export const invariants: readonly Invariant[] = [
  {
    name: 'noLeak',
    needs: 'look',
    check: noLeak,
    promise: 'Everything with our tags belongs to an open agent workflow, is new, or goes with the next audit.',
  },
  {
    name: 'noEarlyClose',
    needs: 'run',
    check: noEarlyClose,
    promise: 'An agent’s workflow closes only when nothing of the agent is left.',
  },
  {
    name: 'foreignUntouched',
    needs: 'run',
    check: foreignUntouched,
    promise: 'What does not carry our tags is never deleted.',
  },
  {
    name: 'noDoubleRun',
    needs: 'run',
    check: noDoubleRun,
    promise: 'A job request runs on one machine, under one lease, and ends once.',
  },
  {
    name: 'noJobKilled',
    needs: 'run',
    check: noJobKilled,
    promise: 'No job is ended by deleting its machine or cancelling its build, except when its lease has expired.',
  },
  {
    name: 'truthfulLease',
    needs: 'run',
    check: truthfulLease,
    promise: 'A lease that ended says of its job what Azure DevOps says, and of its machine what became of it.',
  },
  {
    name: 'oneCleanImagePerJob',
    needs: 'run',
    check: oneCleanImagePerJob,
    promise: 'A stateless machine runs at most one job between two clean images.',
  },
  { name: 'cap', needs: 'look', check: cap, promise: 'A pool never creates a machine beyond its maximum.' },
  {
    name: 'liveness',
    needs: 'run',
    check: liveness,
    promise: 'When nothing disturbs it, every job ends, standby is there, surplus goes, and what was deleted is gone.',
  },
  {
    name: 'legalTransitions',
    needs: 'run',
    check: legalTransitions,
    promise: 'An agent’s states follow each other as the table says, and end with its workflow.',
  },
  {
    name: 'timeLimits',
    needs: 'look',
    check: timeLimits,
    promise: 'No job outlives its lease, no machine its longest life beyond its running job, and no hold a day.',
  },
  {
    name: 'budget',
    needs: 'run',
    check: budget,
    promise: 'Calls stay in proportion to agents, and agents to jobs and standby.',
  },
  {
    name: 'wanted',
    needs: 'run',
    check: wanted,
    promise: 'An agent is asked for only when a job waits or standby wants one, and no free agent is there for it.',
  },
  {
    name: 'conservation',
    needs: 'look',
    check: conservation,
    promise: 'Agents asked for = returned + failed + there, as they say themselves; an agent makes one machine.',
  },
  {
    name: 'replayable',
    needs: 'look',
    check: replayable,
    promise: 'Every history replays on the code that runs, and has fewer than 10,000 events.',
  },
  {
    name: 'noFailedWorkflow',
    needs: 'look',
    check: noFailedWorkflow,
    promise: 'No workflow fails: it ends by its own account, whatever happened.',
  },
  {
    name: 'everyErrorKnown',
    needs: 'look',
    check: everyErrorKnown,
    promise: 'Every error that users see is in the catalogue, and has a hint.',
  },
];

/** Every breach of every invariant. */
export function checkAccount(account: Account, rules: InvariantRules = defaultRules): Breach[] {
  return invariants.flatMap(({ check }) => check(account, rules));
}

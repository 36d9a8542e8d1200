import { audit } from './audit-states.ts';
import type { Reading } from './reading.ts';
import { completed, elapsed, field, type Json, last, open, some, type State, waits } from './state-rules.ts';

/**
 * Every state of every workflow that the corpus holds a history of. A state is recognised in the history itself, so a
 * file cannot be named for what it does not show. A change that adds a state adds it here, and records it.
 */

const agentState = (history: Reading) => history.shown('AgentState').at(-1);
const agentFailure = (history: Reading) => field(history.result, 'failure', 'code');
const servedAs = (history: Reading) => field(history.result, 'job', 'outcome');
const busy = (history: Reading) =>
  history.activities('returnAgent').find(({ result }) => field(result, 'outcome') === 'busy');
/** Came to its end by itself: nobody told it to return. */
const byItself = (history: Reading) => history.signals('retire').length === 0 && !history.cancelRequested;
const machineSeen = (history: Reading) =>
  history.signals('agentObserved').map((observation) => field(observation, 'machine', 'state'));
const lastSeen = (history: Reading) => history.signals('agentObserved').at(-1);

/** Whether one of these is to return by force. */
const forced = (retirements: readonly Json[]) => retirements.some(({ force }) => force === true);

const agent: Record<string, State> = {
  provisioning: {
    that: 'is being made',
    shows: (history) => open(history) && last(history, 'provisionAgent') === 'open',
  },
  starting: {
    that: 'was made and has not connected',
    shows: (history) => open(history) && agentState(history) === 'Starting',
  },
  ready: {
    that: 'waits for a job',
    shows: (history) =>
      open(history) && agentState(history) === 'Ready' && last(history, 'provisionAgent') === 'completed',
  },
  allocated: {
    that: 'runs a job',
    shows: (history) =>
      open(history) &&
      agentState(history) === 'Allocated' &&
      last(history, 'provisionAgent') === 'completed' &&
      last(history, 'disableAgent') === 'completed' &&
      history.children.some(({ type, outcome }) => type === 'lease' && outcome === 'started'),
  },
  'allocated-before-made': {
    that: 'runs a job before Azure has told that its machine is made',
    shows: (history) =>
      open(history) &&
      last(history, 'provisionAgent') === 'open' &&
      history.children.some(({ outcome }) => outcome === 'started'),
  },
  returning: {
    that: 'is being returned',
    shows: (history) => open(history) && last(history, 'returnAgent') === 'open' && !busy(history),
  },
  returned: {
    that: 'served its job and was returned',
    shows: (history) => completed(history) && servedAs(history) === 'finished' && byItself(history) && !busy(history),
  },
  'create-failed': {
    that: 'was refused for want of quota',
    shows: (history) => completed(history) && agentFailure(history) === 'QuotaExceeded',
  },
  'place-refused': {
    that: 'was refused where other places are left, and told its pool at once',
    shows: (history) => completed(history) && history.signalled('placeRefused').length === 1,
  },
  'create-timed-out': {
    that: 'was given up because its create took too long',
    shows: (history) => completed(history) && some(history, 'provisionAgent', 'timedOut'),
  },
  'not-connected': {
    that: 'never connected',
    shows: (history) => completed(history) && agentFailure(history) === 'AgentDidNotConnect',
  },
  'busy-at-return': {
    that: 'was to be returned while a job came, and serves it',
    shows: (history) =>
      open(history) &&
      busy(history) !== undefined &&
      history.children.some(
        ({ outcome, startedAt }) => outcome === 'started' && startedAt > (busy(history)?.endedAt ?? 0),
      ),
  },
  'busy-then-returned': {
    that: 'was to be returned while a job came, served it and was returned',
    shows: (history) => completed(history) && busy(history) !== undefined && servedAs(history) === 'finished',
  },
  cancelled: {
    that: 'was cancelled and returned its machine',
    shows: (history) => completed(history) && history.cancelRequested,
  },
  retired: {
    that: 'was told to return before a job came',
    shows: (history) =>
      completed(history) &&
      history.signals('retire').length > 0 &&
      history.children.length === 0 &&
      agentFailure(history) === undefined,
  },
  'retired-while-serving': {
    that: 'was told to return and finished its job first',
    shows: (history) =>
      completed(history) && history.signals('retire').length > 0 && servedAs(history) === 'finished' && !busy(history),
  },
  'return-refused': {
    that: 'could not be returned and will be tried again',
    shows: (history) => waits(history, /^return again after/),
  },
  'returned-at-last': {
    that: 'could not be returned at first',
    shows: (history) => completed(history) && some(history, 'returnAgent', 'failed'),
  },
  'went-offline': {
    that: 'fell silent without a job',
    shows: (history) => completed(history) && elapsed(history, /^longest silence/),
  },
  'registration-gone': {
    that: 'lost its registration',
    shows: (history) => completed(history) && lastSeen(history)?.['missing'] === true && history.children.length === 0,
  },
  'lifetime-over': {
    that: 'came to the end of its lifetime',
    shows: (history) => completed(history) && elapsed(history, /^longest wait for a job/),
  },
  'lost-under-a-job': {
    that: 'died under its job',
    shows: (history) => completed(history) && servedAs(history) === 'agentLost',
  },
  'machine-taken': {
    that: 'lost its machine while it waited for a job',
    shows: (history) =>
      completed(history) &&
      history.children.length === 0 &&
      byItself(history) &&
      machineSeen(history).some((state) => state === 'stopped' || state === 'deallocated' || state === 'gone'),
  },
  'evicted-under-a-job': {
    that: 'lost its machine under its job',
    shows: (history) => completed(history) && servedAs(history) === 'evicted',
  },
  'not-disabled': {
    that: 'served its job although it could not be disabled',
    shows: (history) =>
      completed(history) && some(history, 'disableAgent', 'failed') && servedAs(history) === 'finished',
  },
  'served-on': {
    that: 'has served a job and waits for the next one, on the same machine',
    shows: (history) =>
      open(history) &&
      agentState(history) === 'Ready' &&
      history.children.some(({ type, outcome }) => type === 'lease' && outcome === 'closed') &&
      history.activities('parkAgent').length === 0,
  },
  parking: {
    that: 'has its machine deallocated',
    shows: (history) => open(history) && last(history, 'parkAgent') === 'open',
  },
  parked: {
    that: 'waits with its machine deallocated',
    shows: (history) => open(history) && agentState(history) === 'Parked',
  },
  waking: {
    that: 'has its machine started again',
    shows: (history) => open(history) && last(history, 'wakeAgent') === 'open',
  },
  woken: {
    that: 'runs a job after it was woken',
    shows: (history) =>
      open(history) && last(history, 'wakeAgent') === 'completed' && agentState(history) === 'Allocated',
  },
  'returned-after-many': {
    that: 'served several jobs, was parked in between, and was returned',
    shows: (history) =>
      completed(history) &&
      Number(field(history.result, 'told') ?? 0) > 1 &&
      history.activities('wakeAgent').length > 0,
  },
  kept: {
    that: 'failed and keeps its machine for inspection',
    shows: (history) => waits(history, /^kept for inspection/),
  },
  'purged-by-force': {
    that: 'was told to return by force, over its cancelled job',
    shows: (history) => completed(history) && forced(history.signals('retire')) && servedAs(history) === 'cancelled',
  },
  'park-refused': {
    that: 'was to be parked while a job came',
    shows: (history) =>
      open(history) && history.activities('parkAgent').some(({ result }) => field(result, 'outcome') === 'busy'),
  },
  'continued-as-new': {
    that: 'handed over to a new run',
    shows: ({ ending }) => ending === 'continuedAsNew',
  },
  'handed-over': {
    that: 'goes on from a former run',
    shows: (history) => open(history) && history.input['carried'] !== undefined,
  },
  'lease-refused': {
    that: 'got a job whose lease existed already',
    shows: (history) => completed(history) && history.children.some(({ outcome }) => outcome === 'refused'),
  },
};

const leaseOutcome = (history: Reading) => field(history.result, 'outcome');
const silences = (history: Reading) =>
  history.signals('jobObserved').map((observation) => field(observation, 'silent'));
const unwanted = (history: Reading) => history.signals('cancelJob').length > 0;
const jobResult = (history: Reading) => field(history.result, 'result');

const lease: Record<string, State> = {
  running: {
    that: 'is open while its job runs',
    shows: (history) => waits(history, /^(longest life of the lease|warn the people)/),
  },
  finished: {
    that: 'ended with its job',
    shows: (history) => completed(history) && jobResult(history) === 'succeeded',
  },
  failed: {
    that: 'ended with a job that failed',
    shows: (history) =>
      completed(history) && leaseOutcome(history) === 'finished' && jobResult(history) !== 'succeeded',
  },
  cancelled: {
    that: 'ended with a job that was cancelled',
    shows: (history) => completed(history) && leaseOutcome(history) === 'cancelled',
  },
  expiring: {
    that: 'has expired and waits for its job to end',
    shows: (history) => waits(history, /^wait for the cancelled job/) && !unwanted(history),
  },
  'being-cancelled': {
    that: 'cancelled its job because somebody asked for that, and waits for its end',
    shows: (history) => waits(history, /^wait for the cancelled job/) && unwanted(history),
  },
  expired: {
    that: 'expired, and its job was cancelled',
    shows: (history) =>
      completed(history) && leaseOutcome(history) === 'expired' && !elapsed(history, /^wait for the cancelled job/),
  },
  'expired-unheard': {
    that: 'expired, and nobody heard of the end of its job',
    shows: (history) => completed(history) && elapsed(history, /^wait for the cancelled job/),
  },
  'agent-lost': {
    that: 'ended with the loss of its agent',
    shows: (history) => completed(history) && leaseOutcome(history) === 'agentLost',
  },
  'agent-lost-told': {
    that: 'ended with the loss of its agent, of which its people were told',
    shows: (history) =>
      completed(history) && leaseOutcome(history) === 'agentLost' && some(history, 'tagBuild', 'completed'),
  },
  silent: {
    that: 'is open while its agent is silent',
    shows: (history) => open(history) && silences(history).at(-1) !== undefined,
  },
  warned: {
    that: 'has warned its people of its end',
    shows: (history) =>
      open(history) && some(history, 'tagBuild', 'completed') && silences(history).at(-1) === undefined,
  },
  'expired-warned': {
    that: 'expired after its people were warned twice',
    shows: (history) =>
      completed(history) && leaseOutcome(history) === 'expired' && history.activities('tagBuild').length === 3,
  },
  evicted: {
    that: 'ended with the loss of its machine',
    shows: (history) =>
      completed(history) && leaseOutcome(history) === 'evicted' && history.activities('retryStage').length === 0,
  },
  retried: {
    that: 'ended with the loss of its machine, and its stage was run again',
    shows: (history) => completed(history) && field(history.result, 'retried') === true,
  },
};

const applied = (history: Reading, outcome: string) =>
  history.updates.filter((update) => update.name === 'apply' && update.outcome === outcome);
const deleting = (history: Reading) => history.updates.some(({ name }) => name === 'delete');
const continued = (history: Reading) => history.input['state'] !== undefined;
const agentsStarted = (history: Reading) => history.children.filter(({ type }) => type === 'agent');

const pool: Record<string, State> = {
  'waiting-for-document': {
    that: 'waits for its first document',
    shows: (history) => waits(history, /^wait for the first document/) && history.updates.length === 0,
  },
  'without-document': {
    that: 'got no document and ended',
    shows: (history) => completed(history) && elapsed(history, /^wait for the first document/),
  },
  'first-document-refused': {
    that: 'was refused with its first document and ended',
    shows: (history) =>
      completed(history) && applied(history, 'failed').length > 0 && applied(history, 'completed').length === 0,
  },
  accepting: {
    that: 'is taking its first document up',
    shows: (history) =>
      open(history) && applied(history, 'open').length > 0 && last(history, 'checkMachine') === 'open',
  },
  accepted: {
    that: 'has its first document and no job',
    shows: (history) =>
      waits(history, /^reconcile the roster/) &&
      applied(history, 'completed').length === 1 &&
      agentsStarted(history).length === 0,
  },
  'document-changed': {
    that: 'took a second document',
    shows: (history) => open(history) && applied(history, 'completed').length === 2 && !continued(history),
  },
  'document-refused': {
    that: 'keeps its document after another was refused',
    shows: (history) =>
      open(history) && applied(history, 'completed').length === 1 && applied(history, 'failed').length > 0,
  },
  'document-repeated': {
    that: 'was sent an update of its former run again',
    shows: (history) =>
      open(history) &&
      continued(history) &&
      applied(history, 'completed').length > 0 &&
      !some(history, 'prepareAgentPool', 'completed'),
  },
  scaling: {
    that: 'starts agents over several turns',
    shows: (history) =>
      open(history) && agentsStarted(history).length >= 4 && history.signals('agentReported').length === 0,
  },
  shrinking: {
    that: 'returns agents that it does not want any more',
    shows: (history) => open(history) && !deleting(history) && history.signalled('retire').length >= 2,
  },
  serving: {
    that: 'has served jobs',
    shows: (history) =>
      open(history) && history.signals('agentReported').filter((report) => report['job'] !== undefined).length >= 2,
  },
  held: {
    that: 'is held back after a failure',
    shows: (history) =>
      waits(history, /^plan again/) && history.signals('agentReported').some((r) => r['failure'] !== undefined),
  },
  'went-on-elsewhere': {
    that: 'was refused at one place and served its job at another',
    shows: (history) =>
      open(history) &&
      history.signals('placeRefused').length === 1 &&
      history.signals('agentReported').some((r) => r['job'] !== undefined),
  },
  'every-place-closed': {
    that: 'waits for the first of its places to open',
    // For an hour: it looks at its roster meanwhile.
    shows: (history) =>
      waits(history, /^reconcile the roster/) &&
      history.signals('placeRefused').length === 2 &&
      history.signals('agentReported').length === 2,
  },
  'served-after-hold': {
    that: 'was held back and then served its job',
    shows: (history) => {
      const reports = history.signals('agentReported');
      return open(history) && reports.some((r) => r['failure'] !== undefined) && reports.at(-1)?.['job'] !== undefined;
    },
  },
  reconciled: {
    that: 'has compared its roster twice',
    shows: (history) =>
      open(history) &&
      history.activities('listOpenAgents').filter(({ outcome }) => outcome === 'completed').length >= 2,
  },
  'stray-returned': {
    that: 'told an agent that it does not know to return',
    shows: (history) =>
      open(history) && history.signalled('retire').some(({ reason }) => reason === 'the pool does not know it'),
  },
  'continued-as-new': {
    that: 'handed over to a new run',
    shows: (history) => history.ending === 'continuedAsNew' && agentsStarted(history).length > 0,
  },
  continuation: {
    that: 'goes on from a former run',
    shows: (history) =>
      open(history) && continued(history) && (field(history.input, 'state', 'roster') as unknown[]).length > 0,
  },
  draining: {
    that: 'is being deleted and waits for its agents',
    shows: (history) => open(history) && deleting(history) && history.activities('unwatchPool').length === 0,
  },
  'drained-by-operator': {
    that: 'was told to drain and has a job left',
    shows: (history) =>
      open(history) &&
      history.updates.some(({ name, outcome }) => name === 'drain' && outcome === 'completed') &&
      history.signals('agentReported').length === 0 &&
      agentsStarted(history).length > 0,
  },
  'drain-deadline-passed': {
    that: 'has passed the deadline of its drain and cancels the job that is left',
    shows: (history) =>
      open(history) &&
      forced(history.signalled('retire').filter(({ reason }) => reason === 'the deadline of the drain has come')),
  },
  deleted: {
    that: 'was deleted',
    shows: (history) => completed(history) && deleting(history) && !some(history, 'removeAgentPool', 'failed'),
  },
  cancelled: {
    that: 'was cancelled and removed what it had made',
    shows: (history) => completed(history) && history.cancelRequested && some(history, 'removeAgentPool', 'completed'),
  },
  'removal-refused': {
    that: 'cannot remove its agent pool and will try again',
    shows: (history) => waits(history, /^remove the agent pool again/),
  },
  'removed-at-last': {
    that: 'could not remove its agent pool at first',
    shows: (history) => completed(history) && some(history, 'removeAgentPool', 'failed'),
  },
};

const organization: Record<string, State> = {
  'waiting-for-pool': {
    that: 'waits for its first pool',
    shows: (history) => waits(history, /^wait for the first pool/) && history.signals('watchPool').length === 0,
  },
  'without-pool': {
    that: 'got no pool and ended',
    shows: (history) => completed(history) && elapsed(history, /^wait for the first pool/),
  },
  watching: {
    that: 'observes its pools',
    shows: (history) => open(history) && history.activities('observeOrganization').length === 1,
  },
  'changing-list': {
    that: 'ends its observer because its list of pools changed',
    shows: (history) =>
      open(history) &&
      last(history, 'observeOrganization') === 'open' &&
      history.signals('watchPool').length === 2 &&
      history.activities('observeOrganization').length === 1,
  },
  'list-changed': {
    that: 'observes another list of pools than at first',
    shows: (history) =>
      open(history) &&
      some(history, 'observeOrganization', 'cancelled') &&
      last(history, 'observeOrganization') === 'open',
  },
  'observer-failed': {
    that: 'waits before it tries its observer again',
    shows: (history) => waits(history, /^try again after/),
  },
  'observer-tried-again': {
    that: 'tried its observer again after a failure',
    shows: (history) =>
      open(history) &&
      some(history, 'observeOrganization', 'failed') &&
      elapsed(history, /^try again after/) &&
      last(history, 'observeOrganization') === 'open',
  },
  'observer-renewed': {
    that: 'started its observer anew after its time',
    shows: (history) =>
      open(history) &&
      some(history, 'observeOrganization', 'completed') &&
      last(history, 'observeOrganization') === 'open',
  },
  'continued-as-new': {
    that: 'handed over to a new run',
    shows: ({ ending }) => ending === 'continuedAsNew',
  },
  continuation: {
    that: 'goes on from a former run',
    shows: (history) =>
      open(history) &&
      (history.input['pools'] as unknown[]).length > 0 &&
      history.activities('observeOrganization').length === 1,
  },
  ended: {
    that: 'serves no pool any more and ended',
    shows: (history) => completed(history) && history.signals('unwatchPool').length > 0,
  },
};

/** By workflow type, as `workflows/index.ts` exports it, then by name of the file. */
export const states: Record<string, Record<string, State>> = { agent, audit, lease, organization, pool };

/** Every state as `workflow/state`. */
export const stateNames: string[] = Object.entries(states).flatMap(([workflow, known]) =>
  Object.keys(known).map((state) => `${workflow}/${state}`),
);

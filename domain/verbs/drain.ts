import type { PoolState } from '../messages.ts';
import type { Violation } from '../violation.ts';
import { forecastLastJob, type LastJobForecast } from './forecast.ts';

/** What `drain` takes. */
export interface DrainRequest {
  /** Until when the pool should be empty; milliseconds since the epoch. */
  by?: number;
  /** Cancels what still runs at the deadline. Without it the pool only tells that the deadline has passed. */
  cancelAtDeadline?: boolean;
}

/** A drain under way, as a pool carries it from run to run. */
export interface DrainState {
  /** Milliseconds since the epoch. */
  since: number;
  by?: number;
  cancelAtDeadline?: true;
  /** Set at the deadline: agents that were still there. */
  leftAtDeadline?: number;
}

/** A drain as people see it. */
export interface DrainView extends DrainState {
  /** Agents that are still there. */
  agents: number;
  lastJob: LastJobForecast;
}

/** Answer of `drain` and `resume`. */
export interface DrainAnswer {
  status: PoolState['status'];
  /** Absent where the pool does not drain. */
  drain?: DrainView;
}

/** A deadline further away is most likely a mistake: no job lasts longer than two days. */
const furthestMs = 7 * 24 * 3_600_000;

/** Everything that is wrong with a request. */
export function drainViolations({ by, cancelAtDeadline }: DrainRequest, now: number): Violation[] {
  const violations: Violation[] = [];
  if (by !== undefined && !(typeof by === 'number' && Number.isFinite(by))) {
    const message = 'It must be a moment in milliseconds since the epoch.';
    violations.push({ path: 'by', rule: 'WrongType', message });
  } else if (by !== undefined && (by <= now || by > now + furthestMs)) {
    const message = `It must be a moment after now (${new Date(now).toISOString()}), and at most seven days away.`;
    violations.push({ path: 'by', rule: 'OutOfRange', message });
  }
  if (cancelAtDeadline !== undefined && typeof cancelAtDeadline !== 'boolean') {
    violations.push({ path: 'cancelAtDeadline', rule: 'WrongType', message: 'It must be true or false.' });
  } else if (cancelAtDeadline === true && by === undefined) {
    const message = 'Without a deadline there is no moment at which to cancel. Say by when the pool must be empty.';
    violations.push({ path: 'by', rule: 'Required', message });
  }
  return violations;
}

/** The drain that a request asks for. A second request while one is under way changes its deadline, not its beginning. */
export function drainOf({ by, cancelAtDeadline }: DrainRequest, now: number, before?: DrainState): DrainState {
  return {
    since: before?.since ?? now,
    ...(by === undefined ? {} : { by }),
    ...(cancelAtDeadline === true ? { cancelAtDeadline } : {}),
  };
}

/** When the pool must act on its drain's deadline; `Infinity` when never. */
export function drainDeadline({ status, drain }: PoolState): number {
  if (status !== 'Draining' || drain === undefined || drain.leftAtDeadline !== undefined) return Infinity;
  return drain.by ?? Infinity;
}

/** The drain as people see it; undefined where the pool does not drain. */
export function drainView(state: PoolState, now: number, leaseMs: number): DrainView | undefined {
  if (state.status !== 'Draining') return undefined;
  const since = state.roster.filter(({ p }) => p === 'busy').map(({ s }) => s);
  return {
    ...(state.drain ?? { since: now }),
    agents: agentsLeft(state),
    lastJob: forecastLastJob(state.durations ?? {}, since, now, leaseMs),
  };
}

/** Agents that a drain waits for: what is kept for inspection stays until it is released or its time is over. */
export function agentsLeft({ roster }: PoolState): number {
  return roster.filter(({ p }) => p !== 'kept').length;
}

/** The drain in one or two sentences, for people. */
export function drainSentence({ agents, by, leftAtDeadline, cancelAtDeadline, lastJob }: DrainView): string {
  const left = `${agents} agent${agents === 1 ? ' is' : 's are'} left`;
  const until = by === undefined ? '' : ` Deadline ${at(by)}: ${deadlineSentence(leftAtDeadline, cancelAtDeadline)}`;
  return `${left}, ${forecastSentence(lastJob)}.${until}`;
}

function deadlineSentence(left: number | undefined, cancel: true | undefined): string {
  if (left === undefined) return cancel ? 'what then still runs is cancelled.' : 'nothing is cancelled then.';
  if (left === 0) return 'met.';
  return `it passed with ${left} left${cancel ? '; their jobs were cancelled' : ''}.`;
}

function forecastSentence({ basis, jobs, known, at: moment }: LastJobForecast): string {
  const last = jobs === 1 ? 'its job ends' : `the last of ${jobs} jobs ends`;
  switch (basis) {
    case 'noJob':
      return 'and no job runs';
    case 'history':
      return `and ${last} by ${at(moment)} with nine chances in ten, by the ${known} jobs before`;
    case 'leaseLimit':
      return `and ${last} by ${at(moment)} at the latest, when its lease does`;
  }
}

function at(moment: number): string {
  return new Date(moment).toISOString().replace(/\.\d+Z$/, 'Z');
}

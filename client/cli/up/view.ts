import { duration, fit, meaningOf, paint, percentile, table, type Style } from '../render.ts';
import type { Look, LookedJob } from './look.ts';

/** Drawn only in part on a small terminal: the jobs give way first. */
const shownJobs = 12;
const fewestJobs = 3;

/** What stands around the look itself. */
export interface Frame {
  columns: number;
  rows: number;
  /** What the stack itself has to say, such as that a process was started again. Newest last. */
  messages: string[];
  /** How far the sample's queueing is, or empty. */
  workload: string;
}

/** The live view as lines that fit the terminal: the pool, its agents, the last jobs, totals. */
export function viewLines(look: Look, frame: Frame, style: Style): string[] {
  const head = poolLines(look, style);
  const foot = [
    ...totalLines(look, frame, style),
    ...frame.messages.slice(-3).map((line) => paint(style, 'quiet', line)),
  ];
  const room = Math.max(0, frame.rows - 1 - head.length - foot.length);
  const agents = agentLines(look, style);
  const jobs = jobLines(look.jobs.slice(0, shownJobs), style);
  const shownAgents = cut(agents, Math.max(0, room - Math.min(jobs.length, fewestJobs + 2)));
  const shown = [...head, ...shownAgents, ...cut(jobs, room - shownAgents.length), ...foot];
  return shown.map((line) => fit(line, frame.columns));
}

/** A block with its title kept and its end replaced by a count of what is missing. */
function cut(block: string[], rows: number): string[] {
  if (block.length <= rows) return block;
  if (rows < 3) return [];
  return [...block.slice(0, rows - 1), `… ${block.length - rows + 1} more`];
}

/** Counts in a fixed order of states, as a sentence. */
export function agentSummary(agents: Look['agents']): string {
  const order = ['Ready', 'Allocated', 'NotReady', 'Starting', 'Provisioning', 'Parked', 'PendingReturn'];
  const counts = new Map<string, number>();
  for (const { state } of agents) counts.set(state, (counts.get(state) ?? 0) + 1);
  const states = [
    ...order.filter((state) => counts.has(state)),
    ...[...counts.keys()].filter((s) => !order.includes(s)),
  ];
  return states.map((state) => `${counts.get(state)} ${state}`).join(', ') || 'none';
}

/** Waiting and running, counted apart. */
export function jobCounts(jobs: LookedJob[]): { queued: number; running: number; finished: number } {
  const finished = jobs.filter(({ finishedAt }) => finishedAt !== undefined).length;
  const running = jobs.filter((job) => job.startedAt !== undefined && job.finishedAt === undefined).length;
  return { queued: jobs.length - finished - running, running, finished };
}

function poolLines({ pool, agents, jobs, at }: Look, style: Style): string[] {
  if (!pool) return [];
  const { queued, running } = jobCounts(jobs);
  const most = pool.specification ? ` of at most ${pool.specification.maximumConcurrency}` : '';
  const held = pool.holds.filter(({ until }) => until > at).map(({ code, message }) => `${code}: ${message}`);
  const reason = held[0] ?? lastReason(pool.lastPlan);
  return [
    '',
    `${paint(style, 'heading', `pool ${pool.pool}`)}  jobs: ${queued} queued, ${running} running  ` +
      `agents: ${agents.length}${most} (${agentSummary(agents)})`,
    ...(reason === undefined ? [] : [paint(style, 'quiet', `why: ${reason}`)]),
    '',
  ];
}

/** The reason of the last step taken, else what the plan remarks. */
export function lastReason(plan: NonNullable<Look['pool']>['lastPlan']): string | undefined {
  const command = plan?.commands[0];
  if (command) {
    const what = command.kind === 'create' ? `create ${command.count} of ${command.image}` : `retire ${command.agent}`;
    return `${what}: ${command.reason.message}`;
  }
  return plan?.remarks[0]?.message;
}

function agentLines({ agents, at }: Look, style: Style): string[] {
  if (agents.length === 0) return [];
  return [
    ...table(
      [
        { title: 'AGENT', value: ({ name }) => name },
        { title: 'IMAGE', value: ({ image }) => image },
        { title: 'STATE', value: ({ state }) => state, meaning: ({ state }) => meaningOf(state) },
        { title: 'SINCE', value: ({ since }) => duration(at - since), align: 'right' },
        { title: 'JOB', value: ({ job }) => job },
      ],
      agents,
      style,
    ),
    '',
  ];
}

function jobLines(jobs: LookedJob[], style: Style): string[] {
  if (jobs.length === 0) return [];
  return [
    ...table(
      [
        { title: 'REQUEST', value: ({ requestId }) => String(requestId), align: 'right' },
        { title: 'JOB', value: ({ jobName }) => jobName },
        { title: 'IMAGE', value: ({ image }) => image },
        { title: 'STATE', value: ({ state }) => state, meaning: ({ state }) => meaningOf(state) },
        { title: 'WAIT', value: ({ waitMs }) => (waitMs === undefined ? '-' : duration(waitMs)), align: 'right' },
        { title: 'OF WHICH', value: ({ legs }) => legLine(legs) },
      ],
      jobs,
      style,
    ),
    '',
  ];
}

/** The legs of a wait that were longer than nothing. */
export function legLine(legs: LookedJob['legs']): string {
  return legs
    .filter(({ ms }) => ms >= 50)
    .map(({ name, ms }) => `${name} ${duration(ms)}`)
    .join(' · ');
}

function totalLines(look: Look, { workload }: Frame, style: Style): string[] {
  const totals = [
    ...(workload === '' ? [] : [workload]),
    `${jobCounts(look.jobs).finished} jobs finished`,
    ...waitFigures(look.jobs),
    `${look.pool?.totals.requested ?? 0} machines so far`,
  ];
  return [
    paint(style, 'quiet', totals.join(' · ')),
    paint(style, 'quiet', 'Ctrl-C stops everything; what runs now is resumed.'),
  ];
}

/** Median and 95th percentile of the waits of the jobs that started. */
export function waitFigures(jobs: LookedJob[]): string[] {
  const waits = jobs.flatMap(({ startedAt, waitMs }) =>
    startedAt === undefined || waitMs === undefined ? [] : [waitMs],
  );
  const [p50, p95] = [percentile(waits, 50), percentile(waits, 95)];
  return p50 === undefined || p95 === undefined ? [] : [`wait p50 ${duration(p50)}, p95 ${duration(p95)}`];
}

/**
 * What changed between two looks, one line each, for where nothing can be drawn in place. The first look tells what is
 * under way, not what ended before it.
 */
export function changeLines(before: Look | undefined, after: Look): string[] {
  const agentsBefore = new Map(before?.agents.map((agent) => [agent.name, agent]));
  const jobsBefore = new Map(before?.jobs.map((job) => [job.requestId, job]));
  const lines: string[] = [];
  for (const job of after.jobs.toReversed()) {
    const { requestId, image, state, agent, legs } = job;
    const old = jobsBefore.get(requestId);
    if (before ? old?.state === state : job.finishedAt !== undefined) continue;
    const on = agent === '' ? '' : ` on ${agent}`;
    const wait = job.startedAt !== undefined && job.waitMs !== undefined ? `, waited ${duration(job.waitMs)}` : '';
    const parts = legLine(legs);
    lines.push(`job ${requestId} (${image}) ${state}${on}${wait}${parts === '' ? '' : ` (${parts})`}`);
  }
  for (const { name, image, state } of after.agents) {
    if (agentsBefore.get(name)?.state !== state) lines.push(`agent ${name} (${image}) ${state}`);
    agentsBefore.delete(name);
  }
  for (const { name, image } of agentsBefore.values()) lines.push(`agent ${name} (${image}) Returned`);
  return lines;
}

/** What `odp up` says when the sample has run. */
export function summaryLines(look: Look, left: number | undefined): string[] {
  const { finished } = jobCounts(look.jobs);
  const failed = look.jobs.filter(({ state }) => state !== 'succeeded').length;
  const standing = look.agents.length;
  const totals = look.pool?.totals;
  return [
    `${finished} jobs ran${failed === 0 ? '' : `, ${failed} of them not to success`}`,
    ...waitFigures(look.jobs),
    ...(totals
      ? [`machines: ${totals.requested} created, ${totals.requested - standing} returned, ${standing} on standby`]
      : []),
    ...(left === undefined ? [] : [`machines left over: ${left}`]),
  ];
}

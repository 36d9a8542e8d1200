import { jobLines } from '../../client/cli/commands/job-receipt.ts';
import { explainLines } from '../../client/cli/commands/pool.ts';
import { defaultLimits } from '../../domain/limits.ts';
import { waitReceipt } from '../../domain/lease.ts';
import { planCapacity } from '../../domain/planning/plan-capacity.ts';
import { applyObservation, applyReport, newPoolState, planningInput } from '../../domain/pool-state.ts';
import { waitAccount } from '../../domain/wait.ts';
import { specification } from '../workflow/fakes.ts';

/** What users of other systems could not see, or what misled those systems; named after the trackers. */

const minute = 60_000;
const { overdueMs } = defaultLimits.pool;

function poolWith(roster: ReturnType<typeof newPoolState>['roster'], queued: number) {
  const state = newPoolState('012345678');
  state.roster = roster;
  applyObservation(state, {
    sequence: 1,
    at: 0,
    queued: queued === 0 ? [] : [{ imageOverride: 'ubuntu', count: queued, oldestQueuedAt: 0 }],
    assigned: 0,
    running: 0,
    agents: [],
  });
  return state;
}

describe('ARC #4307, #4091, #4136, #4197, #4203: a stuck agent never counts as capacity', () => {
  const created = (now: number, roster: Parameters<typeof poolWith>[0]) =>
    planCapacity(planningInput(poolWith(roster, 1), specification, now, overdueMs)).commands.filter(
      ({ kind }) => kind === 'create',
    );

  test('one that is on its way serves the job that caused it, until it is overdue', () => {
    const stuck = [{ n: 'a', i: 'ubuntu', p: 'creating' as const, s: 0 }];
    expect(created(overdueMs - minute, stuck)).toEqual([]);
    expect(created(overdueMs + minute, stuck)).toMatchObject([{ kind: 'create', count: 1 }]);
  });

  test.each(['offline', 'returning', 'busy'] as const)('one that is %s serves no waiting job', (p) => {
    expect(created(minute, [{ n: 'a', i: 'ubuntu', p, s: 0 }])).toMatchObject([{ kind: 'create', count: 1 }]);
  });
});

describe('ARC #3276, #3953, #3704: a job tells where its wait went', () => {
  const agent = { seenAt: 2_000, decidedAt: 2_100, createSentAt: 4_000, runningAt: 50_000, onlineAt: 110_000 };
  const job = {
    requestId: 7,
    jobId: 'j',
    jobName: 'build',
    projectId: 'p',
    buildId: 70,
    queuedAt: 0,
    assignedAt: 112_000,
    startedAt: 113_000,
  };
  const receipt = waitReceipt(agent, job);

  test('seen → decided → create sent → VM up → agent online → assigned: every leg, and they add up', () => {
    const { legs, ms } = waitAccount(receipt);
    expect(legs).toEqual([
      { name: 'seen', ms: 2_000 },
      { name: 'decided', ms: 100 },
      { name: 'asked', ms: 1_900 },
      { name: 'created', ms: 46_000 },
      { name: 'booted', ms: 60_000 },
      { name: 'assigned', ms: 2_000 },
      { name: 'started', ms: 1_000 },
    ]);
    expect(legs.reduce((sum, leg) => sum + leg.ms, 0)).toBe(ms);
  });

  test('and in words, without arithmetic', () => {
    const shown = {
      requestId: 7,
      organization: 'contoso',
      pool: 'linux',
      image: 'ubuntu',
      vmSize: 'Standard_D2ads_v5',
      state: 'running',
      agent: 'a',
      leasedAt: 112_000,
      receipt,
      wait: waitAccount(receipt),
    };
    expect(jobLines(shown, 200_000).join('\n')).toContain(
      '1m53s, 1m00s of it while the machine booted and its agent connected',
    );
  });
});

test('dnceng #175: users see that quota is the cause, with Azure’s own code and the next try', () => {
  const state = poolWith([{ n: 'a', i: 'ubuntu', p: 'creating', s: 0 }], 1);
  const message = 'Operation could not be completed as it results in exceeding approved Cores quota.';
  const failure = { code: 'QuotaExceeded', class: 'quota', message, retryAfterMs: 600_000 };
  applyReport(state, { agent: 'a', outcome: 'failed', failure }, minute);
  const now = minute + 1_000;
  const plan = planCapacity(planningInput(state, specification, now, overdueMs));

  expect(plan.commands).toEqual([]);
  const [hold] = state.holds;
  expect(hold).toMatchObject({ code: 'QuotaExceeded', image: 'ubuntu' });
  const lines = explainLines(
    {
      pool: 'linux',
      status: 'Succeeded',
      holds: state.holds,
      queued: state.queued,
      agents: [],
      assigned: 0,
      running: 0,
      observedAt: state.observedAt,
      lastPlan: { at: now, ...plan },
    },
    now,
  ).join('\n');
  expect(lines).toContain('QuotaExceeded');
  expect(lines).toContain(message);
  expect(lines).toContain(new Date(hold?.until ?? 0).toISOString().slice(0, 19));
});

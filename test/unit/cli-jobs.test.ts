import { describe, expect, test } from '@jest/globals';
import { jobListLines, mergeJobs } from '../../client/cli/commands/job-list.ts';
import { jobLines, receiptLines } from '../../client/cli/commands/job-receipt.ts';
import { waitAccount } from '../../domain/wait.ts';
import { waitLegs } from '../../domain/wait.ts';
import type { JobSummary } from '../../client/sdk/index.ts';

const lease: JobSummary = {
  requestId: 2,
  organization: 'contoso',
  pool: 'linux',
  image: 'debian',
  vmSize: 'Standard_D2ads_v5',
  state: 'running',
  agent: 'a1',
  leasedAt: 5_000,
};
const facts = { pool: 'linux', firstImage: 'ubuntu', now: 10_000 };

describe('the list of jobs', () => {
  test('shows how long a job has been waiting so far', () => {
    const request = { requestId: 1, jobName: 'build', image: '', state: 'queued', agent: '', queuedAt: 4_000 };
    expect(mergeJobs([request], [], facts)).toEqual([{ ...request, pool: 'linux', image: 'ubuntu', waitMs: 6_000 }]);
  });

  test('completes a request by its lease', () => {
    const request = {
      requestId: 2,
      jobName: 'build',
      image: '',
      state: 'running',
      agent: '',
      queuedAt: 4_000,
      startedAt: 5_500,
    };
    expect(mergeJobs([request], [lease], facts)[0]).toMatchObject({
      image: 'debian',
      agent: 'a1',
      waitMs: 1_500,
      durationMs: 4_500,
    });
  });

  test('tells a job that its lease ended from one that somebody cancelled', () => {
    const request = {
      requestId: 2,
      jobName: 'b',
      image: 'x',
      state: 'canceled',
      agent: 'a1',
      queuedAt: 0,
      finishedAt: 9,
    };
    expect(mergeJobs([request], [{ ...lease, state: 'expired' }], facts)[0]).toMatchObject({ state: 'expired' });
    expect(mergeJobs([request], [lease], facts)[0]).toMatchObject({ state: 'canceled' });
    expect(mergeJobs([request], [lease], facts)[0]).not.toHaveProperty('waitMs');
  });

  test('is a table with a dash for what there is not', () => {
    const request = { requestId: 1, jobName: 'build', image: 'ubuntu', state: 'queued', agent: '', queuedAt: 4_000 };
    expect(jobListLines(mergeJobs([request], [], facts), { colour: false })).toEqual([
      'REQUEST  JOB    POOL   IMAGE   STATE   WAIT  DURATION  AGENT',
      '      1  build  linux  ubuntu  queued  6.0s         -  -',
    ]);
  });
});

describe('a wait receipt', () => {
  const receipt = {
    queuedAt: 1_000,
    seenAt: 1_500,
    decidedAt: 1_600,
    createSentAt: 2_000,
    runningAt: 8_000,
    onlineAt: 12_000,
    assignedAt: 12_500,
    startedAt: 13_000,
    finishedAt: 20_000,
  };

  test('has legs that add up to the wait', () => {
    const legs = waitLegs(receipt);
    expect(legs.map(({ name }) => name)).toEqual([
      'seen',
      'decided',
      'asked',
      'created',
      'booted',
      'assigned',
      'started',
    ]);
    expect(legs.reduce((sum, { ms }) => sum + ms, 0)).toBe(receipt.startedAt - receipt.queuedAt);
  });

  test('counts nothing that happened before the job was queued', () => {
    const standby = { ...receipt, queuedAt: 12_100 };
    expect(waitLegs(standby)).toEqual([
      { name: 'assigned', ms: 400 },
      { name: 'started', ms: 500 },
    ]);
  });

  test('never counts more than the wait, though the agent was seen online only after its job had started', () => {
    const late = waitLegs({
      queuedAt: 1_000,
      createSentAt: 2_000,
      onlineAt: 9_000,
      assignedAt: 4_000,
      startedAt: 5_000,
    });
    expect(late.reduce((sum, { ms }) => sum + ms, 0)).toBe(4_000);
  });

  test('is printed in the order of time, each moment with its leg', () => {
    expect(receiptLines({ queuedAt: 12_100, onlineAt: 12_000, startedAt: 13_000 })).toEqual([
      'online       1970-01-01T00:00:12Z',
      'queued       1970-01-01T00:00:12Z  +0.1s',
      'started      1970-01-01T00:00:13Z  +0.9s',
    ]);
  });
});

describe('a job that is shown', () => {
  /** Without the spaces that align the facts. */
  const linesOf = (...given: Parameters<typeof jobLines>) =>
    jobLines(...given).map((line) => line.replace(/^([a-z ]+:) +/, '$1 '));
  const receipt = { queuedAt: 0, seenAt: 1_000, createSentAt: 2_000, runningAt: 40_000, onlineAt: 60_000 };
  const job = {
    requestId: 7,
    organization: 'contoso',
    pool: 'linux',
    image: 'ubuntu',
    vmSize: 'Standard_D2ads_v5',
    state: 'running',
    agent: '012345678000001',
    leasedAt: 61_000,
    receipt: { ...receipt, assignedAt: 61_000, startedAt: 62_000 },
    wait: waitAccount({ ...receipt, assignedAt: 61_000, startedAt: 62_000 }),
  };

  test('while it runs: its wait, where most of it went, when it is cancelled, and each moment with its leg', () => {
    expect(linesOf({ ...job, expiresAt: 172_861_000 }, 100_000)).toEqual([
      'request: 7 of contoso, pool linux',
      'agent: 012345678000001 (ubuntu, Standard_D2ads_v5)',
      'state: running',
      'ends: is cancelled at 1970-01-03T00:01:01Z at the latest',
      'wait: 1m02s, 38s of it while Azure made the machine',
      '',
      'queued       1970-01-01T00:00:00Z',
      'seen         1970-01-01T00:00:01Z  +1.0s',
      'create sent  1970-01-01T00:00:02Z  +1.0s',
      'VM running   1970-01-01T00:00:40Z  +38s',
      'online       1970-01-01T00:01:00Z  +20s',
      'assigned     1970-01-01T00:01:01Z  +1.0s',
      'started      1970-01-01T00:01:02Z  +1.0s',
    ]);
  });

  test('whose agent is silent is not called lost while the lock holds', () => {
    const silent = { since: 90_000, lockedUntil: 690_000, reason: 'its agent fell silent' };
    expect(linesOf({ ...job, silent }, 100_000)).toContain(
      'silent: since 10s, not lost: Azure DevOps keeps it until 1970-01-01T00:11:30Z; its agent fell silent',
    );
    expect(linesOf({ ...job, silent }, 700_000)).toContain(
      'silent: since 10m10s, Azure DevOps has not given it up yet; its agent fell silent',
    );
  });

  test('that was lost: why, what was told on its build, and whether it was run again', () => {
    const lines = linesOf(
      {
        ...job,
        state: 'evicted',
        result: 'abandoned',
        endedAt: 800_000,
        reason: 'Azure evicted its machine',
        retried: true,
        notes: ['odp build was lost - Azure evicted its machine'],
      },
      900_000,
    );
    expect(lines).toEqual(
      expect.arrayContaining([
        'state: evicted: abandoned',
        'why: Azure evicted its machine',
        'run again: yes, its stage',
        'on the build: odp build was lost - Azure evicted its machine',
      ]),
    );
  });

  test('that ended without having started says so, and one that waits says how long so far', () => {
    const waiting = { ...job, receipt, wait: waitAccount(receipt) };
    expect(linesOf({ ...waiting, endedAt: 90_000 }, 100_000)).toContain(
      'wait: it ended without having started, 38s of it while Azure made the machine',
    );
    expect(linesOf(waiting, 100_000)).toContain('wait: 1m40s so far, 38s of it while Azure made the machine');
  });
});

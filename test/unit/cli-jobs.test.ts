import { describe, expect, test } from '@jest/globals';
import { jobListLines, mergeJobs } from '../../client/cli/commands/job-list.ts';
import { receiptLines } from '../../client/cli/commands/job-receipt.ts';
import { waitLegs } from '../../client/cli/up/look.ts';
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

import { describe, expect, test } from '@jest/globals';
import type { Account, JobLife } from '../../domain/invariants/account.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import { wanted } from '../../domain/invariants/wanted.ts';
import { agent, agentId, healthy, hour, job, minute, pool, start, waitingJob } from './invariants-support.ts';

/** The moment at which the agents in question are asked for, and nothing else has happened for an hour. */
const at = start + 3 * hour;

/** A pool of six without standby, these jobs, and agents that are asked for one minute after the other and boot. */
function booting(count: number, jobs: JobLife[], fields: Partial<Account> = {}): Account {
  return healthy({
    pools: [pool({ declared: [{ at: start, maximumConcurrency: 6, stateless: true, standby: 0 }] })],
    jobs,
    workflows: Array.from({ length: count }, (_, index) =>
      agent(index + 1, at + index * minute, undefined, ['Provisioning']),
    ),
    ...fields,
  });
}

const breachesOf = (account: Account) => wanted(account, defaultRules);
const subjects = (account: Account) => breachesOf(account).map(({ subject }) => subject);

describe('wanted', () => {
  const one = [waitingJob(10, at - minute)];

  test('a healthy installation has no breach', () => {
    expect(subjects(healthy())).toEqual([]);
  });

  test('one agent for one job, and one more for what was in flight', () => {
    expect(subjects(booting(2, one))).toEqual([]);
  });

  test('a further agent for the same job is a breach, at the moment at which it is asked for', () => {
    expect(breachesOf(booting(3, one))).toEqual([
      {
        invariant: 'wanted',
        at: at + 2 * minute,
        subject: agentId(3),
        message: 'It is one of 3 agents of the pool build that are free or on their way; at most 2 had a reason.',
      },
    ]);
  });

  test('each waiting job and each place of standby is a reason', () => {
    const two = [...one, waitingJob(11, at)];
    expect(subjects(booting(3, two))).toEqual([]);
    const standby = [pool({ declared: [{ at: start, maximumConcurrency: 6, stateless: true, standby: 1 }] })];
    expect(subjects(booting(4, two, { pools: standby }))).toEqual([]);
    expect(subjects(booting(5, two, { pools: standby }))).toEqual([agentId(5)]);
  });

  test('a job that is queued later is none', () => {
    expect(subjects(booting(3, [...one, waitingJob(11, at + 3 * minute)]))).toEqual([agentId(3)]);
  });

  test('a job that was taken a quarter of an hour before is none any more', () => {
    const taken = (before: number) => [...one, job(11, 9, at + 2 * minute - before, at + hour)];
    expect(subjects(booting(3, taken(15 * minute)))).toEqual([]);
    expect(subjects(booting(3, taken(15 * minute + 1)))).toEqual([agentId(3)]);
  });

  test('an agent that works or goes is not free, nor is one that is overdue', () => {
    const first = (states: string[]) => agent(1, at, undefined, states);
    const rest = booting(3, one).workflows.slice(1);
    expect(subjects(booting(0, one, { workflows: [first(['Provisioning', 'Allocated']), ...rest] }))).toEqual([]);
    expect(subjects(booting(0, one, { workflows: [first(['Provisioning', 'PendingReturn']), ...rest] }))).toEqual([]);
    const long = agent(1, at + 2 * minute - defaultRules.limits.pool.overdueMs, undefined, ['Provisioning']);
    expect(subjects(booting(0, one, { workflows: [long, ...rest] }))).toEqual([]);
  });

  test('a disturbance is a reason, for it may have taken an agent away', () => {
    const disturbances = [{ at, kind: 'machineEvicted', subject: 'any' }];
    expect(subjects(booting(3, one, { disturbances }))).toEqual([]);
    expect(subjects(booting(4, one, { disturbances }))).toEqual([agentId(4)]);
  });

  test('agents of other pools and of stateful pools are left out', () => {
    const stateful = [pool({ declared: [{ at: start, maximumConcurrency: 6, stateless: false, standby: 0 }] })];
    expect(subjects(booting(6, one, { pools: stateful }))).toEqual([]);
    expect(subjects(booting(6, one, { pools: [pool({ name: 'other' })] }))).toEqual([]);
  });
});

import { describe, expect, test } from '@jest/globals';
import type { Account, WorkflowLife } from '../../domain/invariants/account.ts';
import { lateJobs } from '../../domain/invariants/late-jobs.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import { agent, healthy, hour, job, minute, pool, quietFrom, start } from './invariants-support.ts';

const { overdueMs } = defaultRules.limits.pool;

/** A job that is queued when all is quiet and gets an agent after `waitedMs`; until then, agents that never connect. */
function waiting(waitedMs: number, agents: WorkflowLife[], fields: Partial<Account> = {}): Account {
  return healthy({
    jobs: [job(10, 9, quietFrom + waitedMs)].map((one) => ({ ...one, queuedAt: quietFrom })),
    workflows: agents,
    ...fields,
  });
}

const neverOnline = (n: number, at: number, closedAt?: number) => agent(n, at, closedAt, ['Provisioning', 'Starting']);
const breaches = (account: Account) => lateJobs(account, quietFrom, defaultRules);

describe('a job', () => {
  const old = neverOnline(1, start);
  const limitMs = overdueMs + 10 * minute;

  test('does not wait for an agent that is late', () => {
    expect(breaches(waiting(limitMs + 1, [old]))).toEqual([
      {
        invariant: 'liveness',
        at: quietFrom + limitMs,
        subject: 'job request 10',
        message: 'It waited for 20 minutes; every agent of the pool build is late, and no other was asked for.',
      },
    ]);
    expect(breaches(waiting(limitMs, [old]))).toEqual([]);
  });

  test('may wait for one that is not late yet', () => {
    expect(breaches(waiting(hour, [old, neverOnline(2, quietFrom + limitMs - overdueMs)]))).toEqual([]);
    expect(
      breaches(waiting(hour, [old, neverOnline(2, quietFrom + limitMs - overdueMs - 1, quietFrom + minute)])),
    ).toHaveLength(1);
  });

  test('may wait twice as long as machines take here', () => {
    const slow = agent(3, start, start + 3 * hour, [
      'Provisioning',
      ...Array.from({ length: 14 }, () => 'Starting'),
      'Ready',
    ]);
    expect(breaches(waiting(limitMs + 20 * minute, [old, slow]))).toEqual([]);
    expect(breaches(waiting(limitMs + 20 * minute + 1, [old, slow]))).toHaveLength(1);
  });

  test('may wait in a full pool, and while a failure holds its image back', () => {
    expect(breaches(waiting(hour, [old, neverOnline(2, start)]))).toEqual([]);
    const failed = { ...neverOnline(4, start, quietFrom - 65 * minute), result: { outcome: 'failed' } };
    expect(breaches(waiting(hour, [old, failed]))).toEqual([]);
    const held = [pool({ holds: [{ until: quietFrom + 8 * hour, code: 'SkuNotAvailable' }] })];
    expect(breaches(waiting(hour, [old], { pools: held }))).toEqual([]);
  });

  test('may wait for a pool that is deleted or was never accepted', () => {
    expect(breaches(waiting(hour, [old], { pools: [pool({ deletedAt: quietFrom })] }))).toEqual([]);
    expect(breaches(waiting(hour, [old], { pools: [pool({ declared: [] })] }))).toEqual([]);
  });
});

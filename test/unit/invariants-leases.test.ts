import { describe, expect, test } from '@jest/globals';
import { truthfulLease } from '../../domain/invariants/leases.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import type { LeaseOutcome } from '../../domain/messages.ts';
import { day, healthy, hour, job, lease, machine, machineId, minute, pool, start } from './invariants-support.ts';

const end = start + hour;

/** A lease that ended so, over a job that ended so. */
function account(outcome: LeaseOutcome['outcome'], result: string, fields: Parameters<typeof healthy>[0] = {}) {
  const ended: Partial<LeaseOutcome> = { requestId: 10, outcome };
  return healthy({
    workflows: [{ ...lease(10, start, end), result: ended }],
    jobs: [job(10, 1, start, end, result)],
    resources: [machine(1, start - hour, end)],
    ...fields,
  });
}

const breaches = (...given: Parameters<typeof account>) => truthfulLease(account(...given), defaultRules);

describe('truthfulLease', () => {
  test.each([
    ['finished', 'succeeded'],
    ['finished', 'failed'],
    ['cancelled', 'canceled'],
    ['agentLost', 'abandoned'],
  ] as const)('%s fits a job that is %s', (outcome, result) => {
    expect(breaches(outcome, result)).toEqual([]);
  });

  test.each([
    ['finished', 'abandoned'],
    ['finished', 'canceled'],
    ['cancelled', 'succeeded'],
    ['agentLost', 'succeeded'],
    ['evicted', 'failed'],
  ] as const)('%s does not fit a job that is %s', (outcome, result) => {
    const taken = { resources: [machine(1, start - hour, end, { takenAway: true })] };
    expect(breaches(outcome, result, taken)).toMatchObject([
      { subject: 'lease/contoso/10', message: `It ended as ${outcome}, and its job as ${result}.` },
    ]);
  });

  test('a lease that ended before its job is a breach', () => {
    expect(breaches('agentLost', 'abandoned', { jobs: [job(10, 1, start)] })).toMatchObject([
      { message: 'It ended as agentLost, and its job has not ended.' },
    ]);
  });

  test('a job that went with its agent pool excuses what its lease was told', () => {
    const deleted = (deletedAt: number) => ({ pools: [{ ...pool(), deletedAt }] });
    expect(breaches('agentLost', 'canceled', deleted(start + minute))).toEqual([]);
    expect(breaches('agentLost', 'canceled', deleted(end + minute))).toHaveLength(1);
  });

  test('evicted needs a machine that was taken away, or stopped or deleted from outside before its job ended', () => {
    expect(breaches('evicted', 'abandoned')).toMatchObject([
      { message: 'It ended as evicted, and nobody took its machine away.' },
    ]);
    const by = (kind: string, at: number, n = 1) => ({ disturbances: [{ kind, at, subject: machineId(n) }] });
    expect(breaches('evicted', 'abandoned', by('machineStopped', start + minute))).toEqual([]);
    expect(breaches('evicted', 'abandoned', by('machineStopped', end + minute))).toHaveLength(1);
    expect(breaches('evicted', 'abandoned', by('machineStopped', start + minute, 2))).toHaveLength(1);
    expect(breaches('evicted', 'abandoned', by('tagsAltered', start + minute))).toHaveLength(1);
    const taken = machine(1, start - hour, end, { takenAway: true });
    expect(breaches('evicted', 'abandoned', { resources: [taken] })).toEqual([]);
  });

  test('expired needs two days, and is never run again', () => {
    expect(breaches('expired', 'canceled')).toMatchObject([
      { message: expect.stringContaining('It ended as expired') },
    ]);
    const result = { requestId: 10, outcome: 'expired' };
    const late = { ...lease(10, start, start + 2 * day), result };
    expect(breaches('expired', 'canceled', { workflows: [late] })).toEqual([]);
    expect(
      breaches('expired', 'canceled', { workflows: [{ ...late, result: { ...result, retried: true } }] }),
    ).toMatchObject([{ message: 'It ended as expired, and its stage was run again.' }]);
  });
});

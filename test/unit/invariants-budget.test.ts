import { describe, expect, test } from '@jest/globals';
import type { Account, PoolAccount } from '../../domain/invariants/account.ts';
import { budget } from '../../domain/invariants/budget.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import { agent, healthy, job, machineId, pool, start, until, workflow } from './invariants-support.ts';

const check = (account: Account) => budget(account, defaultRules);

describe('budget', () => {
  /** The healthy account with so many create calls, the most in one second, and agents. */
  function calling(creates: number, mostCreatesInOneSecond: number, agents = 2): Account {
    return healthy({
      calls: { byOperation: { VirtualMachines_CreateOrUpdate: creates }, mostCreatesInOneSecond },
      workflows: Array.from({ length: agents }, (_, n) => agent(n, start)),
    });
  }

  test('an agent may repeat its create, and not without end', () => {
    expect(check(calling(40, 1))).toEqual([]);
    expect(check(calling(41, 1))).toEqual([
      {
        invariant: 'budget',
        at: until,
        subject: 'VirtualMachines_CreateOrUpdate',
        message: '41 create calls for 2 agents, at most 40.',
      },
    ]);
    expect(check(calling(41, 1, 3))).toEqual([]);
  });

  test('creates of one second fit the bucket of Azure Resource Manager', () => {
    expect(check(calling(40, 210))).toEqual([]);
    expect(check(calling(40, 211))).toMatchObject([{ message: '211 create calls left in one second, at most 210.' }]);
  });

  describe('calls of one operation, of two agents and a job in eight hours of one pool,', () => {
    const called = (operation: string, count: number, fields: Partial<Account> = {}) =>
      check(healthy({ calls: { byOperation: { [operation]: count }, mostCreatesInOneSecond: 0 }, ...fields })).map(
        ({ message }) => message,
      );
    const most = 60 * 2 + 20 + 5 * 480 + 200;

    test('have their budget', () => {
      expect(called('Operations_Get', most)).toEqual([]);
      expect(called('Operations_Get', most + 1)).toEqual([
        `${most + 1} calls for 2 agents in 480 pool minutes, at most ${most}.`,
      ]);
    });

    test.each(['Agents_List', 'JobRequests_List'])('and looks every two seconds, of two observers: %s', (operation) => {
      const looks = most + 2 * 30 * 480;
      expect(called(operation, looks)).toEqual([]);
      expect(called(operation, looks + 1)).toHaveLength(1);
    });

    test('have no share in the time of a pool that never was', () => {
      expect(called('Operations_Get', most - 5 * 480, { pools: [] })).toEqual([]);
      expect(called('Operations_Get', most - 5 * 480 + 1, { pools: [] })).toHaveLength(1);
    });
  });

  test('without calls nothing is said of them', () => {
    const { calls: _, ...uncounted } = healthy();
    expect(check(uncounted)).toEqual([]);
  });

  /** An account of so many agents, all else as given. */
  const asking = (agents: number, fields: Partial<Account> = {}) =>
    check(healthy({ workflows: Array.from({ length: agents }, (_, n) => agent(n, start)), jobs: [], ...fields })).map(
      ({ subject }) => subject,
    );
  const ofStandby = (...standby: number[]): PoolAccount =>
    pool({
      declared: standby.map((count) => ({ at: start, maximumConcurrency: 9, stateless: true, standby: count })),
    });

  test.each<[reason: string, most: number, Partial<Account>]>([
    ['a document without standby', 8, { pools: [ofStandby(0)] }],
    ['a place of standby', 11, { pools: [ofStandby(1)] }],
    ['another document', 14, { pools: [ofStandby(1, 0)] }],
    ['two jobs', 12, { pools: [ofStandby(0)], jobs: [job(10, 1, start), job(11, 2, start)] }],
    [
      'agents that failed',
      12,
      { pools: [{ ...ofStandby(0), totals: { requested: 5, returned: 0, failed: 4, jobs: 0 } }] },
    ],
    [
      'a machine that was stopped',
      11,
      { pools: [ofStandby(0)], disturbances: [{ at: start, kind: 'machineStopped', subject: machineId(1) }] },
    ],
  ])('with %s, %i agents have a reason and one more has none', (_, most, fields) => {
    expect(asking(most, fields)).toEqual([]);
    expect(asking(most + 1, fields)).toEqual(['agents']);
  });

  test('where a pool is gone or silent, nobody knows how many of its agents failed', () => {
    const { totals: _, ...silent } = pool();
    expect(asking(100, { pools: [silent] })).toEqual([]);
    expect(asking(100, { pools: [pool({ deletedAt: start })] })).toEqual([]);
  });

  test('leases and pools are no agents', () => {
    const others = Array.from({ length: 100 }, (_, n) => workflow(`lease/contoso/${n}`, start));
    expect(check(healthy({ workflows: others, jobs: [] }))).toEqual([]);
  });
});

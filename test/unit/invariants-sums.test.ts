import { describe, expect, test } from '@jest/globals';
import type { Account, PoolAccount } from '../../domain/invariants/account.ts';
import { budget, conservation } from '../../domain/invariants/sums.ts';
import {
  agent,
  agentId,
  healthy,
  hour,
  job,
  machine,
  machineId,
  minute,
  pool,
  start,
  until,
  workflow,
} from './invariants-support.ts';

describe('conservation', () => {
  const totals = { requested: 7, returned: 4, failed: 1, jobs: 3 };
  const counted = (fields: Partial<PoolAccount>, more: Partial<Account> = {}) =>
    conservation(healthy({ pools: [pool({ totals, roster: 2, ...fields })], ...more }));

  test('agents that were asked for have returned, have failed or are there', () => {
    expect(counted({})).toEqual([]);
  });

  test.each([1, 3])('a roster of %i in place of 2 is a breach', (roster) => {
    expect(counted({ roster })).toEqual([
      {
        invariant: 'conservation',
        at: until,
        subject: 'pool/build',
        message: `7 agents were asked for; 4 returned, 1 failed and ${roster} are there.`,
      },
    ]);
  });

  test('nothing is said of a pool that does not tell its totals, or that is closed', () => {
    const { totals: _, ...silent } = pool();
    expect(conservation(healthy({ pools: [silent] }))).toEqual([]);
    expect(counted({ roster: 1 }, { workflows: [workflow('pool/build', start, until)] })).toEqual([]);
  });

  test('a second machine of an agent is a breach, in whatever pool and however early the first was gone', () => {
    const other = `${machineId(1)}-2`;
    const resources = [machine(1, start, start + minute), machine(1, start + hour, undefined, { id: other })];
    expect(conservation(healthy({ resources }))).toEqual([
      {
        invariant: 'conservation',
        at: start + hour,
        subject: agentId(1),
        message: `It made 2 machines: ${machineId(1)}, ${other}.`,
      },
    ]);
  });

  test('machines of two agents, parts of one machine, and one machine made again are not', () => {
    expect(conservation(healthy({ resources: [machine(1, start), machine(2, start)] }))).toEqual([]);
    const disk = machine(1, start, undefined, { id: `${machineId(1)}-os`, kind: 'disk' });
    expect(conservation(healthy({ resources: [machine(1, start), disk] }))).toEqual([]);
    const again = machine(1, start + hour, undefined, { id: machineId(1).toUpperCase() });
    expect(conservation(healthy({ resources: [machine(1, start, start + minute), again] }))).toEqual([]);
  });

  test('what was planted under an agent’s name is not its machine', () => {
    const planted = machine(1, start + hour, undefined, { id: `${machineId(1)}-planted` });
    const disturbances = [{ at: start, kind: 'orphanPlanted', subject: planted.id }];
    expect(conservation(healthy({ resources: [machine(1, start), planted], disturbances }))).toEqual([]);
  });
});

describe('budget', () => {
  /** The healthy account with so many create calls, the most in one second, and agents. */
  function calling(creates: number, mostCreatesInOneSecond: number, agents = 2): Account {
    return healthy({
      calls: { byOperation: { VirtualMachines_CreateOrUpdate: creates }, mostCreatesInOneSecond },
      workflows: Array.from({ length: agents }, (_, n) => agent(n, start)),
    });
  }

  test('an agent may repeat its create, and not without end', () => {
    expect(budget(calling(40, 1))).toEqual([]);
    expect(budget(calling(41, 1))).toEqual([
      {
        invariant: 'budget',
        at: until,
        subject: 'VirtualMachines_CreateOrUpdate',
        message: '41 create calls for 2 agents, at most 40.',
      },
    ]);
    expect(budget(calling(41, 1, 3))).toEqual([]);
  });

  test('creates of one second fit the bucket of Azure Resource Manager', () => {
    expect(budget(calling(40, 210))).toEqual([]);
    expect(budget(calling(40, 211))).toMatchObject([{ message: '211 create calls left in one second, at most 210.' }]);
  });

  test('without calls nothing is said of them', () => {
    const { calls: _, ...uncounted } = healthy();
    expect(budget(uncounted)).toEqual([]);
  });

  /** An account of so many agents, all else as given. */
  const asking = (agents: number, fields: Partial<Account> = {}) =>
    budget(healthy({ workflows: Array.from({ length: agents }, (_, n) => agent(n, start)), jobs: [], ...fields })).map(
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
    expect(budget(healthy({ workflows: others, jobs: [] }))).toEqual([]);
  });
});

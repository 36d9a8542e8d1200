import { describe, expect, test } from '@jest/globals';
import type { Account, PoolAccount } from '../../domain/invariants/account.ts';
import { conservation } from '../../domain/invariants/conservation.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import {
  agent,
  agentId,
  healthy,
  hour,
  machine,
  machineId,
  minute,
  pool,
  start,
  until,
  workflow,
} from './invariants-support.ts';

const check = (account: Account) => conservation(account, defaultRules);

describe('conservation', () => {
  const totals = { requested: 7, returned: 4, failed: 1, jobs: 3 };
  const counted = (fields: Partial<PoolAccount>, more: Partial<Account> = {}) =>
    check(healthy({ pools: [pool({ totals, roster: 2, ...fields })], ...more }));

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
    expect(check(healthy({ pools: [silent] }))).toEqual([]);
    const closed = { resources: [], workflows: [workflow('pool/build', start, until)] };
    expect(counted({ roster: 1 }, closed)).toEqual([]);
  });

  test('a second machine of an agent is a breach, in whatever pool and however early the first was gone', () => {
    const other = `${machineId(1)}-2`;
    const resources = [machine(1, start, start + minute), machine(1, start + hour, undefined, { id: other })];
    expect(check(healthy({ resources }))).toEqual([
      {
        invariant: 'conservation',
        at: start + hour,
        subject: agentId(1),
        message: `It made 2 machines: ${machineId(1)}, ${other}.`,
      },
    ]);
  });

  test('machines of two agents, parts of one machine, and one machine made again are not', () => {
    expect(check(healthy({ resources: [machine(1, start), machine(2, start)] }))).toEqual([]);
    const disk = machine(1, start, undefined, { id: `${machineId(1)}-os`, kind: 'disk' });
    expect(check(healthy({ resources: [machine(1, start), disk] }))).toEqual([]);
    const again = machine(1, start + hour, undefined, { id: machineId(1).toUpperCase() });
    expect(check(healthy({ resources: [machine(1, start, start + minute), again] }))).toEqual([]);
  });

  test('what was planted under an agent’s name is not its machine', () => {
    const planted = machine(1, start + hour, undefined, { id: `${machineId(1)}-planted` });
    const disturbances = [{ at: start, kind: 'orphanPlanted', subject: planted.id }];
    expect(check(healthy({ resources: [machine(1, start), planted], disturbances }))).toEqual([]);
  });

  test('a machine of an agent that nobody asked for is a breach, in a whole run', () => {
    const account = healthy({ resources: [machine(9, start, until - hour)] });
    expect(check(account)).toMatchObject([{ subject: machineId(9), at: start }]);
    expect(check({ ...account, resources: [machine(9, start, undefined, { kind: 'disk' })] })).toEqual([]);
    const young = (age: number) => check({ ...account, resources: [machine(9, until - age)] });
    expect(young(5 * minute)).toHaveLength(1);
    expect(young(5 * minute - 1)).toEqual([]);
    // One look knows only what is open.
    expect(check({ ...account, from: until })).toEqual([]);
  });

  describe('what a pool counts', () => {
    const reported = (n: number, result: object | undefined, at = start + minute) => ({
      ...agent(n, at, at + hour),
      ...(result === undefined ? {} : { result: { agent: agentId(n), ...result } }),
    });
    const life = workflow('pool/build', start);
    const reports = [
      reported(1, { outcome: 'returned', job: { requestId: 10 } }),
      reported(2, { outcome: 'returned' }),
      reported(3, { outcome: 'failed' }),
      agent(4, start + minute),
    ];
    const right = { requested: 4, returned: 2, failed: 1, jobs: 1 };
    const told = (sums: typeof right, workflows = [life, ...reports], roster = 1) =>
      check(healthy({ resources: [], workflows, pools: [pool({ totals: sums, roster })] })).map(
        ({ message }) => message,
      );

    test('is what its agents report', () => {
      expect(told(right)).toEqual([]);
    });

    test('are also the jobs that a stateful agent told it of before its end, or while it is there', () => {
      const lived = [...reports.slice(0, 2), reported(3, { outcome: 'returned', told: 4 })];
      const sums = { requested: 3, returned: 3, failed: 0, jobs: 5 };
      expect(told(sums, [life, ...lived], 0)).toEqual([]);
      expect(told({ ...sums, jobs: 4 }, [life, ...lived], 0)).toEqual(['It counts 4 jobs; of its agents it is 5.']);
      const declared = [{ at: start, maximumConcurrency: 2, stateless: false, standby: 0 }];
      const open = (jobs: number) =>
        check(
          healthy({
            resources: [],
            workflows: [life, ...lived, agent(4, start + minute)],
            pools: [pool({ totals: { ...sums, requested: 4, jobs }, roster: 1, declared })],
          }),
        );
      expect(open(9)).toEqual([]);
      expect(open(4)).toHaveLength(1);
    });

    test.each([
      [{ ...right, jobs: 2 }, ['It counts 2 jobs; of its agents it is 1.']],
      [{ ...right, jobs: 0 }, ['It counts 0 jobs; of its agents it is 1.']],
      [
        { ...right, returned: 1, failed: 2 },
        ['It counts 1 returned; of its agents it is 2.', 'It counts 2 failed; of its agents it is 1.'],
      ],
      [
        { ...right, requested: 5, returned: 3 },
        ['It counts 5 requested; of its agents it is 4.', 'It counts 3 returned; of its agents it is 2.'],
      ],
    ])('is wrong as %j', (sums, messages) => {
      expect(told(sums)).toEqual(messages);
    });

    test('is not compared while a report is on its way', () => {
      expect(told({ ...right, returned: 1 }, [life, ...reports], 2)).toEqual([]);
    });

    test('is not compared where an agent was ended by force', () => {
      const forced = { ...reported(5, undefined), runs: reported(5, undefined).runs };
      expect(told(right, [life, ...reports, forced])).toEqual([]);
    });

    test('goes on through continue-as-new, and begins anew with a new life', () => {
      const at = start + 2 * hour;
      const [run] = workflow('pool/build', start, at).runs;
      const [last] = workflow('pool/build', at).runs;
      const lives = (status: 'completed' | 'continuedAsNew') => ({ ...life, runs: [{ ...run!, status }, last!] });
      expect(told(right, [lives('continuedAsNew'), ...reports])).toEqual([]);
      const later = [reported(6, { outcome: 'returned' }, at), agent(7, at)];
      const former = reports.slice(0, 3);
      const own = { requested: 2, returned: 1, failed: 0, jobs: 0 };
      expect(told(own, [lives('completed'), ...former, ...later])).toEqual([]);
      expect(told(own, [lives('continuedAsNew'), ...former, ...later])).not.toEqual([]);
    });
  });
});

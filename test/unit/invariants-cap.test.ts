import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Account, PoolAccount } from '../../domain/invariants/account.ts';
import { cap, maximumAt } from '../../domain/invariants/cap.ts';
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
  workflow,
} from './invariants-support.ts';

/** The pool with these maxima, each from its minute on. */
function changing(...maxima: [atMinute: number, maximumConcurrency: number][]): PoolAccount {
  return pool({
    declared: maxima.map(([at, maximumConcurrency]) => ({
      at: start + at * minute,
      maximumConcurrency,
      stateless: true,
      standby: 0,
    })),
  });
}

function subjects(account: Account): string[] {
  return cap(account).map(({ subject }) => subject);
}

const third = start + 2 * hour;

describe('cap', () => {
  /** Two machines that stay, in a pool of two. */
  const full = [machine(1, start), machine(2, start + minute)];

  test('a pool may have as many machines as its maximum', () => {
    expect(subjects(healthy({ resources: full }))).toEqual([]);
  });

  test('one machine more is a breach, at the moment of its create call', () => {
    expect(cap(healthy({ resources: [...full, machine(3, third)] }))).toEqual([
      {
        invariant: 'cap',
        at: third,
        subject: machineId(3),
        message: 'It is one of 3 running machines of the pool build; its maximum is 2.',
      },
    ]);
  });

  test('a parked machine does not count: another one may run in its place', () => {
    const span = { askedAt: third - hour, from: third - 1 };
    const parked = machine(1, start, undefined, { parked: [span] });
    expect(subjects(healthy({ resources: [parked, full[1]!, machine(3, third)] }))).toEqual([]);
    const stopping = machine(1, start, undefined, { parked: [{ askedAt: third - hour }] });
    expect(subjects(healthy({ resources: [stopping, full[1]!, machine(3, third)] }))).toEqual([machineId(3)]);
  });

  test('a parked machine that is started counts from then on', () => {
    const until = third + hour;
    const parked = machine(1, start, undefined, { parked: [{ askedAt: start + hour, from: third - 1, until }] });
    const resources = [parked, full[1]!, machine(3, third)];
    expect(cap(healthy({ resources }))).toMatchObject([{ at: until, subject: machineId(1) }]);
    expect(subjects(healthy({ resources: [parked, full[1]!, machine(3, third, until - 1)] }))).toEqual([]);
  });

  test('a machine counts until it is gone, not until its deletion is asked for', () => {
    const after = (gone: number) => healthy({ resources: [machine(1, start, gone), full[1]!, machine(3, third)] });
    expect(subjects(after(third + 1))).toEqual([machineId(3)]);
    expect(subjects(after(third))).toEqual([]);
  });

  test('a machine that was asked for under a larger maximum may come late', () => {
    const lowered = changing([0, 3], [60, 2]);
    const late = start + 90 * minute;
    const account = (askedAt: number) =>
      healthy({ pools: [lowered], resources: [...full, machine(3, late)], workflows: [agent(3, askedAt)] });
    expect(subjects(account(start + 59 * minute))).toEqual([]);
    expect(subjects(account(start + 63 * minute))).toEqual([machineId(3)]);
  });

  test('two machines that are asked for at once count both', () => {
    expect(subjects(healthy({ resources: [full[0]!, machine(3, third), machine(4, third)] }))).toHaveLength(2);
  });

  test('disks, interfaces and machines of other pools do not count', () => {
    const others = [
      machine(3, third, undefined, { kind: 'disk' }),
      machine(4, third, undefined, { kind: 'networkInterface' }),
      machine(5, third, undefined, { pool: 'other' }),
    ];
    expect(subjects(healthy({ resources: [...full, ...others] }))).toEqual([]);
    expect(subjects(healthy({ resources: [...full, machine(5, third, undefined, { pool: 'BUILD' })] }))).toHaveLength(
      1,
    );
  });

  test('a pool whose document was never accepted may have no machine', () => {
    expect(subjects(healthy({ resources: [machine(1, start)], pools: [pool({ declared: [] })] }))).toHaveLength(1);
  });

  test('what was planted is not the pool’s, but only that', () => {
    const resources = [...full, machine(3, third)];
    const disturbances = (subject: string) => [{ at: third, kind: 'orphanPlanted', subject }];
    expect(subjects(healthy({ resources, disturbances: disturbances(machineId(3)) }))).toEqual([]);
    expect(subjects(healthy({ resources, disturbances: disturbances(machineId(4)) }))).toEqual([machineId(3)]);
  });

  test('what an attempt makes after its agent has closed is the auditor’s, not the pool’s', () => {
    const closedAt = (end: number) =>
      healthy({ resources: [...full, machine(3, third)], workflows: [agent(3, start, end)] });
    expect(subjects(closedAt(third - 1))).toEqual([]);
    expect(subjects(closedAt(third))).toEqual([machineId(3)]);
  });

  test('when the maximum is lowered, machines above it may finish, and none may come', () => {
    const lowered = changing([0, 2], [60, 1]);
    expect(subjects(healthy({ resources: full, pools: [lowered] }))).toEqual([]);
    // One of the two is gone, and the pool is as full as it may be.
    const resources = [machine(1, start, third - minute), full[1]!, machine(3, third)];
    expect(subjects(healthy({ resources, pools: [lowered] }))).toEqual([machineId(3)]);
    expect(subjects(healthy({ resources: [machine(3, third)], pools: [lowered] }))).toEqual([]);
  });
});

describe('the maximum in force', () => {
  const at = (declared: PoolAccount, minutes: number) => maximumAt(declared, start + minutes * minute);

  test.each([
    ['before any document', -2.01, 0],
    ['two minutes before the first is known to be accepted', -2, 5],
    ['under the first', 30, 5],
    ['just before a lower one', 57, 5],
    ['less than two minutes after it', 61.99, 5],
    ['two minutes after it', 62, 1],
    ['just before a higher one', 117.99, 1],
    ['two minutes before a higher one', 118, 3],
    ['long after the last', 100_000, 3],
  ])('%s', (_, minutes, expected) => {
    expect(at(changing([0, 5], [60, 1], [120, 3]), minutes)).toBe(expected);
  });

  test('of several documents within two minutes each may be the one', () => {
    const hasty = changing([0, 2], [60, 7], [60.5, 1], [61, 2]);
    expect(at(hasty, 60.7)).toBe(7);
    expect(at(hasty, 62.4)).toBe(7);
    expect(at(hasty, 62.5)).toBe(2);
  });
});

describe('properties', () => {
  const lives = fc.array(fc.record({ from: fc.nat(40), lasts: fc.integer({ min: 1, max: 40 }), stays: fc.boolean() }), {
    maxLength: 8,
  });

  /** Minutes are the unit, so that a count at every minute is a count at every instant. */
  function machinesOf(drawn: { from: number; lasts: number; stays: boolean }[]) {
    return drawn.map(({ from, lasts, stays }, n) =>
      machine(n, start + from * minute, stays ? undefined : start + (from + lasts) * minute),
    );
  }

  function countAt(resources: ReturnType<typeof machinesOf>, at: number): number {
    let count = 0;
    for (const { from, until } of resources) if (from <= at && (until === undefined || until > at)) count += 1;
    return count;
  }

  test('breaches are found exactly when a count at every instant passes the maximum', () => {
    fc.assert(
      fc.property(lives, fc.nat(8), (drawn, maximum) => {
        const resources = machinesOf(drawn);
        const instants = Array.from({ length: 81 }, (_, index) => start + index * minute);
        const passed = instants.some((at) => countAt(resources, at) > maximum);
        expect(cap(healthy({ resources, pools: [changing([-10, maximum])] })).length > 0).toBe(passed);
      }),
    );
  });

  /** The largest maximum within two minutes: by looking at every half minute, at which nothing changes. */
  function largestNear({ declared }: PoolAccount, at: number): number {
    const halves = Array.from({ length: 8 }, (_, index) => at + ((index - 3) * minute) / 2);
    return Math.max(...halves.map((instant) => declared.findLast((one) => one.at <= instant)?.maximumConcurrency ?? 0));
  }

  test('with a maximum that changes, exactly the creates above it are breaches', () => {
    const changes = fc.uniqueArray(fc.tuple(fc.nat(80), fc.nat(8)), { maxLength: 4, selector: ([at]) => at });
    fc.assert(
      fc.property(lives, changes, (drawn, changed) => {
        const resources = machinesOf(drawn);
        const declared = changing([-10, 4], ...changed.toSorted(([one], [other]) => one - other));
        const above = resources.filter(({ from }) => countAt(resources, from) > largestNear(declared, from));
        const workflows = resources.map(({ owner, from }) => workflow(owner, from));
        expect(subjects(healthy({ resources, workflows, pools: [declared] }))).toEqual(above.map(({ id }) => id));
      }),
    );
  });

  test('the order in which machines are told does not matter, and nobody else’s machine does', () => {
    fc.assert(
      fc.property(lives, fc.nat(4), (drawn, maximum) => {
        const resources = machinesOf(drawn);
        const pools = [changing([-10, maximum])];
        const others = resources.map((one, n) => ({
          ...one,
          id: machineId(100 + n),
          owner: agentId(100 + n),
          pool: 'x',
        }));
        const found = subjects(healthy({ resources, pools })).toSorted();
        expect(subjects(healthy({ resources: [...others, ...resources.toReversed()], pools })).toSorted()).toEqual(
          found,
        );
      }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { legalTransitions as table, type AgentState } from '../../domain/agent-state.ts';
import type { Account } from '../../domain/invariants/account.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import { legalTransitions, timeLimits } from '../../domain/invariants/states.ts';
import {
  agent,
  day,
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

describe('legalTransitions', () => {
  const told = (states: string[], closedAt?: number, stateless = true) => {
    const pools = [pool({ declared: [{ at: start, maximumConcurrency: 2, stateless, standby: 0 }] })];
    const workflows = [agent(3, start, closedAt, states)];
    return legalTransitions(healthy({ workflows, pools })).map(({ message }) => message);
  };

  test.each([
    [['Provisioning', 'Starting', 'Ready', 'Allocated', 'PendingReturn']],
    [['Provisioning', 'Allocated', 'PendingReturn']],
    [['Provisioning', 'PendingReturn', 'Returned']],
    [['Provisioning', 'Starting', 'Ready', 'PendingReturn', 'Allocated', 'PendingReturn']],
    [['Provisioning', 'Provisioning', 'Starting']],
  ])('%j is a life', (states) => {
    expect(told(states)).toEqual([]);
  });

  test.each([
    [['Provisioning', 'Ready', 'Starting'], 'It went from Ready to Starting.'],
    [['Provisioning', 'Starting', 'Ready', 'Allocated', 'Ready'], 'It went from Allocated to Ready.'],
    [['Provisioning', 'Starting', 'Returned'], 'It went from Starting to Returned.'],
    [['Provisioning', 'PendingReturn', 'Returned', 'Ready'], 'It went from Returned to Ready.'],
    [['Provisioning', 'Sleeping'], 'It went from Provisioning to Sleeping.'],
    [['Provisioning', 'constructor'], 'It went from Provisioning to constructor.'],
    [['Sleeping', 'Ready'], 'It went from Sleeping to Ready.'],
  ])('%j is none', (states, message) => {
    expect(told(states)[0]).toBe(message);
  });

  const lives = [
    ['Provisioning', 'Starting', 'Ready', 'Allocated', 'Ready', 'Allocated', 'NotReady', 'Ready', 'PendingReturn'],
    [
      'Provisioning',
      'Starting',
      'Ready',
      'NotReady',
      'Parked',
      'Starting',
      'Ready',
      'NotReady',
      'Parked',
      'PendingReturn',
    ],
    ['Provisioning', 'Starting', 'Ready', 'NotReady', 'Ready'],
    ['Provisioning', 'Starting', 'NotReady', 'Parked', 'Starting'],
  ];
  test.each(lives)('%s, %s, %s, %s, %s… is a life of a stateful agent only', (...states) => {
    expect(told(states, undefined, false)).toEqual([]);
    expect(told(states)).not.toEqual([]);
  });

  test('a closed agent shows no further state', () => {
    expect(told(['Provisioning', 'PendingReturn'], start + minute)).toEqual([]);
    expect(told(['Provisioning', 'PendingReturn'], start + minute - 1)).toEqual([
      'It went to PendingReturn after it had closed.',
    ]);
  });

  test('every walk along the table is legal, and every step beside it is told', () => {
    const names = Object.keys(table) as AgentState[];
    const step = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names));
    fc.assert(
      fc.property(step, ([from, to]) => {
        const legal = from === to || table[from].includes(to);
        expect(told([from, to], undefined, false)).toHaveLength(legal ? 0 : 1);
      }),
    );
  });

  test('only agents have these states', () => {
    const states = [
      { state: 'Ready', at: start },
      { state: 'Provisioning', at: start },
    ];
    expect(
      legalTransitions(healthy({ workflows: [workflow('lease/contoso/1', start, undefined, { states })] })),
    ).toEqual([]);
  });
});

describe('timeLimits', () => {
  const check = (fields: Partial<Account>) =>
    timeLimits(healthy({ workflows: [], jobs: [], resources: [], ...fields }), defaultRules).map(
      ({ subject }) => subject,
    );

  test('a job ends within its lease, the time that its end takes, and an hour', () => {
    // Two days; ten minutes until its agent counts as lost, five in which the server waits, 45 for all else.
    const most = 2 * day + hour;
    const lasting = (ms: number) => {
      const jobs = [job(10, 1, start, start + ms)];
      return check({ jobs, until: start + 10 * day, quietFrom: start + 5 * day });
    };
    expect(lasting(most)).toEqual([]);
    expect(lasting(most + 1)).toEqual(['job request 10']);
  });

  test('a job whose lease is over while nothing disturbs does not end by itself any more', () => {
    const most = 2 * day + 5 * minute;
    const lasting = (ms: number, result?: string) =>
      check({ jobs: [job(10, 1, start, start + ms, result)], until: start + 10 * day, quietFrom: start + 2 * day });
    expect(lasting(most)).toEqual([]);
    expect(lasting(most + 1)).toEqual(['job request 10']);
    expect(lasting(most + 1, 'failed')).toEqual(['job request 10']);
    expect(lasting(most + 1, 'canceled')).toEqual([]);
  });

  test('a job that goes on is measured until the end of the account', () => {
    const at = (end: number) => check({ jobs: [job(10, 1, start)], until: end });
    expect(at(start + 2 * day + hour)).toEqual([]);
    expect(at(start + 2 * day + hour + 1)).toEqual(['job request 10']);
  });

  // Creating, connecting and returning twice, with 45 minutes to spare.
  const around = 45 * minute + 45 * minute + 60 * minute + 45 * minute;

  test('a machine that never connected goes after its limit for connecting', () => {
    const living = (ms: number) =>
      check({
        resources: [machine(1, start, start + ms)],
        workflows: [agent(1, start, undefined, ['Provisioning', 'Starting'])],
        until: start + 20 * day,
      });
    expect(living(around + 45 * minute)).toEqual([]);
    expect(living(around + 45 * minute + 1)).toEqual([machineId(1)]);
  });

  test('a machine that stood by goes after seven days, and one that exists still counts', () => {
    const workflows = [agent(1, start)];
    const living = (ms: number) => check({ resources: [machine(1, start)], workflows, until: start + ms });
    expect(living(around + 7 * day)).toEqual([]);
    expect(living(around + 7 * day + 1)).toEqual([machineId(1)]);
  });

  test('a machine whose job began late may finish it', () => {
    const living = (ms: number) =>
      check({
        resources: [machine(1, start, start + ms)],
        workflows: [agent(1, start)],
        jobs: [job(10, 1, start + 7 * day, start + 9 * day)],
        until: start + 20 * day,
      });
    expect(living(9 * day)).toEqual([]);
    expect(living(around + 9 * day + 15 * minute + 1)).toEqual([machineId(1)]);
  });

  test('one look at a machine that works or returns does not tell what it did before', () => {
    const now = start + 9 * day;
    const lived = { resources: [machine(1, start)] };
    const seen = (state: string) => agent(1, start, undefined, [state]);
    const looking = (state: string) => check({ ...lived, from: now, until: now, workflows: [seen(state)] });
    expect(looking('Allocated')).toEqual([]);
    expect(looking('PendingReturn')).toEqual([]);
    expect(looking('Ready')).toEqual([machineId(1)]);
    expect(looking('Starting')).toEqual([machineId(1)]);
    expect(check({ ...lived, until: now, workflows: [seen('PendingReturn')] })).toEqual([machineId(1)]);
    const late = now + 2 * day;
    expect(check({ ...lived, from: late, until: late, workflows: [seen('PendingReturn')] })).toEqual([machineId(1)]);
  });

  test('disks have no life of their own', () => {
    const resources = [machine(1, start, undefined, { kind: 'disk' })];
    expect(check({ resources, until: start + 30 * day })).toEqual([]);
  });

  test('no image is held back for longer than a day', () => {
    const held = (ms: number) => check({ pools: [pool({ holds: [{ until: until + ms, code: 'SkuNotAvailable' }] })] });
    expect(held(day)).toEqual([]);
    expect(held(day + 1)).toEqual(['pool/build']);
  });
});

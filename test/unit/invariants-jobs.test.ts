import { describe, expect, test } from '@jest/globals';
import type { Disturbance } from '../../domain/invariants/account.ts';
import { noDoubleRun, noJobKilled, oneCleanImagePerJob } from '../../domain/invariants/jobs.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import {
  agentName,
  day,
  healthy,
  hour,
  job,
  lease,
  machine,
  machineId,
  minute,
  pool,
  start,
  workflow,
} from './invariants-support.ts';

describe('noDoubleRun', () => {
  test('a job that one machine received twice, before and after its agent restarted, ran once', () => {
    const once = job(10, 1, start, start + hour);
    const twice = { ...once, receipts: [...once.receipts, ...once.receipts] };
    expect(noDoubleRun(healthy({ jobs: [twice] }))).toEqual([]);
  });

  test('a job that two machines received ran twice', () => {
    const once = job(10, 1, start, start + hour);
    const second = { agent: agentName(2), machineId: machineId(2), at: start + minute };
    expect(noDoubleRun(healthy({ jobs: [{ ...once, receipts: [...once.receipts, second] }] }))).toMatchObject([
      { subject: 'job request 10', at: start + minute },
    ]);
  });

  test('a job that ended twice ran twice', () => {
    const once = job(10, 1, start, start + hour);
    expect(
      noDoubleRun(healthy({ jobs: [{ ...once, finishes: [...once.finishes, { at: start, result: 'failed' }] }] })),
    ).toMatchObject([{ message: 'It ended 2 times: succeeded, failed.' }]);
  });

  test('leases of different job requests, or of different organisations, may stand beside each other', () => {
    const workflows = [lease(10, start), lease(11, start), workflow('lease/fabrikam/10', start)];
    expect(noDoubleRun(healthy({ workflows }))).toEqual([]);
  });

  test.each([
    ['another id', [lease(10, start, start + hour), { ...lease(10, start), id: 'lease/contoso/10-again' }]],
    [
      'an id that does not name it',
      [lease(10, start, start + hour), { ...lease(10, start, start + 1), id: 'lease/contoso/x' }],
    ],
    ['a second run', [{ ...lease(10, start), runs: [...lease(10, start, start + 1).runs, ...lease(10, start).runs] }]],
  ])('a second lease of a job request, by %s, is a breach', (_, workflows) => {
    expect(noDoubleRun(healthy({ workflows }))).toMatchObject([{ subject: 'lease of contoso/10' }]);
  });
});

describe('oneCleanImagePerJob', () => {
  const twoJobs = [job(10, 1, start + minute, start + 2 * minute), job(11, 1, start + hour)];

  test('two jobs on a stateless machine are a breach', () => {
    expect(oneCleanImagePerJob(healthy({ jobs: twoJobs, resources: [machine(1, start)] }))).toMatchObject([
      { subject: machineId(1), at: start + hour },
    ]);
  });

  test('two jobs with a new image in between are not', () => {
    const reimaged = machine(1, start, undefined, { cleanAt: [start, start + 30 * minute] });
    expect(oneCleanImagePerJob(healthy({ jobs: twoJobs, resources: [reimaged] }))).toEqual([]);
  });

  test('a new image only after the second job does not help', () => {
    const reimaged = machine(1, start, undefined, { cleanAt: [start, start + hour + 1] });
    expect(oneCleanImagePerJob(healthy({ jobs: twoJobs, resources: [reimaged] }))).toHaveLength(1);
  });

  test('a stateful pool keeps its machine', () => {
    const stateful = pool({ declared: [{ at: start, maximumConcurrency: 2, stateless: false, standby: 0 }] });
    const account = healthy({ jobs: twoJobs, resources: [machine(1, start)], pools: [stateful] });
    expect(oneCleanImagePerJob(account)).toEqual([]);
  });

  test('a machine of the same name that was made anew is another one', () => {
    const resources = [machine(1, start, start + 30 * minute), machine(1, start + 40 * minute)];
    expect(oneCleanImagePerJob(healthy({ jobs: twoJobs, resources }))).toEqual([]);
  });
});

describe('noJobKilled', () => {
  const begun = start + hour;
  const asked = begun + hour;
  const deleted = [machine(1, start, asked + minute)];
  const kept = [machine(1, start), machine(2, start)];
  const check = (fields: Parameters<typeof healthy>[0]) =>
    noJobKilled(healthy({ resources: kept, ...fields }), defaultRules);
  const disturbed = (kind: string, subject: string, at = begun): Disturbance[] => [{ kind, subject, at }];

  test('a machine whose deallocation was asked for while a job ran on it is a breach', () => {
    const parked = [{ askedAt: asked }];
    const account = (end: number) => ({
      resources: [machine(1, start, undefined, { parked }), machine(2, start)],
      jobs: [job(10, 1, begun, end)],
    });
    expect(check(account(asked - 1))).toEqual([]);
    expect(check(account(asked + 1))).toMatchObject([{ at: asked, subject: machineId(1) }]);
  });

  test('a machine is deleted after its job has ended', () => {
    expect(check({ resources: deleted, jobs: [job(10, 1, begun, asked - 1)] })).toEqual([]);
  });

  test('a machine that is deleted while its job runs kills it', () => {
    expect(check({ resources: deleted, jobs: [job(10, 1, begun, asked + 1)] })).toMatchObject([
      { subject: machineId(1), at: asked },
    ]);
    expect(check({ resources: deleted, jobs: [job(10, 1, begun)] })).toHaveLength(1);
  });

  test('a lease that has expired ends its job', () => {
    const late = begun + 2 * day;
    const at = (when: number) => check({ resources: [machine(1, start, when + minute)], jobs: [job(10, 1, begun)] });
    expect(at(late - 1)).toHaveLength(1);
    expect(at(late)).toEqual([]);
  });

  test('a lease counts from the assignment, which comes before the agent takes the job', () => {
    const assigned = { ...job(10, 1, begun), assignments: [{ agent: agentName(1), at: begun - minute }] };
    const early = begun - minute + 2 * day;
    expect(check({ resources: [machine(1, start, early + minute)], jobs: [assigned] })).toEqual([]);
    expect(check({ jobs: [{ ...assigned, finishes: [{ at: early, result: 'canceled' }] }] })).toEqual([]);
  });

  test('who removed the registration of an agent took the server’s word with it, but only for that agent', () => {
    const jobs = [job(10, 1, begun, asked + minute)];
    const removed = (subject: string) =>
      check({ resources: deleted, jobs, disturbances: disturbed('registrationRemoved', subject) });
    expect(removed(agentName(1))).toEqual([]);
    expect(removed(agentName(2))).toHaveLength(1);
  });

  test('an evicted machine was not deleted by us', () => {
    const evicted = [machine(1, start, asked + minute, { takenAway: true })];
    expect(check({ resources: evicted, jobs: [job(10, 1, begun, asked + 1)] })).toEqual([]);
  });

  describe('a job that Azure DevOps abandoned', () => {
    const jobs = [job(10, 1, begun, asked, 'abandoned')];

    test('was killed when nobody else had a hand in it', () => {
      expect(check({ jobs })).toMatchObject([{ subject: 'job request 10', at: asked }]);
    });

    test('was killed also when no agent had received it yet', () => {
      expect(check({ jobs: jobs.map((one) => ({ ...one, receipts: [] })) })).toHaveLength(1);
    });

    test.each([
      ['its machine was stopped', disturbed('machineStopped', machineId(1))],
      ['its machine was stopped, in other letters', disturbed('machineStopped', machineId(1).toUpperCase())],
      ['its agent’s registration was removed', disturbed('registrationRemoved', agentName(1))],
      ['agents died here and there', disturbed('agentDied', 'any')],
    ])('was not killed when %s', (_, disturbances) => {
      expect(check({ jobs, disturbances })).toEqual([]);
    });

    test.each([
      ['another machine was stopped', disturbed('machineStopped', machineId(2))],
      ['its machine was stopped afterwards', disturbed('machineStopped', machineId(1), asked + 1)],
    ])('was killed when %s', (_, disturbances) => {
      expect(check({ jobs, disturbances })).toHaveLength(1);
    });

    test('was not killed when it reached an agent that had served already, and never took it', () => {
      const never = { ...job(11, 1, begun + minute, asked, 'abandoned'), receipts: [] };
      const before = job(10, 1, begun, begun + minute);
      expect(check({ jobs: [before, never] })).toEqual([]);
      expect(check({ jobs: [job(10, 2, begun, begun + minute), never] })).toHaveLength(1);
      expect(
        check({ jobs: [{ ...before, receipts: [{ ...before.receipts[0]!, at: begun + 2 * minute }] }, never] }),
      ).toHaveLength(1);
    });

    test('was killed when the agent that had served already did take it', () => {
      expect(
        check({ jobs: [job(10, 1, begun, begun + minute), job(11, 1, begun + minute, asked, 'abandoned')] }),
      ).toHaveLength(1);
    });
  });

  describe('a cancelled job', () => {
    const jobs = [job(10, 1, begun, asked, 'canceled'), job(11, 2, begun, asked + 1, 'canceled')];

    test('was cancelled by whoever cancelled its build', () => {
      const disturbances = [...disturbed('buildCancelled', '7'), ...disturbed('buildCancelled', '8')];
      expect(check({ jobs, disturbances })).toEqual([]);
    });

    test('was killed when fewer builds were cancelled', () => {
      expect(check({ jobs, disturbances: disturbed('buildCancelled', '7') })).toMatchObject([
        { subject: 'job request 11' },
      ]);
      expect(check({ jobs })).toHaveLength(2);
    });

    test('that no agent had taken ended with its agent pool', () => {
      expect(check({ jobs: jobs.map((one) => ({ ...one, receipts: [] })) })).toEqual([]);
    });

    test('had its lease expired after two days', () => {
      expect(check({ jobs: [job(10, 1, begun, begun + 2 * day, 'canceled')] })).toEqual([]);
    });
  });
});

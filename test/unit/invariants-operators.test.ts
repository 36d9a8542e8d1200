import { describe, expect, test } from '@jest/globals';
import { noJobKilled } from '../../domain/invariants/jobs.ts';
import { liveness } from '../../domain/invariants/liveness.ts';
import { timeLimits } from '../../domain/invariants/states.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import type { Account } from '../../domain/invariants/account.ts';
import {
  agent,
  agentId,
  agentName,
  day,
  healthy,
  hour,
  job,
  machine,
  minute,
  pool,
  quietFrom,
  start,
  until,
  waitingJob,
  workflow,
} from './invariants-support.ts';

/** What operators ask for excuses only what they asked for. */

const begun = start + 30 * minute;
const asked = start + hour;
const disturbed = (kind: string, subject: string, at = asked - minute) => [{ at, kind, subject }];

describe('no job is killed', () => {
  const check = (changes: Partial<Account>) => noJobKilled(healthy(changes), defaultRules);
  const cancelled = [job(10, 1, begun, asked, 'canceled')];

  test('but that of an agent which an operator purged by force, from that moment on', () => {
    const purged = (kind: string, subject: string, at?: number) =>
      check({ jobs: cancelled, disturbances: disturbed(kind, subject, at) });
    expect(purged('agentPurgedByForce', agentName(1))).toEqual([]);
    expect(purged('agentPurgedByForce', agentName(2))).toHaveLength(1);
    expect(purged('agentPurgedByForce', agentName(1), asked + 1)).toHaveLength(1);
    expect(purged('agentPurged', agentName(1))).toHaveLength(1);
    expect(purged('agentDrained', agentName(1))).toHaveLength(1);
  });

  test('nor that of an agent which was there at the deadline of a drain that cancels', () => {
    const drained = (subject: string, at?: number) =>
      check({ jobs: cancelled, disturbances: disturbed('drainDeadline', subject, at) });
    expect(drained('build')).toEqual([]);
    expect(drained('other')).toHaveLength(1);
    expect(drained('build', asked + 1)).toHaveLength(1);
    // Its agent was made later.
    expect(drained('build', start + minute)).toHaveLength(1);
  });

  test('by the deletion of its machine or as abandoned, whatever operators asked for', () => {
    for (const kind of ['agentPurgedByForce', 'agentPurged', 'agentDrained']) {
      const disturbances = disturbed(kind, agentName(1));
      const resources = [machine(1, start, asked + minute)];
      expect(check({ resources, jobs: [job(10, 1, begun, asked + minute)], disturbances })).toHaveLength(1);
      expect(check({ jobs: [job(10, 1, begun, asked, 'abandoned')], disturbances })).toHaveLength(1);
    }
  });
});

describe('liveness', () => {
  const check = (changes: Partial<Account>) => liveness(healthy(changes), defaultRules);
  const nobody = {
    resources: [],
    registrations: [],
    workflows: [workflow('organization/contoso', start), workflow('pool/build', start)],
  };

  test('expects neither standby nor agents for waiting jobs of a pool that drains', () => {
    const drained = pool({ draining: true, roster: 0 });
    expect(check({ ...nobody, jobs: [waitingJob(11, quietFrom)], pools: [drained] })).toEqual([]);
    expect(check({ ...nobody, jobs: [], pools: [drained] })).toEqual([]);
    expect(check({ ...nobody, jobs: [], pools: [pool({ roster: 0 })] })).toHaveLength(1);
  });

  test('expects a pool that drains to be empty', () => {
    expect(check({ pools: [pool({ draining: true })] })).toMatchObject([{ subject: 'build' }]);
  });

  test('takes machines that are kept for inspection for no agents, up to the number of the document', () => {
    const declared = [
      { at: start, maximumConcurrency: 3, stateless: true, standby: 1, retained: { count: 1, timeSpanMs: day } },
    ];
    const { workflows } = healthy();
    const failed = agent(3, start + hour, undefined, ['Provisioning', 'Starting', 'PendingReturn']);
    const account = { workflows: [...workflows, failed] };
    const kept = [agentName(3)];
    expect(check({ ...account, pools: [pool({ declared, kept, roster: 2 })] })).toEqual([]);
    expect(check({ ...account, pools: [pool({ declared, roster: 2 })] })).toHaveLength(1);
    expect(check({ ...account, pools: [pool({ kept, roster: 2 })] })).toHaveLength(1);
  });
});

describe('the time limits', () => {
  test('give a failed machine the time for which its pool keeps it, and no more', () => {
    const long = (timeSpanMs?: number) => {
      const retained = timeSpanMs === undefined ? {} : { retained: { count: 1, timeSpanMs } };
      const declared = [{ at: start, maximumConcurrency: 2, stateless: true, standby: 1, ...retained }];
      const resources = [machine(3, until - 2 * day)];
      const workflows = [workflow(agentId(3), until - 2 * day)];
      return timeLimits(healthy({ resources, workflows, jobs: [], pools: [pool({ declared })] }), defaultRules);
    };
    expect(long()).toHaveLength(1);
    expect(long(day)).toHaveLength(1);
    expect(long(2 * day)).toEqual([]);
  });
});

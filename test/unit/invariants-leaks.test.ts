import { describe, expect, test } from '@jest/globals';
import type { Account } from '../../domain/invariants/account.ts';
import { checkAccount } from '../../domain/invariants/invariants.ts';
import { foreignUntouched, noEarlyClose, noLeak } from '../../domain/invariants/leaks.ts';
import { defaultRules } from '../../domain/invariants/rules.ts';
import {
  agent,
  agentId,
  agentName,
  healthy,
  hour,
  machine,
  machineId,
  minute,
  quietFrom,
  registration,
  start,
  until,
} from './invariants-support.ts';

/** The healthy account with more in it. */
function withMore({ resources = [], registrations = [], workflows = [], ...fields }: Partial<Account>): Account {
  const base = healthy();
  return {
    ...base,
    resources: [...base.resources, ...resources],
    registrations: [...base.registrations, ...registrations],
    workflows: [...base.workflows, ...workflows],
    ...fields,
  };
}

function subjects(check: typeof noLeak, account: Account): string[] {
  return check(account, defaultRules).map(({ subject }) => subject);
}

test('a healthy installation breaches nothing', () => {
  expect(checkAccount(healthy())).toEqual([]);
});

describe('noLeak', () => {
  const closed = agent(3, start, start + hour);

  test('a machine whose agent is open belongs to it', () => {
    expect(subjects(noLeak, withMore({ resources: [machine(3, start)], workflows: [agent(3, start)] }))).toEqual([]);
  });

  test.each(['machine', 'disk', 'networkInterface', 'publicIpAddress'] as const)(
    'a %s whose agent has closed is a leak',
    (kind) => {
      const account = withMore({ resources: [machine(3, start, undefined, { kind })], workflows: [closed] });
      expect(subjects(noLeak, account)).toEqual([machineId(3)]);
    },
  );

  test('a machine whose agent nobody ever started is a leak', () => {
    expect(subjects(noLeak, withMore({ resources: [machine(3, start)] }))).toEqual([machineId(3)]);
  });

  test('a registration whose agent has closed is a leak', () => {
    const account = withMore({ registrations: [registration(3, start)], workflows: [closed] });
    expect(subjects(noLeak, account)).toEqual([agentName(3)]);
  });

  test('what is younger than five minutes is not looked at yet', () => {
    expect(subjects(noLeak, withMore({ resources: [machine(3, until - 5 * minute + 1)] }))).toEqual([]);
    expect(subjects(noLeak, withMore({ resources: [machine(3, until - 5 * minute)] }))).toEqual([machineId(3)]);
  });

  test('one look leaves two audits time to remove it', () => {
    const { quietFrom: _, ...look } = healthy();
    const aged = (age: number) => ({ ...look, resources: [machine(3, until - age)] });
    expect(subjects(noLeak, aged(15 * minute - 1))).toEqual([]);
    expect(subjects(noLeak, aged(15 * minute))).toEqual([machineId(3)]);
  });

  test('what was planted during the disturbances has gone within two audits of their end', () => {
    const goneAt = (gone: number) => withMore({ resources: [machine(3, start, gone)] });
    // Five minutes of age, twice five minutes and one, half an hour of repairs.
    expect(subjects(noLeak, goneAt(quietFrom + 47 * minute))).toEqual([]);
    expect(subjects(noLeak, goneAt(quietFrom + 47 * minute + 1))).toEqual([machineId(3)]);
  });

  test('what an open agent returned after a long life is no leak', () => {
    const account = withMore({
      resources: [machine(3, start, quietFrom + 90 * minute)],
      workflows: [agent(3, start, quietFrom + 91 * minute)],
    });
    expect(subjects(noLeak, account)).toEqual([]);
  });
});

describe('noEarlyClose', () => {
  const end = start + hour;
  const closed = agent(3, start, end);

  test('a machine that goes before its agent closes is in order', () => {
    expect(subjects(noEarlyClose, withMore({ resources: [machine(3, start, end)], workflows: [closed] }))).toEqual([]);
  });

  test('a machine that goes only after its agent has closed is a breach, however soon', () => {
    const account = withMore({ resources: [machine(3, start, end + 1)], workflows: [closed] });
    expect(subjects(noEarlyClose, account)).toEqual([machineId(3)]);
  });

  test('a registration that stays when its agent closes is a breach', () => {
    const account = withMore({ registrations: [registration(3, start)], workflows: [closed] });
    expect(noEarlyClose(account)).toEqual([
      {
        invariant: 'noEarlyClose',
        at: end,
        subject: agentName(3),
        message: `It was still there when ${agentId(3)} closed.`,
      },
    ]);
  });

  test('what an outlived attempt makes while or after the agent closes is the auditor’s', () => {
    const late = (from: number) => withMore({ resources: [machine(3, from)], workflows: [closed] });
    expect(subjects(noEarlyClose, late(end + minute))).toEqual([]);
    expect(subjects(noEarlyClose, late(end - minute))).toEqual([]);
    expect(subjects(noEarlyClose, late(end - 3 * minute))).toEqual([machineId(3)]);
    expect(subjects(noLeak, late(end + minute))).toEqual([machineId(3)]);
  });
});

test('foreignUntouched: a foreign resource may stay, and is never deleted', () => {
  const foreign = { id: machineId(9), from: start };
  expect(foreignUntouched(healthy({ foreign: [foreign] }))).toEqual([]);
  expect(subjects(foreignUntouched, healthy({ foreign: [{ ...foreign, until }] }))).toEqual([machineId(9)]);
});

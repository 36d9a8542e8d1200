import { describe, expect, test } from '@jest/globals';
import type { Account } from '../../domain/invariants/account.ts';
import { tagNames } from '../../domain/names.ts';
import type { LedgerEntry } from '../../emulator/core/context.ts';
import { accountFromLedger, type RunFacts } from '../support/account/from-ledger.ts';

type Entry<K extends LedgerEntry['kind']> = Extract<LedgerEntry, { kind: K }>;

const providers = '/subscriptions/s/resourceGroups/g/providers';
const machineType = 'Microsoft.Compute/virtualMachines';
const first = '0a1b2c3d4000001';
const second = '0a1b2c3d4000002';

const facts: RunFacts = {
  installation: 'test',
  organization: 'contoso',
  from: 0,
  until: 100_000,
  quietFrom: 50_000,
  workflows: [],
  pools: [],
  disturbances: [],
  errors: [],
};

const idOf = (name: string, type = machineType) => `${providers}/${type}/${name}`;

function tagsOf(agent: string, installation = 'test'): Record<string, string> {
  return { [tagNames.installation]: installation, [tagNames.pool]: 'build', [tagNames.agent]: `agent/build/${agent}` };
}

function resource(
  at: number,
  event: 'created' | 'deleted',
  name: string,
  { type = machineType, tags = tagsOf(name) }: { type?: string; tags?: Record<string, string> } = {},
): Entry<'resource'> {
  return { kind: 'resource', at, id: idOf(name, type), type, event, tags };
}

function machine(at: number, event: Entry<'machine'>['event'], name: string): Entry<'machine'> {
  return { kind: 'machine', at, id: idOf(name), event, tags: {} };
}

function registration(
  at: number,
  event: Entry<'registration'>['event'],
  agentId: number,
  name: string,
  poolId = 4,
): Entry<'registration'> {
  return { kind: 'registration', at, poolId, agentId, name, event };
}

/** Azure DevOps knows agent pools by number; the placeholder says which pool of ours it is. */
const placeholder = registration(1, 'registered', 1, 'build-placeholder-ubuntu');

function job(at: number, event: Entry<'job'>['event'], fields: Partial<Entry<'job'>> = {}): Entry<'job'> {
  return { kind: 'job', at, requestId: 10, poolId: 4, event, ...fields };
}

function call(at: number, operation: string, caller: Entry<'call'>['caller'] = 'controller'): Entry<'call'> {
  return { kind: 'call', at, service: 'arm', caller, method: 'PUT', path: '/', operation, status: 201 };
}

function accountOf(...entries: LedgerEntry[]): Account {
  return accountFromLedger(
    (kind) => entries.filter((entry): entry is Extract<LedgerEntry, { kind: typeof kind }> => entry.kind === kind),
    facts,
  );
}

describe('machines', () => {
  test('live from the create call until they are gone, and keep when they were reimaged and asked to go', () => {
    const { resources } = accountOf(
      resource(10, 'created', first),
      machine(10, 'createAccepted', first),
      machine(40, 'reimaged', first),
      machine(70, 'deleteAccepted', first),
      machine(75, 'deleteAccepted', first),
      resource(80, 'deleted', first),
      machine(80, 'deleted', first),
    );
    expect(resources).toEqual([
      {
        id: idOf(first),
        kind: 'machine',
        owner: `agent/build/${first}`,
        pool: 'build',
        from: 10,
        until: 80,
        cleanAt: [10, 40],
        deleteAskedAt: 70,
      },
    ]);
  });

  test('that exist have no end', () => {
    const [life] = accountOf(resource(10, 'created', first)).resources;
    expect(life).toMatchObject({ from: 10 });
    expect(life).not.toHaveProperty('until');
    expect(life).not.toHaveProperty('deleteAskedAt');
  });

  test('that were evicted were taken away', () => {
    const { resources } = accountOf(
      resource(10, 'created', first),
      resource(11, 'created', second),
      machine(30, 'evicted', first),
      resource(30, 'deleted', first),
    );
    expect(resources.map(({ takenAway, until }) => ({ takenAway, until }))).toEqual([
      { takenAway: true, until: 30 },
      { takenAway: undefined, until: undefined },
    ]);
  });

  test('of the same name, one after the other, have a life each', () => {
    const { resources } = accountOf(
      resource(10, 'created', first),
      machine(20, 'deleteAccepted', first),
      resource(30, 'deleted', first),
      resource(40, 'created', first),
      machine(50, 'evicted', first),
    );
    expect(resources).toMatchObject([
      { from: 10, until: 30, deleteAskedAt: 20, cleanAt: [10] },
      { from: 40, takenAway: true, cleanAt: [40] },
    ]);
    expect(resources[0]).not.toHaveProperty('takenAway');
    expect(resources[1]).not.toHaveProperty('deleteAskedAt');
  });

  test('are the same whatever the letters of their ids', () => {
    const upper = { ...resource(30, 'deleted', first), id: idOf(first).toUpperCase() };
    expect(accountOf(resource(10, 'created', first), upper).resources).toMatchObject([{ until: 30 }]);
  });

  test('have parts, each of its kind, which are never clean', () => {
    const parts = [
      ['Microsoft.Compute/disks', 'disk'],
      ['microsoft.network/networkInterfaces', 'networkInterface'],
      ['Microsoft.Network/publicIPAddresses', 'publicIpAddress'],
    ] as const;
    for (const [type, kind] of parts) {
      const { resources } = accountOf(resource(10, 'created', first, { type }));
      expect(resources).toMatchObject([{ kind, owner: `agent/build/${first}` }]);
      expect(resources[0]).not.toHaveProperty('cleanAt');
    }
  });
});

describe('what is foreign', () => {
  test('is what lacks the tag of the installation, and it is remembered when it goes', () => {
    const { resources, foreign } = accountOf(
      resource(10, 'created', 'network', { type: 'Microsoft.Network/virtualNetworks', tags: {} }),
      resource(11, 'created', first, { tags: tagsOf(first, 'another') }),
      resource(12, 'created', second),
      resource(20, 'deleted', first, { tags: tagsOf(first, 'another') }),
      resource(21, 'deleted', second),
    );
    expect(foreign).toEqual([
      { id: idOf('network', 'Microsoft.Network/virtualNetworks'), from: 10 },
      { id: idOf(first), from: 11, until: 20 },
    ]);
    expect(resources.map(({ id }) => id)).toEqual([idOf(second)]);
  });
});

describe('registrations', () => {
  test('live from their first registration until their removal, also when they are replaced', () => {
    const { registrations } = accountOf(
      placeholder,
      registration(10, 'registered', 7, first),
      registration(15, 'online', 7, first),
      registration(20, 'replaced', 7, first),
      registration(25, 'disabled', 7, first),
      registration(30, 'removed', 7, first),
    );
    expect(registrations).toEqual([
      {
        organization: 'contoso',
        agentPoolId: 4,
        agentId: 7,
        name: first,
        pool: 'build',
        owner: `agent/build/${first}`,
        from: 10,
        until: 30,
      },
    ]);
  });

  test('of the same name, one after the other, have a life each', () => {
    const { registrations } = accountOf(
      placeholder,
      registration(10, 'registered', 7, first),
      registration(20, 'removed', 7, first),
      registration(30, 'registered', 8, first),
    );
    expect(registrations.map(({ agentId, from, until }) => [agentId, from, until])).toEqual([
      [7, 10, 20],
      [8, 30, undefined],
    ]);
  });

  test('of the same number in two agent pools are two', () => {
    const { registrations } = accountOf(
      placeholder,
      registration(2, 'registered', 2, 'docs-placeholder-ubuntu', 5),
      registration(10, 'registered', 7, first),
      registration(11, 'registered', 7, second, 5),
    );
    expect(registrations.map(({ pool, owner }) => [pool, owner])).toEqual([
      ['build', `agent/build/${first}`],
      ['docs', `agent/docs/${second}`],
    ]);
  });

  test('that are placeholders do not count', () => {
    expect(accountOf(placeholder).registrations).toEqual([]);
  });
});

describe('jobs', () => {
  test('keep every agent that was given them, every machine that took them, and every end', () => {
    const { jobs } = accountOf(
      placeholder,
      job(10, 'queued'),
      job(20, 'assigned', { agentName: first }),
      job(25, 'assigned', { agentName: second }),
      job(30, 'received', { agentName: second, machineId: idOf(second) }),
      job(60, 'finished', { agentName: second, result: 'succeeded' }),
    );
    expect(jobs).toEqual([
      {
        organization: 'contoso',
        requestId: 10,
        pool: 'build',
        queuedAt: 10,
        assignments: [
          { agent: first, at: 20 },
          { agent: second, at: 25 },
        ],
        receipts: [{ agent: second, machineId: idOf(second), at: 30 }],
        finishes: [{ at: 60, result: 'succeeded' }],
      },
    ]);
  });

  test('that were received twice, or ended twice, show it', () => {
    const [twice] = accountOf(
      placeholder,
      job(10, 'queued'),
      job(30, 'received', { agentName: first, machineId: idOf(first) }),
      job(40, 'received', { agentName: second, machineId: idOf(second) }),
      job(50, 'finished', { result: 'succeeded' }),
      job(60, 'finished', { result: 'failed' }),
    ).jobs;
    expect(twice?.receipts.map(({ machineId }) => machineId)).toEqual([idOf(first), idOf(second)]);
    expect(twice?.finishes.map(({ result }) => result)).toEqual(['succeeded', 'failed']);
  });

  test('that were refused are told apart from those that wait', () => {
    const { jobs } = accountOf(placeholder, job(10, 'queued'), job(11, 'refused', { requestId: 11 }));
    expect(jobs.map(({ requestId, refusedAt }) => [requestId, refusedAt])).toEqual([
      [10, undefined],
      [11, 11],
    ]);
  });
});

describe('calls', () => {
  const create = 'VirtualMachines_CreateOrUpdate';

  test('are counted by operation, without those of the agents', () => {
    const { calls } = accountOf(call(10, create), call(20, 'Agents_List'), call(30, create), call(40, create, 'agent'));
    expect(calls?.byOperation).toEqual({ [create]: 2, Agents_List: 1 });
  });

  test('creates are counted within any one second, not by the clock’s seconds', () => {
    const most = (...moments: number[]) =>
      accountOf(...moments.map((at) => call(at, create))).calls?.mostCreatesInOneSecond;
    expect(most()).toBe(0);
    expect(most(5)).toBe(1);
    expect(most(900, 1_899)).toBe(2);
    expect(most(900, 1_900)).toBe(1);
    expect(most(0, 600, 1_100, 1_500, 3_000)).toBe(3);
  });
});

test('what the ledger cannot know is taken over as it is', () => {
  const account = accountOf();
  expect(account).toMatchObject({ installation: 'test', from: 0, until: 100_000, quietFrom: 50_000 });
  const { quietFrom: _, ...disturbed } = facts;
  expect(accountFromLedger(() => [], disturbed)).not.toHaveProperty('quietFrom');
});

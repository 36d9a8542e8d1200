import { agentsToAskFor, compare } from '../../domain/audit/compare.ts';
import type { Listing } from '../../domain/audit/listing.ts';
import { tagNames } from '../../domain/names.ts';
import {
  agent,
  agentPool,
  at,
  job,
  listing,
  minute,
  openAgent,
  openLease,
  ownTags,
  registration,
  resource,
} from './audit-support.ts';

const found = (fields: Partial<Listing>, findingsMax = 500) => compare(listing(fields), findingsMax).findings;

test('what belongs together is no finding', () => {
  const comparison = compare(
    listing({
      resources: [resource(1), resource(1, 'disk'), resource(1, 'networkInterface')],
      agentPools: [
        agentPool({
          registrations: [registration(1), { id: 90, name: 'build-placeholder-ubuntu' }],
          unfinished: [job(3, agent(1)), job(4)],
        }),
      ],
      agents: [openAgent(1, 'Allocated'), openAgent(2, 'Provisioning')],
      leases: [openLease(3)],
    }),
    500,
  );
  expect(comparison.findings).toEqual([]);
  expect(comparison.counts).toEqual({
    resources: 3,
    unrecognised: 0,
    agentPools: 1,
    registrations: 1,
    agents: 2,
    leases: 1,
    owners: 2,
  });
});

describe('a machine without a workflow', () => {
  test('is one finding with its parts and the agent pools of its pool, as old as its youngest part', () => {
    const parts = [resource(1, 'disk', { ageMs: 7 * minute }), resource(1), resource(1, 'networkInterface')];
    expect(found({ resources: parts, agentPools: [agentPool({ registrations: [registration(1)] })] })).toEqual([
      {
        kind: 'machineWithoutWorkflow',
        subject: resource(1).id,
        owner: `agent/build/${agent(1)}`,
        pool: 'build',
        agent: agent(1),
        agentPools: [{ organizationUrl: 'https://dev.azure.com/contoso', agentPoolId: 7 }],
        resources: parts.map(({ id }) => id).toSorted(),
        since: at - 7 * minute,
      },
    ]);
  });

  test('has no known age when a part of it has none', () => {
    const [finding] = found({ resources: [resource(1), resource(1, 'disk', { ageMs: 'unknown' })] });
    expect(finding).not.toHaveProperty('since');
  });

  test('is a newborn as long as its registration is', () => {
    const agentPools = [agentPool({ registrations: [registration(1, minute)] })];
    expect(found({ resources: [resource(1)], agentPools })).toEqual([
      expect.objectContaining({ kind: 'machineWithoutWorkflow', since: at - minute }),
    ]);
  });
});

test('parts without a machine are one finding per agent', () => {
  expect(found({ resources: [resource(1, 'disk'), resource(1, 'networkInterface'), resource(2, 'disk')] })).toEqual([
    expect.objectContaining({
      kind: 'partWithoutMachine',
      agent: agent(1),
      resources: [resource(1, 'disk').id, resource(1, 'networkInterface').id],
    }),
    expect.objectContaining({ kind: 'partWithoutMachine', agent: agent(2) }),
  ]);
});

test('a registration without a machine is one only in our agent pools, and only under a name of ours', () => {
  const registrations = [
    registration(1),
    registration(2),
    { id: 90, name: 'build-placeholder-ubuntu' },
    { id: 91, name: 'by-hand' },
  ];
  expect(found({ agentPools: [agentPool({ registrations })], agents: [openAgent(2, 'Provisioning')] })).toEqual([
    expect.objectContaining({ kind: 'registrationWithoutMachine', subject: `contoso/7/${agent(1)}`, resources: [] }),
  ]);
});

describe('nothing is unowned', () => {
  test.each([
    ['without a tag of ours', {}],
    ['with the tags of another installation', { ...ownTags(1), [tagNames.installation]: 'other' }],
    ['with an installation in another case', { ...ownTags(1), [tagNames.installation]: 'Home' }],
    ['that names another pool than its workflow', { ...ownTags(1), [tagNames.pool]: 'other' }],
    ['without its pool', { [tagNames.installation]: 'home', [tagNames.agent]: `agent/build/${agent(1)}` }],
    ["with another agent's tag", ownTags(2)],
    ['whose owner is no agent', { ...ownTags(1), [tagNames.agent]: 'agent/build/somebody' }],
  ])('%s', (_, tags) => {
    expect(found({ resources: [resource(1, 'machine', { tags })] })).toEqual([]);
  });

  test('of a kind that agents do not have', () => {
    expect(found({ resources: [{ ...resource(1), type: 'Microsoft.Compute/snapshots' }] })).toEqual([]);
  });

  test('when a list had a gap', () => {
    const orphans = { resources: [resource(1)], agentPools: [agentPool({ registrations: [registration(2)] })] };
    expect(found(orphans)).toHaveLength(2);
    expect(found({ ...orphans, complete: false })).toEqual([]);
  });
});

test('names of tags are compared without case, as Azure does', () => {
  const tags = Object.fromEntries(Object.entries(ownTags(1)).map(([name, value]) => [name.toUpperCase(), value]));
  expect(found({ resources: [resource(1, 'machine', { tags })] })).toHaveLength(1);
});

describe('an agent whose machine the list does not show', () => {
  test('is asked for when its machine should exist, and only then', () => {
    const agents = [
      openAgent(1, 'Ready'),
      openAgent(2, 'Starting'),
      openAgent(3, 'Allocated'),
      openAgent(4, 'Provisioning'),
      openAgent(5, 'PendingReturn'),
      openAgent(6, 'Ready'),
    ];
    const asked = agentsToAskFor(listing({ agents, resources: [resource(6)] }));
    expect(asked.map((open) => open.agent)).toEqual([agent(1), agent(2), agent(3)]);
  });

  test('has no machine when Azure says so, altered tags when it says that, and else the list lags', () => {
    const agents = [openAgent(1), openAgent(2), openAgent(3), openAgent(4)];
    const answer = (n: number, is: 'gone' | 'altered' | 'there') => ({
      [`agent/build/${agent(n)}`]: { resourceId: resource(n).id, found: is },
    });
    const asked = { ...answer(1, 'gone'), ...answer(2, 'altered'), ...answer(3, 'there') };
    const agentPools = [agentPool({ registrations: [1, 2, 3, 4].map((n) => registration(n)) })];
    expect(found({ agents, agentPools, asked })).toEqual([
      expect.objectContaining({ kind: 'tagsAltered', subject: resource(2).id, owner: `agent/build/${agent(2)}` }),
      expect.objectContaining({ kind: 'workflowWithoutMachine', subject: `agent/build/${agent(1)}` }),
    ]);
  });
});

describe('an agent that Azure DevOps does not know', () => {
  const agents = [openAgent(1), openAgent(2)];
  const machines = [resource(1), resource(2)];

  test('is one that no agent pool of its pool lists', () => {
    const agentPools = [agentPool({ registrations: [registration(1)] })];
    expect(found({ agents, resources: machines, agentPools })).toEqual([
      expect.objectContaining({ kind: 'workflowWithoutRegistration', subject: `agent/build/${agent(2)}` }),
    ]);
    const further = agentPool({ agentPoolId: 8, organization: 'fabrikam', registrations: [registration(2)] });
    expect(found({ agents, resources: machines, agentPools: [...agentPools, further] })).toEqual([]);
  });

  test('is none that a job names, none whose agent pool was not listed, and none whose machine is gone too', () => {
    const held = agentPool({ registrations: [registration(1)], unfinished: [{ ...job(5), agent: agent(2) }] });
    expect(found({ agents, resources: machines, agentPools: [held] }).map(({ kind }) => kind)).toEqual([
      'jobWithoutLease',
    ]);
    expect(found({ agents, resources: machines, agentPools: [agentPool({ pool: 'other' })] })).toEqual([]);
    const asked = { [`agent/build/${agent(2)}`]: { resourceId: resource(2).id, found: 'gone' as const } };
    const without = { agents, resources: machines, agentPools: [agentPool({ registrations: [registration(1)] })] };
    expect(found({ ...without, asked }).map(({ kind }) => kind)).toEqual(['workflowWithoutMachine']);
  });

  test.each(['Provisioning', 'PendingReturn'] as const)('is none in the state %s', (state) => {
    expect(found({ agents: [openAgent(1, state)], agentPools: [agentPool()] })).toEqual([]);
  });
});

test('a resource of an open agent whose tags tell something else has altered tags, and is nobody’s remains', () => {
  const agents = [openAgent(1), openAgent(2)];
  const resources = [
    resource(1, 'machine', { tags: ownTags(9) }),
    resource(2),
    resource(2, 'disk', { tags: { [tagNames.installation]: 'home' } }),
  ];
  const agentPools = [agentPool({ registrations: [registration(1), registration(2)] })];
  expect(found({ agents, resources, agentPools })).toEqual([
    expect.objectContaining({ kind: 'tagsAltered', subject: resource(2, 'disk').id, agent: agent(2) }),
    expect.objectContaining({ kind: 'tagsAltered', subject: resource(1).id, agent: agent(1) }),
  ]);
});

describe('a lease without a job', () => {
  test('is one whose job request is not among the unfinished ones of its agent pool', () => {
    const leases = [openLease(3), openLease(4)];
    expect(found({ leases, agentPools: [agentPool({ unfinished: [job(4)] })] })).toEqual([
      expect.objectContaining({ kind: 'leaseWithoutJob', subject: 'lease/contoso/3', requestId: 3, agentPoolId: 7 }),
    ]);
  });

  test('is not concluded from an agent pool that was not listed', () => {
    expect(found({ leases: [openLease(3)], agentPools: [agentPool({ pool: 'other' })] })).toEqual([]);
  });
});

describe('a job without a lease', () => {
  const unfinished = [job(3, agent(1)), job(4, agent(2)), job(5, agent(3)), job(6, 'by-hand')];

  test('is one that holds an open agent of the pool', () => {
    const fields = {
      agentPools: [agentPool({ unfinished })],
      agents: [openAgent(1), openAgent(2)],
      leases: [openLease(4)],
    };
    const kinds = found(fields).filter(({ kind }) => kind === 'jobWithoutLease');
    expect(kinds).toEqual([expect.objectContaining({ subject: 'lease/contoso/3', agent: agent(1), requestId: 3 })]);
  });

  test('is not concluded from a list of leases with a gap', () => {
    const fields = { agentPools: [agentPool({ unfinished })], agents: [openAgent(1)], workflowsComplete: false };
    expect(found({ ...fields, complete: false })).toEqual([]);
  });
});

test('the oldest findings come first, and those beyond the bound are counted', () => {
  const resources = [5, 30, 20, 10].map((minutes, n) => resource(n, 'machine', { ageMs: minutes * minute }));
  const comparison = compare(listing({ resources }), 2);
  expect(comparison.findings.map(({ subject }) => subject)).toEqual([resource(1).id, resource(2).id]);
  expect(comparison.omitted).toEqual({ deleting: 2, mending: 0 });
});

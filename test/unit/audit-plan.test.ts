import fc from 'fast-check';
import { compare } from '../../domain/audit/compare.ts';
import type { Listing } from '../../domain/audit/listing.ts';
import { confirmationMs, planRepairs } from '../../domain/audit/plan.ts';
import { defaultLimits } from '../../domain/limits.ts';
import { tagNames, workflowIds } from '../../domain/names.ts';
import {
  agent,
  agentPool,
  at,
  installation,
  listing,
  minute,
  openAgent,
  openLease,
  ownTags,
  registration,
  resource,
} from './audit-support.ts';

const limits = defaultLimits.audit;
const looked = (fields: Partial<Listing>, laterMs = 0) =>
  compare(listing({ ...fields, at: at + laterMs }), limits.findingsMax);
const plan = (first: Partial<Listing>, second: Partial<Listing> = first, laterMs: number = limits.confirmMs) =>
  planRepairs(looked(first), looked(second, laterMs), limits);
const agentsOf = ({ removals }: { removals: { agent: string }[] }) => removals.map((remains) => remains.agent);

test('only what both looks show is repaired', () => {
  const first = { resources: [resource(1), resource(2)], leases: [openLease(3), openLease(4)] };
  const second = { resources: [resource(2), resource(3)], leases: [openLease(4)] };
  const { removals, mendings } = plan(first, second);
  expect(removals).toEqual([expect.objectContaining({ agent: agent(2) })]);
  expect(mendings).toEqual([expect.objectContaining({ kind: 'leaseWithoutJob', requestId: 4 })]);
});

test('of what is left of an agent, only the resources that both looks show go', () => {
  const second = { resources: [resource(1), resource(1, 'networkInterface')] };
  const { removals } = plan({ resources: [resource(1), resource(1, 'disk')] }, second);
  expect(removals).toEqual([expect.objectContaining({ resources: [resource(1).id] })]);
});

test('a gap in either look means that nothing is deleted, and what needs no deletion is mended', () => {
  const fields = { resources: [resource(1)], leases: [openLease(3)] };
  for (const { removals, mendings } of [
    plan({ ...fields, complete: false }, fields),
    plan(fields, { ...fields, complete: false }),
  ]) {
    expect(removals).toEqual([]);
    expect(mendings).toHaveLength(1);
  }
});

test('a plan trusts no remains of an incomplete look, whoever concluded them', () => {
  const look = looked({ resources: [resource(1)] });
  expect(planRepairs(look, { ...look, at: at + minute }, limits).removals).toHaveLength(1);
  expect(planRepairs({ ...look, complete: false }, { ...look, at: at + minute }, limits).removals).toEqual([]);
  expect(planRepairs(look, { ...look, at: at + minute, complete: false }, limits).removals).toEqual([]);
});

describe('what is younger than five minutes is spared', () => {
  const aged = (ageMs: number) => agentsOf(plan({ resources: [resource(1, 'machine', { ageMs })] }));
  test('by its creation', () => {
    // The second look is a minute later.
    expect(aged(4 * minute - 1)).toEqual([]);
    expect(aged(4 * minute)).toEqual([agent(1)]);
  });

  test('without a creation time, until it has been seen for that long', () => {
    const ageless = { resources: [resource(1, 'machine', { ageMs: 'unknown' })] };
    expect(confirmationMs(looked({ resources: [resource(1)] }), limits)).toBe(limits.confirmMs);
    expect(confirmationMs(looked(ageless), limits)).toBe(limits.newbornMs);
    expect(agentsOf(plan(ageless))).toEqual([]);
    expect(agentsOf(plan(ageless, ageless, limits.newbornMs))).toEqual([agent(1)]);
  });
});

describe('the cap', () => {
  const orphans = (count: number) => Array.from({ length: count }, (_, n) => resource(n));
  test.each([
    ['ten of ten', 10, 0, false],
    ['eleven of eleven', 11, 0, true],
    ['twenty of a hundred', 20, 80, false],
    ['twenty-one of a hundred', 21, 79, true],
  ])('%s', (_, gone, living, needsApproval) => {
    const agents = Array.from({ length: living }, (__, n) => openAgent(1_000 + n, 'Provisioning'));
    expect(plan({ resources: orphans(gone), agents }).needsApproval).toBe(needsApproval);
  });

  test('counts an agent once, whatever is left of it', () => {
    const resources = Array.from({ length: 10 }, (_, n) => [
      resource(n),
      resource(n, 'disk'),
      resource(n, 'networkInterface'),
    ]);
    const agentPools = [agentPool({ registrations: Array.from({ length: 10 }, (_, n) => registration(n)) })];
    expect(plan({ resources: resources.flat(), agentPools })).toMatchObject({ needsApproval: false, cap: 10 });
  });

  test('counts what the bound of a look left out', () => {
    const look = compare(listing({ resources: orphans(30) }), 5);
    const { removals, needsApproval } = planRepairs(look, { ...look, at: at + minute }, limits);
    expect(removals).toHaveLength(5);
    expect(needsApproval).toBe(true);
  });

  test('is not asked for when nothing is old enough to go', () => {
    const resources = Array.from({ length: 30 }, (_, n) => resource(n, 'machine', { ageMs: 0 }));
    expect(plan({ resources })).toMatchObject({ removals: [], needsApproval: false });
  });
});

test('the oldest go first', () => {
  const resources = [5, 30, 20].map((minutes, n) => resource(n, 'machine', { ageMs: minutes * minute }));
  expect(agentsOf(plan({ resources }))).toEqual([agent(1), agent(2), agent(0)]);
});

describe('whatever the lists show, stale or with gaps', () => {
  const agents = 12;
  const numbers = fc.uniqueArray(fc.nat({ max: agents - 1 }));
  const tags = fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.nat({ max: agents - 1 }).map((n) => ownTags(n)) },
    { weight: 1, arbitrary: fc.nat({ max: agents - 1 }).map((n) => ownTags(n, 'other')) },
    {
      weight: 1,
      arbitrary: fc.nat({ max: agents - 1 }).map((n) => ({ ...ownTags(n), [tagNames.installation]: 'theirs' })),
    },
  );
  const resources = fc.array(
    fc
      .record({
        n: fc.nat({ max: agents - 1 }),
        kind: fc.constantFrom('machine' as const, 'disk' as const, 'networkInterface' as const),
        tags,
        ageMs: fc.option(fc.integer({ min: -minute, max: 20 * minute }), { nil: 'unknown' as const }),
      })
      .map(({ n, kind, tags: given, ageMs }) => resource(n, kind, { ...(given ? { tags: given } : {}), ageMs })),
    { maxLength: 20 },
  );
  const looks = fc.record({
    resources,
    registrations: fc.array(
      fc.record({ n: fc.nat({ max: agents - 1 }), ageMs: fc.integer({ min: -minute, max: 20 * minute }) }),
      { maxLength: 6 },
    ),
    open: numbers,
    complete: fc.boolean(),
  });

  test('nothing goes that an open workflow owns, that is young, untagged or foreign, or beyond the cap', () => {
    const checked = { removals: 0, held: 0 };
    fc.assert(
      fc.property(looks, looks, fc.nat({ max: 10 * minute }), fc.nat({ max: 4 }), (one, other, laterMs, min) => {
        const given = { ...limits, deletionsMin: min };
        const at1 = (look: typeof one, when: number): Listing =>
          listing({
            at: when,
            resources: look.resources,
            agentPools: [
              agentPool({ registrations: look.registrations.map(({ n, ageMs }) => registration(n, ageMs)) }),
            ],
            agents: look.open.map((n) => openAgent(n)),
            complete: look.complete,
          });
        const lists = [at1(one, at), at1(other, at + laterMs)] as const;
        const repairs = planRepairs(compare(lists[0], 500), compare(lists[1], 500), given);
        const open = new Set([...one.open, ...other.open].map((n) => agent(n)));
        checked.removals += repairs.removals.length;
        if (repairs.needsApproval) checked.held += 1;
        else expect(repairs.removals.length).toBeLessThanOrEqual(Math.max(min, repairs.cap));
        if (!one.complete || !other.complete) expect(repairs.removals).toEqual([]);
        for (const { owner, agent: name, pool, resources: ids } of repairs.removals) {
          expect(open.has(name)).toBe(false);
          expect(owner).toBe(workflowIds.agent(pool, name));
          for (const id of ids) {
            for (const list of lists) {
              const shown = list.resources.filter((listed) => listed.id === id);
              // At least one showing in each look proves it by all of its tags and its age.
              expect(
                shown.some(
                  (listed) =>
                    listed.tags[tagNames.installation] === installation &&
                    listed.tags[tagNames.pool] === pool &&
                    listed.tags[tagNames.agent] === owner &&
                    listed.name.startsWith(name),
                ),
              ).toBe(true);
            }
            const [last] = lists[1].resources.filter(
              (listed) => listed.id === id && listed.tags[tagNames.agent] === owner,
            );
            const age = at + laterMs - (last?.createdAt ?? at);
            expect(age).toBeGreaterThanOrEqual(limits.newbornMs);
          }
        }
      }),
      { numRuns: 3_000 },
    );
    // A property that never met a removal would prove nothing.
    expect(checked.removals).toBeGreaterThan(100);
    expect(checked.held).toBeGreaterThan(5);
  });
});

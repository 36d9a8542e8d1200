import { describe, expect, test } from '@jest/globals';
import type { AgentReport, PoolState } from '../../domain/messages.ts';
import { generationOf } from '../../domain/names.ts';
import { attemptsMax } from '../../domain/placement/attempts.ts';
import { nextPlacement, noteAsked, placementView } from '../../domain/placement/pool-placement.ts';
import { placesOf, type Place, type Placement } from '../../domain/placement/place.ts';
import { planCapacity } from '../../domain/planning/plan-capacity.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';
import { applyRefusal, applyReport, newPoolState, planningInput } from '../../domain/pool-state.ts';
import { specification as single } from '../workflow/fakes.ts';

const minute = 60_000;
const now = Date.UTC(2026, 0, 5, 9);
const sizes = ['Standard_D2ads_v5', 'Standard_E4ads_v5'];
const mixed: PoolSpecification = { ...single, placement: { vmSizes: sizes, zones: [], regions: [] } };

function poolOf(specification: PoolSpecification): PoolState {
  const queued = [{ imageOverride: 'ubuntu', count: 1, oldestQueuedAt: now }];
  return { ...newPoolState('abcdef012'), specification, status: 'Succeeded', queued };
}

/** What the pool workflow does for one agent, whose create is then refused. */
function refused(state: PoolState, code: string, at: number, azureCode?: string): Placement {
  const choice = nextPlacement(state, 'ubuntu', at);
  if (!choice || !('placement' in choice)) throw new Error('no place is open');
  const agent = `agent-${state.counter++}`;
  noteAsked(state, choice.placement, 'ubuntu', at);
  state.roster.push({ n: agent, i: 'ubuntu', p: 'creating', s: at });
  const failure = { code, class: 'capacity', message: `${code}.`, retryAfterMs: 0 };
  const report: AgentReport = {
    agent,
    outcome: 'failed',
    failure: { ...failure, ...(azureCode === undefined ? {} : { azureCode }) },
    placement: choice.placement,
  };
  applyReport(state, report, at);
  return choice.placement;
}

const planOf = (state: PoolState, at: number) =>
  planCapacity(planningInput(state, state.specification as PoolSpecification, at, 10 * minute));

describe('a pool with several places', () => {
  test('goes on at the next place when one is refused, and holds no image', () => {
    const state = poolOf(mixed);
    expect(refused(state, 'QuotaExceeded', now).vmSize).toBe(sizes[0]);
    expect(state.holds).toEqual([]);
    expect(state.totals.failed).toBe(1);
    expect(planOf(state, now).commands).toMatchObject([{ kind: 'create', image: 'ubuntu', count: 1 }]);
    expect(nextPlacement(state, 'ubuntu', now)).toMatchObject({ placement: { vmSize: sizes[1] } });
  });

  test('holds the image only when every place is closed, until the first opens again', () => {
    const state = poolOf(mixed);
    refused(state, 'AllocationFailed', now);
    refused(state, 'QuotaExceeded', now);
    const plan = planOf(state, now);
    expect(plan.commands).toEqual([]);
    expect(plan.nextAt).toBe(now + 10 * minute);
    expect(plan.remarks).toMatchObject([{ code: 'Held', message: expect.stringContaining('QuotaExceeded') }]);
    expect(planOf(state, now + 10 * minute).commands).toMatchObject([{ kind: 'create', count: 1 }]);
  });

  test('holds the image for a failure that says nothing about the place, as a pool with one place does', () => {
    const state = poolOf(mixed);
    refused(state, 'AgentDidNotConnect', now);
    expect(state.closures ?? []).toEqual([]);
    expect(state.holds).toMatchObject([{ image: 'ubuntu', code: 'AgentDidNotConnect' }]);
  });

  test('asks elsewhere as soon as a place refused, while what is left of the first machine returns', () => {
    const state = poolOf(mixed);
    const choice = nextPlacement(state, 'ubuntu', now);
    if (!choice || !('placement' in choice)) throw new Error('no place is open');
    state.roster.push({ n: 'agent', i: 'ubuntu', p: 'creating', s: now });
    const failure = { code: 'AllocationFailed', class: 'capacity', message: 'No room.', retryAfterMs: 3_600_000 };
    const report: AgentReport = { agent: 'agent', outcome: 'failed', failure, placement: choice.placement };
    expect(planOf(state, now).commands).toEqual([]);

    applyRefusal(state, report, now);
    expect(state.roster).toMatchObject([{ n: 'agent', p: 'returning' }]);
    expect(planOf(state, now).commands).toMatchObject([{ kind: 'create', count: 1 }]);
    const { closures, attempts } = structuredClone(state);

    applyReport(state, report, now + minute);
    expect(state).toMatchObject({ roster: [], totals: { failed: 1 }, holds: [], closures, attempts });
  });

  test('leaves a failure that says nothing about the place to the end of the agent', () => {
    const state = poolOf(mixed);
    const [place] = placesOf(mixed);
    state.roster.push({ n: 'agent', i: 'ubuntu', p: 'creating', s: now });
    const failure = { code: 'OSProvisioningFailed', class: 'configuration', message: '', retryAfterMs: 0 };
    const report: AgentReport = {
      agent: 'agent',
      outcome: 'failed',
      failure,
      placement: { ...(place as Place), why: '' },
    };
    applyRefusal(state, report, now);
    expect(state).toMatchObject({ roster: [{ p: 'creating' }], holds: [] });
    expect(state.attempts ?? []).toEqual([]);
    applyReport(state, report, now);
    expect(state).toMatchObject({ roster: [], holds: [{ code: 'OSProvisioningFailed' }] });
  });

  test('a second report of one agent changes nothing', () => {
    const state = poolOf(mixed);
    refused(state, 'QuotaExceeded', now);
    const before = structuredClone(state);
    const failure = { code: 'QuotaExceeded', class: 'quota', message: '', retryAfterMs: 0 };
    applyReport(state, { agent: 'agent-0', outcome: 'failed', failure }, now + 1);
    expect(state).toEqual(before);
  });

  test('remembers its last attempts, counts equal ones once, and shows what is closed and until when', () => {
    const state = poolOf(mixed);
    refused(state, 'AllocationFailed', now, 'ZonalAllocationFailed');
    const [first, second] = placementView(state, now).placement?.places ?? [];
    expect(first).toMatchObject({ vmSize: sizes[0], closed: { code: 'AllocationFailed', until: now + 60 * minute } });
    expect(second).not.toHaveProperty('closed');
    expect(state.attempts).toMatchObject([
      { outcome: 'asked', why: 'first choice', vmSize: sizes[0], count: 1 },
      { outcome: 'refused', why: 'ZonalAllocationFailed', vmSize: sizes[0], count: 1 },
    ]);
    const choice = nextPlacement(state, 'ubuntu', now);
    if (!choice || !('placement' in choice)) throw new Error('no place is open');
    for (let count = 0; count < 100; count++) noteAsked(state, choice.placement, 'ubuntu', now + count);
    expect(state.attempts?.at(-1)).toMatchObject({ outcome: 'asked', vmSize: sizes[1], count: 100, at: now + 99 });
    for (let count = 0; count < 100; count++) {
      noteAsked(state, { ...choice.placement, why: `reason ${count}` }, 'ubuntu', now);
    }
    expect(state.attempts).toHaveLength(attemptsMax);
  });
});

describe('a pool with one place', () => {
  test('keeps no cache: a failure holds its image, shortly at first', () => {
    for (const specification of [single, { ...single, placement: { vmSizes: ['a'], zones: ['1'], regions: [] } }]) {
      const state = poolOf(specification);
      const placement = { vmSize: 'a', zone: '1', priority: 'Regular' as const, location: 'l', subnetId: 's', why: '' };
      state.roster.push({ n: 'agent', i: 'ubuntu', p: 'creating', s: now });
      const failure = { code: 'AllocationFailed', class: 'capacity', message: 'No room.', retryAfterMs: 3_600_000 };
      applyReport(state, { agent: 'agent', outcome: 'failed', failure, placement }, now);
      expect(state.closures).toBeUndefined();
      expect(state.holds).toMatchObject([{ image: 'ubuntu', until: now + 15_000, code: 'AllocationFailed' }]);
    }
  });

  test('an older state without a cache works', () => {
    const state = poolOf(single);
    expect(nextPlacement(state, 'ubuntu', now)).toBeUndefined();
    expect(placementView(state, now)).toEqual({});
    expect(planOf({ ...state, specification: mixed }, now).commands).toHaveLength(1);
  });
});

test('the generation of a pool is never a number, which Azure would refuse as the name of a computer', () => {
  expect(generationOf('12345678-9012-4abc-8def-0123456789ab')).toBe('a23456789');
  expect(generationOf('1524aaa3-d012-4abc-8def-0123456789ab')).toBe('1524aaa3d');
});

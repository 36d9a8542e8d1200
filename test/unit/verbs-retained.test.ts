import { describe, expect, test } from '@jest/globals';
import type { PoolState, RosterEntry } from '../../domain/messages.ts';
import { applyKept, applyObservation, applyReport, newPoolState, planningInput } from '../../domain/pool-state.ts';
import type { Plan } from '../../domain/planning/types.ts';
import { keptToRelease } from '../../domain/verbs/retained.ts';
import { specification } from '../workflow/fakes.ts';

const failure = { code: 'AgentDidNotConnect', class: 'lost', message: 'It did not connect.', retryAfterMs: 0 };

function poolWith(roster: RosterEntry[], count = 2): PoolState {
  const state = newPoolState('abcdef012');
  state.status = 'Succeeded';
  state.specification = { ...specification, retainedFailures: { count, timeSpanMs: 1_000 } };
  state.roster = roster;
  return state;
}

const kept = (n: string, s: number): RosterEntry => ({ n, i: 'ubuntu', p: 'kept', s, d: 1, k: { until: 9, why: 'x' } });
const crowded: Plan = { commands: [], remarks: [{ code: 'AtMaximum', message: '' }] };

describe('a pool that keeps failed machines', () => {
  test('holds their image back when they fail, once, and counts them when they are gone', () => {
    const state = poolWith([{ n: 'a', i: 'ubuntu', p: 'creating', s: 0 }]);
    applyKept(state, { agent: 'a', why: 'x', until: 9, failure }, 1);
    applyKept(state, { agent: 'a', why: 'x', until: 9, failure }, 2);
    expect(state.failures).toEqual({ ubuntu: 1 });
    expect(state.totals.failed).toBe(0);
    applyReport(state, { agent: 'a', outcome: 'failed', failure }, 3);
    expect(state).toMatchObject({ failures: { ubuntu: 1 }, totals: { failed: 1 }, roster: [] });
  });

  test('takes nothing that a list shows of them for capacity, and plans neither with nor against them', () => {
    const state = poolWith([kept('a', 0)]);
    for (const [index, standing] of (['free', 'held', 'offline', 'missing'] as const).entries()) {
      const counts = { queued: [], assigned: 0, running: 0 };
      applyObservation(state, { sequence: index + 1, at: 5, ...counts, agents: [{ name: 'a', standing }] });
    }
    expect(state.roster).toEqual([kept('a', 0)]);
    expect(planningInput(state, specification, 10, 10).agents.map(({ phase }) => phase)).toEqual(['returning']);
  });

  test('lets the oldest go beyond its number, one where a place is needed, and all when it is deleted', () => {
    const names = (state: PoolState, plan?: Plan) => keptToRelease(state, plan).map(({ agent }) => agent);
    const three = [kept('b', 2), kept('a', 1), kept('c', 3)];
    expect(names(poolWith(three))).toEqual(['a']);
    expect(names(poolWith(three, 3))).toEqual([]);
    expect(names(poolWith(three, 3), crowded)).toEqual(['a']);
    const returning: RosterEntry = { n: 'r', i: 'ubuntu', p: 'returning', s: 0 };
    expect(names(poolWith([...three, returning], 3), crowded)).toEqual([]);
    const deleted = poolWith(three, 3);
    deleted.status = 'Deleting';
    expect(names(deleted)).toEqual(['a', 'b', 'c']);
    const changed = poolWith(three, 3);
    changed.specification = specification;
    expect(names(changed)).toEqual(['a', 'b', 'c']);
  });
});

import { describe, expect, test } from '@jest/globals';
import { planCapacity } from '../../domain/planning/plan-capacity.ts';
import type { PlanningAgent, PlanningInput } from '../../domain/planning/types.ts';
import { agents, carriedOut, creates, now, poolWith, retires, told } from './planning-support.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** A pool whose agents wait an hour for another job. */
function stateful(changes: Partial<PlanningInput> = {}): PlanningInput {
  return poolWith({ stateful: { graceMs: hour, park: false }, ...changes });
}

/** An agent that is ready since its last job ended, so long ago. */
function served(name: string, forMs: number, image = 'ubuntu'): PlanningAgent {
  return { name, image, phase: 'ready', since: now - forMs, servedAt: now - forMs, endsAt: now + 5 * day };
}

const fresh = (name: string, forMs: number): PlanningAgent => {
  return { name, image: 'ubuntu', phase: 'ready', since: now - forMs, endsAt: now + 5 * day };
};

const parked = (name: string, forMs: number, left = 5 * day): PlanningAgent => {
  return {
    name,
    image: 'ubuntu',
    phase: 'parked',
    since: now - forMs,
    servedAt: now - forMs - hour,
    endsAt: now + left,
  };
};

describe('the grace period', () => {
  test('keeps an agent that has served for exactly as long, and the plan says until when', () => {
    const plan = planCapacity(stateful({ agents: [served('a', hour - 1)] }));
    expect(plan.commands).toEqual([]);
    expect(plan.nextAt).toBe(now + 1);
    expect(retires(planCapacity(stateful({ agents: [served('a', hour)] })))).toEqual(['a']);
  });

  test('is none unless the pool says so: an agent goes half a minute after its job', () => {
    const pool = stateful({ stateful: { graceMs: 0, park: false } });
    expect(retires(planCapacity({ ...pool, agents: [served('a', 29_999)] }))).toEqual([]);
    expect(retires(planCapacity({ ...pool, agents: [served('a', 30_000)] }))).toEqual(['a']);
  });

  test('is for agents that have served: one that nobody needed goes as surplus', () => {
    expect(retires(planCapacity(stateful({ agents: [fresh('a', minute), served('b', minute)] })))).toEqual(['a']);
  });

  test('does not matter while a job waits or standby wants the agent: it stays however long', () => {
    const one = [served('a', 2 * hour)];
    expect(planCapacity(stateful({ agents: one, demand: [{ image: 'ubuntu', queued: 1 }] })).commands).toEqual([]);
    expect(planCapacity(stateful({ agents: one, standby: { count: 1, counts: 'idle' } })).commands).toEqual([]);
  });

  test('yields to a job of another image that finds no place', () => {
    const pool = stateful({
      maximumConcurrency: 2,
      images: [
        { name: 'ubuntu', buffer: '*' },
        { name: 'debian', buffer: '*' },
      ],
      agents: [served('younger', minute), served('older', 2 * minute)],
      demand: [{ image: 'debian', queued: 1 }],
    });
    const plan = planCapacity(pool);
    expect(retires(plan)).toEqual(['older']);
    expect(planCapacity(carriedOut(pool, plan)).commands).toEqual([]);
  });
});

describe('the longest life', () => {
  const over = (phase: PlanningAgent['phase']): PlanningAgent => ({ ...served('a', minute), phase, endsAt: now });

  test.each(['ready', 'offline'] as const)('ends an agent that is %s, also in its grace period', (phase) => {
    const plan = planCapacity(stateful({ agents: [over(phase)] }));
    expect(plan.commands).toMatchObject([{ kind: 'retire', agent: 'a', reason: { code: 'Lifetime' } }]);
  });

  test('lets a running job finish', () => {
    expect(planCapacity(stateful({ agents: [over('busy')] })).commands).toEqual([]);
  });

  test('is told beforehand, and what replaces the agent is asked for in the same plan', () => {
    const standby = { count: 1, counts: 'idle' } as const;
    const agent = { ...served('a', minute), endsAt: now + 1 };
    expect(planCapacity(stateful({ standby, agents: [agent] }))).toMatchObject({ commands: [], nextAt: now + 1 });
    const plan = planCapacity(stateful({ standby, agents: [agent], now: now + 1 }));
    expect(retires(plan)).toEqual(['a']);
    expect(creates(plan)).toBe(1);
  });
});

describe('a pool that parks', () => {
  const parking = (changes: Partial<PlanningInput> = {}) =>
    stateful({ stateful: { graceMs: hour, park: true }, ...changes });

  test('parks what nobody needs instead of retiring it', () => {
    const plan = planCapacity(parking({ agents: [served('a', hour)] }));
    expect(told(plan, 'park')).toEqual(['a']);
    expect(retires(plan)).toEqual([]);
  });

  test('wakes the one that was parked last before it creates anything', () => {
    const pool = parking({
      agents: [parked('old', day), parked('new', hour)],
      demand: [{ image: 'ubuntu', queued: 3 }],
    });
    const plan = planCapacity(pool);
    expect(plan.commands).toMatchObject([
      { kind: 'wake', agent: 'new', reason: { code: 'Demand' } },
      { kind: 'wake', agent: 'old', reason: { code: 'Demand' } },
      { kind: 'create', image: 'ubuntu', count: 1, reason: { code: 'Demand' } },
    ]);
    expect(planCapacity(carriedOut(pool, plan)).commands).toEqual([]);
  });

  test('wakes for standby too', () => {
    const plan = planCapacity(parking({ agents: [parked('a', day)], standby: { count: 1, counts: 'idle' } }));
    expect(plan.commands).toMatchObject([{ kind: 'wake', agent: 'a', reason: { code: 'Standby' } }]);
  });

  test('does not count parked machines towards the maximum, and those that are being parked it does', () => {
    const demand = [{ image: 'ubuntu', queued: 1 }];
    const busy = agents('ubuntu', 'busy', 1);
    const full = parking({ maximumConcurrency: 1, demand, agents: [...busy, parked('a', day)] });
    expect(planCapacity(full).commands).toEqual([]);
    expect(told(planCapacity({ ...full, maximumConcurrency: 2 }), 'wake')).toEqual(['a']);
    const stopping = { ...served('b', minute), phase: 'parking' as const };
    expect(planCapacity(parking({ maximumConcurrency: 1, demand, agents: [stopping] })).commands).toEqual([]);
  });

  test('does not wake one that would have to go before it served', () => {
    const demand = [{ image: 'ubuntu', queued: 1 }];
    const plan = planCapacity(parking({ demand, agents: [parked('a', day, 10 * minute - 1)] }));
    expect(creates(plan)).toBe(1);
    expect(told(planCapacity(parking({ demand, agents: [parked('a', day, 10 * minute)] })), 'wake')).toEqual(['a']);
  });

  test('lets parked agents go at the end of their lives, and when Azure DevOps lost them', () => {
    const gone = { ...parked('b', day), lost: true };
    const plan = planCapacity(parking({ agents: [parked('a', day, 0), gone, parked('c', day)] }));
    expect(plan.commands.map((command) => [command.kind, command.reason.code])).toEqual([
      ['retire', 'Lifetime'],
      ['retire', 'Lost'],
    ]);
  });

  test('lets them all go when it parks no longer, or closes', () => {
    expect(retires(planCapacity(stateful({ agents: [parked('a', day)] })))).toEqual(['a']);
    expect(retires(planCapacity(parking({ agents: [parked('a', day)], closing: true })))).toEqual(['a']);
  });
});

test('a pool that has become stateless lets go of every free agent that has served', () => {
  const plan = planCapacity(poolWith({ agents: [served('a', 1_000)], standby: { count: 1, counts: 'idle' } }));
  expect(plan.commands).toMatchObject([
    { kind: 'create', count: 1 },
    { kind: 'retire', agent: 'a', reason: { code: 'Used' } },
  ]);
});

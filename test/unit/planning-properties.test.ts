import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { defaultIdleGraceMs, planCapacity } from '../../domain/planning/plan-capacity.ts';
import type { AgentPhase, PlanningAgent, PlanningInput } from '../../domain/planning/types.ts';
import { carriedOut, creates, now, retires, told } from './planning-support.ts';

const imageNames = ['ubuntu', 'debian', 'windows', 'macos'];
const phases: AgentPhase[] = ['creating', 'ready', 'busy', 'offline', 'returning'];
const statefulPhases: AgentPhase[] = [...phases, 'ready', 'ready', 'parking', 'parked', 'parked', 'waking'];

/** Small numbers, for the interesting cases are where the sums meet the maximum; sometimes a flood. */
const jobCount = fc.oneof(
  { weight: 8, arbitrary: fc.nat(12) },
  { weight: 1, arbitrary: fc.constantFrom(10_000, Number.MAX_SAFE_INTEGER) },
);

const input: fc.Arbitrary<PlanningInput> = fc.record({
  now: fc.constant(now),
  maximumConcurrency: fc.oneof(fc.nat(15), fc.constant(10_000)),
  images: fc
    .uniqueArray(fc.constantFrom(...imageNames.slice(0, 3)), { minLength: 1, maxLength: 3 })
    .chain((names) =>
      fc.tuple(
        ...names.map((name) =>
          fc.record({ name: fc.constant(name), buffer: fc.constantFrom<number | '*'>('*', 0, 30, 100) }),
        ),
      ),
    ),
  standby: fc.record({ count: fc.nat(12), counts: fc.constantFrom('total', 'idle') }),
  demand: fc.array(fc.record({ image: fc.constantFrom(...imageNames), queued: jobCount }), { maxLength: 6 }),
  agents: fc
    .array(
      fc.record({
        image: fc.constantFrom(...imageNames),
        phase: fc.constantFrom(...phases),
        since: fc.constantFrom(0, 1_000, 29_999, 30_000, 60_000, 600_000).map((ms) => now - ms),
      }),
      { maxLength: 18 },
    )
    .map((list) => list.map((agent, index) => ({ name: `agent-${index}`, ...agent }))),
  holds: fc.array(
    fc.record(
      {
        image: fc.constantFrom(...imageNames),
        until: fc.constantFrom(-1_000, 0, 1, 15_000, 45_000).map((ms) => now + ms),
        code: fc.constant('QuotaExceeded'),
        message: fc.constant('There is no quota left.'),
      },
      { requiredKeys: ['until', 'code', 'message'] },
    ),
    { maxLength: 2 },
  ),
  closing: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

/** Pools whose agents serve many jobs, have served, wait, are parked, and reach the end of their lives. */
const statefulInput: fc.Arbitrary<PlanningInput> = input.chain((pool) =>
  fc
    .record({
      stateful: fc.record({ graceMs: fc.constantFrom(0, 1, 120_000, 3_600_000), park: fc.boolean() }),
      lives: fc.array(
        fc.record({
          phase: fc.constantFrom(...statefulPhases),
          servedMs: fc.constantFrom(undefined, 0, 30_000, 119_999, 120_000, 7_200_000),
          leftMs: fc.constantFrom(-1, 0, 1, 45_000, 599_999, 600_000, 604_800_000),
        }),
        { minLength: pool.agents.length, maxLength: pool.agents.length },
      ),
    })
    .map(({ stateful, lives }) => ({
      ...pool,
      stateful,
      agents: pool.agents.map((agent, index): PlanningAgent => {
        const { phase = agent.phase, servedMs, leftMs = 1 } = lives[index] ?? {};
        return {
          ...agent,
          phase,
          endsAt: now + leftMs,
          ...(servedMs === undefined ? {} : { servedAt: now - servedMs }),
        };
      }),
    })),
);

const running = ({ agents }: PlanningInput) => agents.filter(({ phase }) => phase !== 'parked').length;

const holds = (property: fc.IProperty<[PlanningInput]>, numRuns = 1_000) => fc.assert(property, { numRuns });
const has = (agent: { image: string; phase: AgentPhase }, image: string, phase: AgentPhase) =>
  agent.image === image && agent.phase === phase;
const held = ({ holds: all }: PlanningInput, image: string) =>
  all.some((hold) => hold.until > now && (hold.image === undefined || hold.image === image));
const queuedFor = ({ demand }: PlanningInput, image: string) =>
  demand.reduce((sum, { image: of, queued }) => (of === image ? sum + queued : sum), 0);

describe('whatever the pool looks like, a plan', () => {
  test('never creates beyond the maximum', () => {
    holds(
      fc.property(input, (pool) => {
        const after = carriedOut(pool, planCapacity(pool)).agents.length;
        expect(after).toBeLessThanOrEqual(Math.max(pool.maximumConcurrency, pool.agents.length));
      }),
    );
  });

  test('retires only agents that exist, each once, and none that is busy or returning already', () => {
    holds(
      fc.property(input, (pool) => {
        const retired = retires(planCapacity(pool));
        expect(new Set(retired).size).toBe(retired.length);
        for (const name of retired) {
          expect(['ready', 'creating', 'offline']).toContain(pool.agents.find((agent) => agent.name === name)?.phase);
        }
      }),
    );
  });

  test('retires an agent in creation only when the pool closes or its image left', () => {
    holds(
      fc.property(input, (pool) => {
        for (const name of retires(planCapacity(pool))) {
          const agent = pool.agents.find((one) => one.name === name);
          if (agent?.phase !== 'creating' || pool.closing) continue;
          expect(pool.images.map((image) => image.name)).not.toContain(agent.image);
        }
      }),
    );
  });

  test('never takes a ready agent away from a queued job', () => {
    holds(
      fc.property(input, (pool) => {
        if (pool.closing) return;
        const after = carriedOut(pool, planCapacity(pool)).agents;
        for (const { name } of pool.images) {
          const before = pool.agents.filter((agent) => has(agent, name, 'ready')).length;
          const left = after.filter((agent) => has(agent, name, 'ready')).length;
          expect(left).toBeGreaterThanOrEqual(Math.min(before, queuedFor(pool, name)));
        }
      }),
    );
  });

  test('retires nothing that became ready within the grace, unless its image left or the pool closes', () => {
    holds(
      fc.property(input, (pool) => {
        const plan = planCapacity(pool);
        for (const command of plan.commands) {
          if (command.kind !== 'retire' || command.reason.code !== 'Surplus') continue;
          const agent = pool.agents.find(({ name }) => name === command.agent);
          expect(now - (agent?.since ?? now)).toBeGreaterThanOrEqual(defaultIdleGraceMs);
        }
      }),
    );
  });

  test('is complete: once it is carried out, the same question has no further answer until nextAt', () => {
    holds(
      fc.property(input, (pool) => {
        const after = carriedOut(pool, planCapacity(pool));
        const again = planCapacity(after);
        expect(again.commands).toEqual([]);
        expect(again.nextAt ?? Infinity).toBeGreaterThan(now);
        const lastQuietMoment = (again.nextAt ?? now + 86_400_000) - 1;
        expect(planCapacity({ ...after, now: lastQuietMoment }).commands).toEqual([]);
      }),
    );
  });

  test('comes to rest: as time passes and machines leave, a pool stops asking for anything', () => {
    holds(
      fc.property(input, (pool) => {
        let current = pool;
        for (let turn = 0; turn < 60; turn++) {
          const plan = planCapacity(current);
          const { agents } = carriedOut(current, plan);
          const leaving = agents.filter(({ phase }) => phase === 'returning' || phase === 'offline').length;
          if (plan.commands.length === 0 && leaving === 0 && plan.nextAt === undefined) return;
          const remaining = agents.filter(({ phase }) => phase !== 'returning' && phase !== 'offline');
          current = {
            ...current,
            agents: remaining.map((agent, index) => ({ ...agent, name: `turn-${turn}-${index}` })),
            now: plan.nextAt ?? current.now,
          };
        }
        throw new Error('The pool still asks for something after 60 turns.');
      }),
      300,
    );
  });

  test('creates no fewer agents, in all and of the image, when more jobs are queued for it', () => {
    fc.assert(
      fc.property(input, fc.nat(20), fc.nat(5), (pool, more, which) => {
        const image = pool.images[which % pool.images.length]?.name ?? '';
        const busier = { ...pool, demand: [...pool.demand, { image, queued: more }] };
        expect(creates(planCapacity(busier))).toBeGreaterThanOrEqual(creates(planCapacity(pool)));
        expect(creates(planCapacity(busier), image)).toBeGreaterThanOrEqual(creates(planCapacity(pool), image));
      }),
      { numRuns: 1_000 },
    );
  });

  test('creates nothing for an image that is held, that the pool does not have, or when the pool closes', () => {
    holds(
      fc.property(input, (pool) => {
        for (const command of planCapacity(pool).commands) {
          if (command.kind !== 'create') continue;
          expect(pool.closing).toBe(false);
          expect(pool.images.map(({ name }) => name)).toContain(command.image);
          expect(held(pool, command.image)).toBe(false);
          expect(command.count).toBeGreaterThan(0);
        }
      }),
    );
  });

  test('serves every queued job and meets standby where there is room and no hold', () => {
    holds(
      fc.property(input, (pool) => {
        const small = { ...pool, maximumConcurrency: 10_000, holds: [], closing: false };
        small.demand = pool.demand.map(({ image, queued }) => ({ image, queued: Math.min(queued, 1_000) }));
        small.images = pool.images.map(({ name }) => ({ name, buffer: '*' }));
        const { agents } = carriedOut(small, planCapacity(small));
        let standing = 0;
        for (const { name } of small.images) {
          const free = agents.filter((agent) => has(agent, name, 'ready') || has(agent, name, 'creating')).length;
          const busy = agents.filter((agent) => has(agent, name, 'busy')).length;
          expect(free).toBeGreaterThanOrEqual(queuedFor(small, name));
          standing += small.standby.counts === 'idle' ? free - queuedFor(small, name) : free + busy;
        }
        expect(standing).toBeGreaterThanOrEqual(small.standby.count);
      }),
    );
  });

  test('lets a job of any image through: in the end jobs fill the places that they can, whatever standby wants', () => {
    holds(
      fc.property(input, (pool) => {
        let current = { ...pool, holds: [], closing: false };
        for (let turn = 0; turn < 10; turn++) {
          const { agents } = carriedOut(current, planCapacity(current));
          const started = agents.map((agent, index): PlanningAgent => {
            const online = agent.phase === 'creating';
            return {
              ...agent,
              name: `turn-${turn}-${index}`,
              ...(online ? { phase: 'ready', since: current.now } : {}),
            };
          });
          current = {
            ...current,
            agents: started.filter(({ phase }) => phase !== 'returning' && phase !== 'offline'),
            now: current.now + 60_000,
          };
        }
        let waiting = 0;
        let served = 0;
        for (const { name } of current.images) {
          const queued = queuedFor(current, name);
          waiting += queued;
          served += Math.min(queued, current.agents.filter((agent) => has(agent, name, 'ready')).length);
        }
        const busy = current.agents.filter(({ phase }) => phase === 'busy').length;
        expect(served).toBeGreaterThanOrEqual(Math.min(waiting, current.maximumConcurrency - busy));
      }),
      300,
    );
  });

  test('is the same for the same input, leaves the input as it was, and survives JSON', () => {
    holds(
      fc.property(input, (pool) => {
        const copy = structuredClone(pool);
        const plan = planCapacity(pool);
        expect(planCapacity(copy)).toEqual(plan);
        expect(pool).toEqual(copy);
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      }),
    );
  });

  test('does not depend on the order of the roster, the demand or the holds', () => {
    holds(
      fc.property(input, (pool) => {
        const reversed = {
          ...pool,
          agents: pool.agents.toReversed(),
          demand: pool.demand.toReversed(),
          holds: pool.holds.toReversed(),
        };
        expect(planCapacity(reversed).commands).toEqual(planCapacity(pool).commands);
      }),
    );
  });

  test('says for each image what limits it, in one sentence each', () => {
    holds(
      fc.property(input, (pool) => {
        const { remarks, commands } = planCapacity(pool);
        for (const { name } of pool.images) expect(remarks.some(({ image }) => image === name)).toBe(true);
        for (const sentence of [...remarks.map((one) => one.message), ...commands.map((one) => one.reason.message)]) {
          expect(sentence).toMatch(/\.$/);
          expect(sentence).not.toMatch(/undefined|NaN|Infinity/);
        }
      }),
    );
  });
});

describe('whatever a stateful pool looks like, a plan', () => {
  const agentOf = (pool: PlanningInput, name: string) => {
    const agent = pool.agents.find((one) => one.name === name);
    if (!agent) throw new Error(`The plan names ${name}, which is not there.`);
    return agent;
  };

  test('never lets more machines run than the maximum, woken ones included', () => {
    holds(
      fc.property(statefulInput, (pool) => {
        const plan = planCapacity(pool);
        // One that goes while it is parked runs as little as before.
        const deallocated = retires(plan).filter((name) => agentOf(pool, name).phase === 'parked').length;
        const after = running(carriedOut(pool, plan)) - deallocated;
        expect(after).toBeLessThanOrEqual(Math.max(pool.maximumConcurrency, running(pool)));
      }),
    );
  });

  test('is complete: once it is carried out, the same question has no further answer until nextAt', () => {
    holds(
      fc.property(statefulInput, (pool) => {
        const after = carriedOut(pool, planCapacity(pool));
        const again = planCapacity(after);
        expect(again.commands).toEqual([]);
        expect(again.nextAt ?? Infinity).toBeGreaterThan(now);
        const lastQuietMoment = (again.nextAt ?? now + 86_400_000) - 1;
        expect(planCapacity({ ...after, now: lastQuietMoment }).commands).toEqual([]);
      }),
    );
  });

  test('comes to rest: as time passes and machines stop or leave, a pool stops asking for anything', () => {
    holds(
      fc.property(statefulInput, (pool) => {
        let current = pool;
        for (let turn = 0; turn < 80; turn++) {
          const plan = planCapacity(current);
          const { agents } = carriedOut(current, plan);
          const changing = agents.filter(({ phase }) => ['returning', 'offline', 'parking'].includes(phase)).length;
          if (plan.commands.length === 0 && changing === 0 && plan.nextAt === undefined) return;
          current = {
            ...current,
            agents: agents
              .filter(({ phase }) => phase !== 'returning' && phase !== 'offline')
              .map((agent, index) => ({
                ...agent,
                ...(agent.phase === 'parking' ? { phase: 'parked' as const } : {}),
                name: `turn-${turn}-${index}`,
              })),
            now: plan.nextAt ?? current.now,
          };
        }
        throw new Error('The pool still asks for something after 80 turns.');
      }),
      300,
    );
  });

  test('retires what has reached the end of its life unless a job runs on it or it is coming up, and nothing twice', () => {
    holds(
      fc.property(statefulInput, (pool) => {
        const plan = planCapacity(pool);
        const named = plan.commands.flatMap((command) => (command.kind === 'create' ? [] : [command.agent]));
        expect(new Set(named).size).toBe(named.length);
        const retired = new Set(retires(plan));
        for (const { name, phase, endsAt = Infinity, image } of pool.agents) {
          const isOver = endsAt <= now && ['ready', 'offline', 'parked'].includes(phase);
          if (isOver && pool.images.some((one) => one.name === image)) expect(retired.has(name)).toBe(true);
          if (phase === 'busy' || phase === 'returning') expect(named).not.toContain(name);
        }
      }),
    );
  });

  test('parks only what is ready and has no grace left, or makes room for a job, and only where the pool parks', () => {
    holds(
      fc.property(statefulInput, (pool) => {
        const plan = planCapacity(pool);
        for (const name of told(plan, 'park')) {
          const agent = agentOf(pool, name);
          expect(agent.phase).toBe('ready');
          expect(pool.stateful?.park).toBe(true);
          expect(now - agent.since).toBeGreaterThanOrEqual(defaultIdleGraceMs);
          const inGrace = (agent.servedAt ?? -Infinity) + (pool.stateful?.graceMs ?? 0) > now;
          const waiting = pool.images.some(({ name: image }) => image !== agent.image && queuedFor(pool, image) > 0);
          if (inGrace) expect(waiting).toBe(true);
        }
      }),
    );
  });

  test('wakes before it creates: no machine is made while a parked one of its image could be woken', () => {
    holds(
      fc.property(statefulInput, (pool) => {
        const plan = planCapacity(pool);
        const woken = new Set(told(plan, 'wake'));
        for (const name of woken) expect(agentOf(pool, name).phase).toBe('parked');
        for (const { name: image } of pool.images) {
          if (creates(plan, image) === 0) continue;
          const left = pool.agents.filter(
            (agent) =>
              has(agent, image, 'parked') && !woken.has(agent.name) && (agent.endsAt ?? Infinity) - now >= 600_000,
          );
          expect(pool.stateful?.park ? left : []).toEqual([]);
        }
      }),
    );
  });

  test('never takes a ready agent away from a queued job, except at the end of its life', () => {
    holds(
      fc.property(statefulInput, (pool) => {
        if (pool.closing) return;
        const after = carriedOut(pool, planCapacity(pool)).agents;
        const young = ({ endsAt = Infinity }: PlanningAgent) => endsAt > now;
        for (const { name } of pool.images) {
          const before = pool.agents.filter((agent) => has(agent, name, 'ready') && young(agent)).length;
          const left = after.filter((agent) => has(agent, name, 'ready')).length;
          expect(left).toBeGreaterThanOrEqual(Math.min(before, queuedFor(pool, name)));
        }
      }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import { planCapacity } from '../../domain/planning/plan-capacity.ts';
import type { Hold } from '../../domain/planning/types.ts';
import { agents, carriedOut, creates, now, poolWith, retires } from './planning-support.ts';

const twoImages = [
  { name: 'ubuntu', buffer: '*' as const },
  { name: 'debian', buffer: '*' as const },
];

const noQuota: Hold = { until: now + 60_000, code: 'QuotaExceeded', message: 'The family Dadsv5 has no cores left.' };

describe('queued jobs', () => {
  test('get one agent each', () => {
    const plan = planCapacity(poolWith({ demand: [{ image: 'ubuntu', queued: 3 }] }));
    expect(plan.commands).toEqual([
      {
        kind: 'create',
        image: 'ubuntu',
        count: 3,
        reason: {
          code: 'Demand',
          message: '3 jobs wait for ubuntu; 0 ready and 0 creating agents leave 3 without one.',
        },
      },
    ]);
  });

  test('take the ready agents of their image first, for Azure DevOps is about to assign them', () => {
    const plan = planCapacity(
      poolWith({ demand: [{ image: 'ubuntu', queued: 3 }], agents: agents('ubuntu', 'ready', 2) }),
    );
    expect(creates(plan)).toBe(1);
  });

  test('wait for the agents that are being created for them, however long that takes', () => {
    const plan = planCapacity(
      poolWith({ demand: [{ image: 'ubuntu', queued: 3 }], agents: agents('ubuntu', 'creating', 3, 3_600_000) }),
    );
    expect(plan.commands).toEqual([]);
    expect(plan.remarks.map(({ code }) => code)).toEqual(['InFlight']);
  });

  test('get a new agent for one that failed, without anybody remembering which job it was for', () => {
    const pool = poolWith({ demand: [{ image: 'ubuntu', queued: 3 }] });
    const { agents: all } = carriedOut(pool, planCapacity(pool));
    expect(creates(planCapacity({ ...pool, agents: all.slice(1) }))).toBe(1);
  });

  test('are not served by busy agents, by returning ones, or by ones of another image', () => {
    const pool = poolWith({
      images: twoImages,
      demand: [{ image: 'ubuntu', queued: 1 }],
      agents: [...agents('ubuntu', 'busy', 1), ...agents('ubuntu', 'returning', 1), ...agents('debian', 'ready', 1, 0)],
    });
    expect(creates(planCapacity(pool), 'ubuntu')).toBe(1);
  });

  test('of an image that the pool does not have get no agent, and the plan says so', () => {
    const plan = planCapacity(poolWith({ demand: [{ image: 'solaris', queued: 2 }] }));
    expect(plan.commands).toEqual([]);
    expect(plan.remarks).toContainEqual({
      image: 'solaris',
      code: 'UnknownImage',
      message: '2 jobs wait for the image solaris, which the pool does not have: no agent is created for it.',
    });
  });
});

describe('the maximum', () => {
  test('counts busy and returning machines, for they exist', () => {
    const pool = poolWith({
      maximumConcurrency: 5,
      demand: [{ image: 'ubuntu', queued: 9 }],
      agents: [...agents('ubuntu', 'busy', 2), ...agents('ubuntu', 'returning', 1)],
    });
    const plan = planCapacity(pool);
    expect(creates(plan)).toBe(2);
    expect(plan.remarks).toContainEqual({
      image: 'ubuntu',
      code: 'AtMaximum',
      message: '7 jobs wait for a place: 5 of at most 5 machines exist or are asked for, returning ones included.',
    });
  });

  test('gives the next free place to the image with the fewest agents, so that a fan-out starves nobody', () => {
    const plan = planCapacity(
      poolWith({
        maximumConcurrency: 5,
        images: twoImages,
        demand: [
          { image: 'ubuntu', queued: 500 },
          { image: 'debian', queued: 1 },
        ],
        agents: agents('ubuntu', 'busy', 4),
      }),
    );
    expect(creates(plan, 'debian')).toBe(1);
    expect(creates(plan, 'ubuntu')).toBe(0);
  });

  test('makes standby of one image yield to a job of another', () => {
    const pool = poolWith({
      maximumConcurrency: 5,
      images: [
        { name: 'ubuntu', buffer: 100 },
        { name: 'debian', buffer: 0 },
      ],
      standby: { count: 5, counts: 'idle' },
      demand: [{ image: 'debian', queued: 1 }],
      agents: agents('ubuntu', 'ready', 5),
    });
    const plan = planCapacity(pool);
    expect(retires(plan)).toEqual(['ubuntu-ready-600000-0']);
    const after = carriedOut(pool, plan).agents.filter(({ phase }) => phase !== 'returning');
    expect(creates(planCapacity({ ...pool, agents: after }), 'debian')).toBe(1);
  });

  test('once lowered retires what is idle and leaves what works', () => {
    const pool = poolWith({
      maximumConcurrency: 2,
      standby: { count: 4, counts: 'idle' },
      agents: [...agents('ubuntu', 'busy', 3), ...agents('ubuntu', 'ready', 4)],
    });
    expect(retires(planCapacity(pool))).toHaveLength(4);
  });
});

describe('standby', () => {
  test('counted as idle is kept beyond what jobs take', () => {
    const plan = planCapacity(
      poolWith({
        standby: { count: 2, counts: 'idle' },
        demand: [{ image: 'ubuntu', queued: 1 }],
        agents: [...agents('ubuntu', 'busy', 5), ...agents('ubuntu', 'ready', 1)],
      }),
    );
    expect(creates(plan)).toBe(2);
  });

  test('counted as total is what Managed DevOps Pools documents: target 10, 5 busy, 2 idle, so 3 start', () => {
    const plan = planCapacity(
      poolWith({
        maximumConcurrency: 20,
        standby: { count: 10, counts: 'total' },
        agents: [...agents('ubuntu', 'busy', 5), ...agents('ubuntu', 'ready', 2)],
      }),
    );
    expect(plan.commands).toEqual([
      {
        kind: 'create',
        image: 'ubuntu',
        count: 3,
        reason: { code: 'Standby', message: 'Standby keeps 10 agents of ubuntu, busy ones included; missing: 3.' },
      },
    ]);
  });

  test.each([
    ['equally with *, the odd one to the first image', ['*', '*', '*'] as const, 10, [4, 3, 3]],
    ['by percentage', [70, 30, 0] as const, 10, [7, 3, 0]],
    ['to the largest fractions first', [55, 25, 20] as const, 3, [2, 1, 0]],
    ['with what the percentages leave split equally', [50, '*', '*'] as const, 8, [4, 2, 2]],
    ['to the first image where fractions are equal', [50, 50, 0] as const, 5, [3, 2, 0]],
  ])('is split %s', (_, buffers, count, expected) => {
    const names = ['ubuntu', 'debian', 'windows'];
    const plan = planCapacity(
      poolWith({
        images: buffers.map((buffer, index) => ({ name: names[index] ?? '', buffer })),
        standby: { count, counts: 'idle' },
      }),
    );
    expect(names.map((name) => creates(plan, name))).toEqual(expected);
  });

  test('is filled from agents that are there or on their way', () => {
    const plan = planCapacity(
      poolWith({
        standby: { count: 3, counts: 'idle' },
        agents: [...agents('ubuntu', 'ready', 2), ...agents('ubuntu', 'creating', 1)],
      }),
    );
    expect(plan).toEqual({
      commands: [],
      remarks: [
        {
          image: 'ubuntu',
          code: 'InFlight',
          message: '1 agent in creation; asked for now: 0 for queued jobs, 0 for standby.',
        },
      ],
    });
  });
});

describe('surplus agents', () => {
  test('go, the longest ready first, down to what standby wants', () => {
    const plan = planCapacity(
      poolWith({
        standby: { count: 1, counts: 'idle' },
        agents: [...agents('ubuntu', 'ready', 1, 60_000), ...agents('ubuntu', 'ready', 2, 90_000)],
      }),
    );
    expect(retires(plan)).toEqual(['ubuntu-ready-90000-0', 'ubuntu-ready-90000-1']);
    expect(plan.commands[0]?.reason).toEqual({
      code: 'Surplus',
      message:
        'Ready for 90 s; of 3 ready and 0 creating agents, ubuntu needs 0 for queued jobs and creations under way, ' +
        'and 1 for standby.',
    });
  });

  test('stay through a grace, and the plan says when it ends', () => {
    const pool = poolWith({ agents: agents('ubuntu', 'ready', 1, 10_000) });
    expect(planCapacity(pool)).toMatchObject({ commands: [], nextAt: now + 20_000 });
    expect(retires(planCapacity({ ...pool, now: now + 20_000 }))).toHaveLength(1);
    expect(retires(planCapacity({ ...pool, idleGraceMs: 0 }))).toHaveLength(1);
  });

  test('in creation come online first: the job that they were for may come back', () => {
    expect(planCapacity(poolWith({ agents: agents('ubuntu', 'creating', 2) })).commands).toEqual([]);
  });

  test('of an image that left the pool go at once, also in creation, but not from under a job', () => {
    const plan = planCapacity(
      poolWith({
        agents: [...agents('old', 'ready', 1, 0), ...agents('old', 'creating', 1), ...agents('old', 'busy', 1)],
      }),
    );
    expect(retires(plan).toSorted()).toEqual(['old-creating-600000-0', 'old-ready-0-0']);
    expect(plan.commands.every(({ reason }) => reason.code === 'ImageRemoved')).toBe(true);
  });
});

describe('a hold', () => {
  test('stops creating for its image until it ends, and leaves the other images alone', () => {
    const pool = poolWith({
      images: twoImages,
      demand: [
        { image: 'ubuntu', queued: 2 },
        { image: 'debian', queued: 1 },
      ],
      holds: [{ ...noQuota, image: 'ubuntu' }],
    });
    const plan = planCapacity(pool);
    expect(creates(plan, 'ubuntu')).toBe(0);
    expect(creates(plan, 'debian')).toBe(1);
    expect(plan.nextAt).toBe(noQuota.until);
    expect(plan.remarks).toContainEqual({
      image: 'ubuntu',
      code: 'Held',
      message: '2 jobs wait until 2026-01-05T09:01:00.000Z, after QuotaExceeded: The family Dadsv5 has no cores left.',
    });
    expect(creates(planCapacity({ ...pool, now: noQuota.until }), 'ubuntu')).toBe(2);
  });

  test('without an image stops creating for all', () => {
    const demand = twoImages.map(({ name }) => ({ image: name, queued: 1 }));
    expect(creates(planCapacity(poolWith({ images: twoImages, demand, holds: [noQuota] })))).toBe(0);
  });

  test('asks for no new plan where nothing waits for its end', () => {
    expect(planCapacity(poolWith({ holds: [noQuota] })).nextAt).toBeUndefined();
  });
});

describe('a closing pool', () => {
  test('creates nothing, retires every agent without a job, and lets the others finish', () => {
    const plan = planCapacity(
      poolWith({
        closing: true,
        standby: { count: 5, counts: 'idle' },
        demand: [{ image: 'ubuntu', queued: 4 }],
        agents: [
          ...agents('ubuntu', 'ready', 1, 0),
          ...agents('ubuntu', 'creating', 1, 0),
          ...agents('ubuntu', 'busy', 1),
          ...agents('old', 'ready', 1),
        ],
      }),
    );
    expect(creates(plan)).toBe(0);
    expect(retires(plan).toSorted()).toEqual(['old-ready-600000-0', 'ubuntu-creating-0-0', 'ubuntu-ready-0-0']);
    expect(plan.remarks).toEqual([
      {
        image: 'ubuntu',
        code: 'Closing',
        message: 'The pool is closing: no agent is created for 4 queued jobs, and 1 busy agent may finish.',
      },
    ]);
  });
});

describe('an odd input', () => {
  test('without images plans nothing but the return of what is there', () => {
    const plan = planCapacity(poolWith({ images: [], agents: agents('ubuntu', 'ready', 1) }));
    expect(plan.commands).toHaveLength(1);
    expect(plan.remarks).toEqual([]);
  });

  test('that names an agent twice counts it once', () => {
    const [busy] = agents('ubuntu', 'busy', 1);
    if (!busy) throw new Error('There is one agent.');
    const pool = poolWith({
      maximumConcurrency: 2,
      demand: [{ image: 'ubuntu', queued: 5 }],
      agents: [busy, { ...busy, phase: 'ready' }],
    });
    expect(creates(planCapacity(pool))).toBe(1);
    expect(retires(planCapacity({ ...pool, closing: true }))).toEqual([]);
  });

  test('that names an image twice splits standby once, and demand adds up', () => {
    const plan = planCapacity(
      poolWith({
        images: [...twoImages, { name: 'ubuntu', buffer: 100 }],
        standby: { count: 2, counts: 'idle' },
        demand: [
          { image: 'debian', queued: 1 },
          { image: 'debian', queued: 2 },
        ],
      }),
    );
    expect([creates(plan, 'ubuntu'), creates(plan, 'debian')]).toEqual([1, 4]);
  });

  test('that no plan can be made from is refused with every reason', () => {
    const input = poolWith({
      now: Number.NaN,
      maximumConcurrency: 10_001,
      images: [{ name: 'ubuntu', buffer: 101 }],
      standby: { count: -1, counts: 'idle' },
      demand: [{ image: 'ubuntu', queued: 0.5 }],
      holds: [{ ...noQuota, until: Infinity }],
    });
    expect(() => planCapacity(input)).toThrow(
      new RangeError(
        'No plan can be made from this input: now is NaN, not a moment; maximumConcurrency is 10001, more than 10000; ' +
          'standby.count is -1, not a whole number from 0; images[0].buffer is 101, neither * nor a whole number from ' +
          '0 to 100; demand[0].queued is 0.5, not a whole number from 0; holds[0].until is Infinity, not a moment.',
      ),
    );
  });
});

import type { AgentReport, PoolObservation, PoolState, RosterEntry } from '../../domain/messages.ts';
import {
  applyObservation,
  applyProgress,
  applyReport,
  demandSeenAt,
  newPoolState,
  planningInput,
  reconcileRoster,
  rememberUpdate,
} from '../../domain/pool-state.ts';
import type { PoolSpecification } from '../../domain/pool-specification.ts';

const overdueMs = 600_000;
const now = Date.UTC(2026, 10, 23, 12);

function stateWith(...roster: PoolState['roster']): PoolState {
  return { ...newPoolState('0123456789abcdef'.slice(0, 9)), roster };
}

function observation(sequence: number, agents: PoolObservation['agents'], queued: PoolObservation['queued'] = []) {
  return { sequence, at: now + sequence, queued, assigned: 0, running: 0, agents };
}

const lost: AgentReport = {
  agent: 'a',
  outcome: 'failed',
  failure: { code: 'AllocationFailed', class: 'capacity', message: 'no room', retryAfterMs: 3_600_000 },
};

describe('what the observer tells a pool', () => {
  test('makes an agent ready when it is free, and busy when a job holds it', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'creating', s: 0 }, { n: 'b', i: 'ubuntu', p: 'ready', s: 0 });

    applyObservation(
      state,
      observation(1, [
        { name: 'a', standing: 'free' },
        { name: 'b', standing: 'held' },
      ]),
    );

    expect(state.roster.map(({ p }) => p)).toEqual(['ready', 'busy']);
  });

  test('never makes a stateless agent ready again once it was busy', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'busy', s: 0 });

    applyObservation(state, observation(1, [{ name: 'a', standing: 'free' }]));
    applyObservation(state, observation(2, [{ name: 'a', standing: 'free' }]));

    expect(state.roster[0]?.p).toBe('returning');
  });

  test('counts an agent that lost its connection as no capacity until it is proven online', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'ready', s: 0 });

    applyObservation(state, observation(1, [{ name: 'a', standing: 'offline' }]));
    expect(state.roster[0]?.p).toBe('offline');

    applyObservation(state, observation(2, [{ name: 'a', standing: 'free' }]));
    expect(state.roster[0]?.p).toBe('ready');
  });

  test('knows that a busy agent has served when it is neither held nor free any more', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'busy', s: 0 });

    applyObservation(state, observation(1, [{ name: 'a', standing: 'offline' }]));
    applyObservation(state, observation(2, [{ name: 'a', standing: 'free' }]));

    expect(state.roster[0]).toMatchObject({ p: 'returning', d: 1 });
  });

  test('lets an agent that was told to return serve the job that reached it first', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'returning', s: 0, d: 1 });

    applyObservation(state, observation(1, [{ name: 'a', standing: 'held' }]));
    expect(state.roster[0]?.p).toBe('busy');

    applyObservation(state, observation(2, [{ name: 'a', standing: 'free' }]));
    expect(state.roster[0]?.p).toBe('returning');
  });

  test('changes nothing when it is older than what is known', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'creating', s: 0 });
    applyObservation(state, observation(5, [{ name: 'a', standing: 'held' }]));

    const news = applyObservation(state, observation(4, [{ name: 'a', standing: 'free' }]));

    expect(news).toBe(false);
    expect(state.roster[0]?.p).toBe('busy');
  });
});

describe('a stateful agent in its pool', () => {
  const end = now + 86_400_000;
  const stateful = (p: RosterEntry['p'], fields: Partial<RosterEntry> = {}): RosterEntry => {
    return { n: 'a', i: 'ubuntu', p, s: 0, l: end, ...fields };
  };
  const observed = (entry: RosterEntry, ...standings: PoolObservation['agents'][number]['standing'][]) => {
    const state = stateWith(entry);
    standings.forEach((standing, index) => applyObservation(state, observation(index + 1, [{ name: 'a', standing }])));
    return state.roster[0];
  };

  test('is ready again after its job, and the pool knows since when', () => {
    expect(observed(stateful('ready'), 'held', 'free')).toEqual(stateful('ready', { s: now + 2, e: now + 2 }));
  });

  test('is away after its job, and comes back', () => {
    expect(observed(stateful('busy'), 'offline')?.p).toBe('offline');
    expect(observed(stateful('busy'), 'offline', 'free')).toMatchObject({ p: 'ready', e: now + 1 });
  });

  test('goes after a job that came first, once it was told to', () => {
    expect(observed(stateful('returning', { d: 1 }), 'held')?.p).toBe('busy');
    expect(observed(stateful('returning', { d: 1 }), 'held', 'free')?.p).toBe('returning');
  });

  test('is parking until it says so itself, or a job holds it', () => {
    expect(observed(stateful('parking'), 'free')?.p).toBe('parking');
    expect(observed(stateful('parking'), 'offline')?.p).toBe('parking');
    expect(observed(stateful('parking'), 'held')?.p).toBe('busy');
    const state = stateWith(stateful('parking'));
    applyProgress(state, { agent: 'a', kind: 'parked' }, now);
    expect(state.roster[0]).toMatchObject({ p: 'parked', s: now });
  });

  test('is ready when a job was faster than its parking: what holds it the observer tells', () => {
    const state = stateWith(stateful('parking'));
    applyProgress(state, { agent: 'a', kind: 'notParked' }, now);
    expect(state.roster[0]?.p).toBe('ready');
    const busy = stateWith(stateful('busy'));
    applyProgress(busy, { agent: 'a', kind: 'notParked' }, now);
    expect(busy.roster[0]?.p).toBe('busy');
  });

  test('stays parked whatever a list that lags shows, and is lost when its registration is', () => {
    expect(observed(stateful('parked'), 'free', 'held', 'offline')?.p).toBe('parked');
    expect(observed(stateful('parked'), 'missing')).toMatchObject({ p: 'parked', d: 1 });
  });

  test('is waking until it is online', () => {
    expect(observed(stateful('waking'), 'offline')?.p).toBe('waking');
    expect(observed(stateful('waking'), 'offline', 'free')?.p).toBe('ready');
    expect(observed(stateful('waking'), 'held')?.p).toBe('busy');
  });

  test('tells of each job when it has served it, and the totals count it', () => {
    const state = stateWith(stateful('busy'));
    const receipt = { queuedAt: now, startedAt: now + 4_000 };
    for (const requestId of [7, 8]) {
      applyProgress(state, { agent: 'a', kind: 'served', job: { requestId, outcome: 'finished', receipt } }, now);
    }
    applyReport(state, { agent: 'a', outcome: 'returned', told: 2 }, now);
    expect(state.totals).toMatchObject({ returned: 1, jobs: 2, waitedMs: 8_000 });
  });

  test('is planned with the end of its life and of its last job, and with what was lost', () => {
    const images = [{ name: 'ubuntu', aliases: ['ubuntu'], buffer: '*' }];
    const standby = { count: 0, counts: 'total' };
    const specification = { maximumConcurrency: 5, standby, images } as unknown as PoolSpecification;
    const lives = { ...specification, stateful: { lifetimeMs: 1, graceMs: 60_000, park: true } };
    const state = stateWith(stateful('ready', { e: 5 }), stateful('parked', { n: 'b', d: 1 }));
    expect(planningInput(state, lives, now, overdueMs)).toMatchObject({
      stateful: { graceMs: 60_000, park: true },
      agents: [
        { name: 'a', phase: 'ready', servedAt: 5, endsAt: end },
        { name: 'b', phase: 'parked', endsAt: end, lost: true },
      ],
    });
    expect(planningInput(state, specification, now, overdueMs)).not.toHaveProperty('stateful');
  });

  test('no job waits for one that takes too long to wake', () => {
    const specification = { maximumConcurrency: 5, standby: {}, images: [{ name: 'ubuntu', aliases: [] }] };
    const state = stateWith(stateful('waking', { s: now - overdueMs - 1 }));
    expect(planningInput(state, specification as unknown as PoolSpecification, now, overdueMs).agents).toMatchObject([
      { phase: 'offline' },
    ]);
  });
});

describe('what an agent reports at its end', () => {
  test('frees its place and adds its job to the totals, once', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'busy', s: 0 });
    const report: AgentReport = {
      agent: 'a',
      outcome: 'returned',
      job: { requestId: 7, outcome: 'finished', receipt: { queuedAt: now, startedAt: now + 4_000 } },
    };

    applyReport(state, report, now);
    applyReport(state, report, now);

    expect(state.roster).toEqual([]);
    expect(state.totals).toMatchObject({ returned: 1, jobs: 1, waitedMs: 4_000 });
  });

  test('holds its image back, twice as long after each failure in a row, never longer than its error asks', () => {
    const state = stateWith();
    const holds: number[] = [];
    for (let failures = 0; failures < 12; failures++) {
      state.roster.push({ n: 'a', i: 'ubuntu', p: 'creating', s: 0 });
      applyReport(state, lost, now);
      holds.push((state.holds[0]?.until ?? 0) - now);
    }

    expect(holds.slice(0, 3)).toEqual([15_000, 30_000, 60_000]);
    expect(Math.max(...holds)).toBe(3_600_000);
    expect(state.holds).toHaveLength(1);
  });

  test('is forgiven as soon as an agent of the image is ready', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'creating', s: 0 }, { n: 'b', i: 'ubuntu', p: 'creating', s: 0 });
    applyReport(state, lost, now);

    applyObservation(state, observation(1, [{ name: 'b', standing: 'free' }]));

    expect(state.holds).toEqual([]);
    expect(state.failures).toEqual({});
  });
});

describe('what planning is told', () => {
  const specification = {
    maximumConcurrency: 5,
    standby: { count: 2, counts: 'total' },
    images: [
      { name: 'ubuntu', aliases: ['ubuntu', 'ubuntu-latest'], buffer: '*' },
      { name: 'debian', aliases: ['debian'], buffer: '*' },
    ],
  } as unknown as PoolSpecification;

  test('sends jobs that name no image to the first one', () => {
    const state = stateWith();
    applyObservation(
      state,
      observation(
        1,
        [],
        [
          { imageOverride: null, count: 2, oldestQueuedAt: now },
          { imageOverride: 'ubuntu', count: 1, oldestQueuedAt: now },
          { imageOverride: 'debian', count: 4, oldestQueuedAt: now },
        ],
      ),
    );

    const { demand } = planningInput(state, specification, now, overdueMs);

    expect(demand).toEqual([
      { image: 'ubuntu', queued: 3 },
      { image: 'debian', queued: 4 },
    ]);
  });

  test('does not make a job wait for an agent that is overdue', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'creating', s: now - overdueMs - 1 });

    const { agents } = planningInput(state, specification, now, overdueMs);

    expect(agents).toEqual([{ name: 'a', image: 'ubuntu', phase: 'offline', since: now - overdueMs - 1 }]);
  });

  test('is as patient as machines of the image are slow', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'creating', s: now - overdueMs });
    applyObservation(state, observation(1, [{ name: 'a', standing: 'free' }]));
    state.roster.push({ n: 'b', i: 'ubuntu', p: 'creating', s: now - overdueMs - 1 });

    const phases = (at: number) => planningInput(state, specification, at, overdueMs).agents.map(({ phase }) => phase);

    expect(phases(now)).toEqual(['ready', 'creating']);
    expect(phases(now + 2 * overdueMs)).toEqual(['ready', 'offline']);
  });

  test('keeps standby on the first alias of an image only', () => {
    const { images } = planningInput(stateWith(), specification, now, overdueMs);

    expect(images).toEqual([
      { name: 'ubuntu', buffer: '*' },
      { name: 'ubuntu-latest', buffer: 0 },
      { name: 'debian', buffer: '*' },
    ]);
  });
});

describe('when a job was first seen', () => {
  const waiting = (count: number, imageOverride: string | null = 'ubuntu') => [
    { imageOverride, count, oldestQueuedAt: now },
  ];

  test('is kept however long it waits for a place', () => {
    const state = stateWith();
    applyObservation(state, observation(1, [], waiting(2)));
    applyObservation(state, observation(9, [], waiting(3)));

    expect(demandSeenAt(state, 'ubuntu', false)).toBe(now + 1);
  });

  test('is that of the job behind those that agents are on their way for', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'creating', s: 0 }, { n: 'b', i: 'ubuntu', p: 'ready', s: 0 });
    applyObservation(state, observation(1, [], waiting(2)));
    applyObservation(state, observation(9, [], waiting(3)));

    expect(demandSeenAt(state, 'ubuntu', false)).toBe(now + 9);
  });

  test('moves on as the oldest jobs leave the queue', () => {
    const state = stateWith();
    applyObservation(state, observation(1, [], waiting(2)));
    applyObservation(state, observation(5, [], waiting(4)));
    applyObservation(state, observation(9, [], waiting(2)));

    expect(demandSeenAt(state, 'ubuntu', false)).toBe(now + 5);
  });

  test('counts jobs that name no image for the first one', () => {
    const state = stateWith();
    applyObservation(state, observation(3, [], waiting(1, null)));

    expect(demandSeenAt(state, 'ubuntu', true)).toBe(now + 3);
    expect(demandSeenAt(state, 'debian', false)).toBeUndefined();
  });
});

describe('reconciling the roster with visibility', () => {
  test('drops an agent only when two reads in a row do not show it', () => {
    const state = stateWith({ n: 'a', i: 'ubuntu', p: 'ready', s: 0 });

    const first = reconcileRoster(state, [], { gone: [], unknown: [] });
    expect(state.roster).toHaveLength(1);

    reconcileRoster(state, [], first);
    expect(state.roster).toEqual([]);
  });

  test('calls an agent a stray only when two reads in a row show it', () => {
    const state = stateWith();

    const first = reconcileRoster(state, ['x'], { gone: [], unknown: [] });
    const second = reconcileRoster(state, ['x'], first);

    expect(first.strays).toEqual([]);
    expect(second.strays).toEqual(['x']);
  });
});

test('the ids of the last updates are kept, and no more than travel cheaply', () => {
  const state = stateWith();
  for (let i = 0; i < 300; i++) rememberUpdate(state, `update-${i}`);

  expect(state.recentUpdateIds).toHaveLength(256);
  expect(state.recentUpdateIds).toContain('update-299');
});

test('the state of a pool with five hundred agents stays far below 64 KB', () => {
  const state = stateWith(
    ...Array.from({ length: 500 }, (_, k) => ({
      n: `0123abcde${k.toString(36).padStart(6, '0')}`,
      i: 'ubuntu-24.04-g2',
      p: 'creating' as const,
      s: now,
    })),
  );

  expect(JSON.stringify(state).length).toBeLessThan(48_000);
});

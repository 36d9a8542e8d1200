import fc from 'fast-check';
import { decodeCursor, encodeCursor } from '../../activities/devops/cursor.ts';
import { compare, isActive, owe, settle, type Look, type PoolMemory } from '../../activities/devops/observation.ts';
import { demandedImage, type WireAgent, type WireJobRequest } from '../../activities/devops/wire.ts';

const second = 1_000;
const start = Date.UTC(2026, 0, 1);
const iso = (offset: number) => new Date(start + offset).toISOString();

const agent = (name: string, fields: Partial<WireAgent> = {}): WireAgent => ({
  id: name.codePointAt(0) ?? 0,
  name,
  status: 'online',
  enabled: true,
  ...fields,
});

const queued = (requestId: number, demands: string[] = [], queueTime = iso(0)): WireJobRequest => ({
  requestId,
  queueTime,
  demands,
  jobId: `job-${requestId}`,
  jobName: `Job ${requestId}`,
  scopeId: 'project',
  owner: { id: 1_000 + requestId },
});

const assigned = (requestId: number, name: string): WireJobRequest => ({
  ...queued(requestId),
  assignTime: iso(5 * second),
  reservedAgent: { id: name.codePointAt(0) ?? 0, name },
});

const received = (requestId: number, name: string): WireJobRequest => ({
  ...assigned(requestId, name),
  receiveTime: iso(6 * second),
  lockedUntil: iso(600 * second),
});

const finished = (requestId: number, name: string): WireJobRequest => ({
  ...received(requestId, name),
  finishTime: iso(30 * second),
  result: 'succeeded',
});

/** Looks one after the other, two seconds apart; answers the last delta. */
function observe(...looks: Partial<Look>[]) {
  let memory: PoolMemory | undefined;
  return looks
    .map((look, index) => {
      const agents = look.agents ?? [];
      const requests = look.requests ?? [];
      const ended = [...settle(memory, agents, requests).finished, ...(look.finished ?? [])];
      const delta = compare(memory, { at: start + index * 2 * second, agents, requests, finished: ended });
      memory = delta.memory;
      return delta;
    })
    .at(-1)!;
}

describe('What one look tells', () => {
  test('the first look tells everything, also of a pool where nothing happens', () => {
    const delta = observe({ agents: [agent('a', { status: 'offline' })] });
    expect(delta.agents).toEqual([
      { name: 'a', observation: { sequence: start, online: false, enabled: true, registrationId: 97 } },
    ]);
    expect(delta.pool).toEqual({
      sequence: start,
      at: start,
      queued: [],
      assigned: 0,
      running: 0,
      agents: [{ name: 'a', standing: 'offline' }],
    });
  });

  test('a second look at the same tells nothing', () => {
    const look = { agents: [agent('a')], requests: [queued(1)] };
    const delta = observe(look, look);
    expect(delta.agents).toEqual([]);
    expect(delta.jobs).toEqual([]);
    expect(delta.pool).toBeUndefined();
  });

  test('a new registration that is not connected yet is no news, its connection is', () => {
    const registered = observe({}, { agents: [agent('a', { status: 'offline' })] });
    expect(registered.agents).toEqual([]);
    expect(registered.pool).toBeUndefined();
    const online = observe({}, { agents: [agent('a', { status: 'offline' })] }, { agents: [agent('a')] });
    expect(online.agents.map(({ observation }) => observation.online)).toEqual([true]);
    expect(online.pool?.agents).toEqual([{ name: 'a', standing: 'free' }]);
  });

  test('queued jobs are counted by the image that they demand, with the age of the oldest', () => {
    const ubuntu = ['ImageOverride -equals ubuntu', 'Agent.Version -gtVersion 2.182.1'];
    const { pool } = observe({ requests: [queued(1, ubuntu, iso(9_000)), queued(2, ubuntu, iso(4_000)), queued(3)] });
    expect(pool?.queued).toEqual([
      { imageOverride: null, count: 1, oldestQueuedAt: start },
      { imageOverride: 'ubuntu', count: 2, oldestQueuedAt: start + 4_000 },
    ]);
  });

  test('queued, assigned and running are counted apart', () => {
    const { pool } = observe({ requests: [queued(1), assigned(2, 'a'), received(3, 'b'), received(4, 'c')] });
    expect(pool).toMatchObject({ queued: [{ count: 1 }], assigned: 1, running: 2 });
  });

  test('placeholders are left out of everything', () => {
    const look: Look = { at: start, agents: [agent('web-placeholder-ubuntu')], requests: [], finished: [] };
    const delta = compare(undefined, look, (name) => name.startsWith('web-placeholder-'));
    expect(delta.agents).toEqual([]);
    expect(delta.pool?.agents).toEqual([]);
  });

  test('an agent that is connected but disabled is not free', () => {
    const { pool } = observe({ agents: [agent('a', { enabled: false })] });
    expect(pool?.agents).toEqual([{ name: 'a', standing: 'offline' }]);
  });
});

describe('The life of a job', () => {
  const idle = { agents: [agent('a')] };
  const taken = { agents: [agent('a')], requests: [assigned(7, 'a')] };
  const running = { agents: [agent('a', { assignedRequest: received(7, 'a') })], requests: [received(7, 'a')] };
  const ended = { agents: [agent('a', { lastCompletedRequest: finished(7, 'a') })] };

  test('an assignment holds the agent and is told to it', () => {
    const delta = observe(idle, taken);
    expect(delta.agents[0]?.observation.job).toMatchObject({
      requestId: 7,
      jobName: 'Job 7',
      projectId: 'project',
      buildId: 1_007,
      queuedAt: start,
      assignedAt: start + 5_000,
    });
    expect(delta.pool).toMatchObject({ assigned: 1, running: 0, agents: [{ name: 'a', standing: 'held' }] });
    expect(delta.jobs).toEqual([]);
  });

  test('its receipt is told to the lease, and not to the agent too', () => {
    const delta = observe(idle, taken, running);
    expect(delta.agents).toEqual([]);
    expect(delta.jobs).toMatchObject([
      {
        requestId: 7,
        finished: false,
        observation: { job: { startedAt: start + 6_000, lockedUntil: start + 600_000 } },
      },
    ]);
    expect(delta.pool).toMatchObject({ assigned: 0, running: 1, agents: [] });
  });

  test('its end is told to the lease and to the agent, with the result', () => {
    const delta = observe(idle, taken, running, ended);
    expect(delta.jobs).toMatchObject([
      {
        requestId: 7,
        finished: true,
        agent: 'a',
        observation: { job: { result: 'succeeded', finishedAt: start + 30_000 } },
      },
    ]);
    expect(delta.agents[0]?.observation.job).toMatchObject({ requestId: 7, result: 'succeeded' });
    expect(delta.pool).toMatchObject({ running: 0, agents: [{ name: 'a', standing: 'free' }] });
  });

  test('an agent that is no longer connected when its job ends is told of that too, unless it has nothing more to do', () => {
    const gone = (enabled: boolean) => ({
      agents: [agent('a', { status: 'offline', enabled, lastCompletedRequest: finished(7, 'a') })],
    });
    expect(observe(idle, running, gone(true)).agents).toMatchObject([{ beside: true, observation: { online: false } }]);
    expect(observe(idle, running, ended).agents[0]).not.toHaveProperty('beside');
    expect(observe(idle, running, gone(false)).agents[0]).not.toHaveProperty('beside');
  });

  test('an agent that served and was parked is told that it is enabled, also when it has connected before', () => {
    const off = { agents: [agent('a', { enabled: false, lastCompletedRequest: finished(7, 'a') })] };
    const parked = { agents: [agent('a', { ...off.agents[0], status: 'offline' })] };
    expect(observe(idle, running, ended, parked).agents).toEqual([]);
    expect(observe(idle, running, ended, parked, off).agents).toEqual([]);
    expect(observe(idle, running, ended, parked, off, ended).agents).toMatchObject([
      { name: 'a', observation: { online: true, enabled: true } },
    ]);
  });

  test('its end is told once, although the list goes on showing it', () => {
    const delta = observe(idle, taken, running, ended, ended);
    expect(delta).toMatchObject({ agents: [], jobs: [] });
  });

  test('either list alone holds the agent', () => {
    const byAgent = observe(idle, { agents: [agent('a', { assignedRequest: assigned(7, 'a') })] });
    expect(byAgent.pool?.agents).toEqual([{ name: 'a', standing: 'held' }]);
    const byRequest = observe(idle, taken);
    expect(byRequest.pool?.agents).toEqual([{ name: 'a', standing: 'held' }]);
  });

  test('a job that left the list keeps its agent held until the server says how it ended', () => {
    const vanished = { agents: [agent('a')] };
    const silent = observe(idle, taken, running, vanished);
    expect(silent).toMatchObject({ agents: [], jobs: [] });
    expect(settle(silent.memory, [agent('a')], [])).toEqual({ finished: [], unknown: [7] });
    const told = observe(idle, taken, running, vanished, { ...vanished, finished: [finished(7, 'a')] });
    expect(told.jobs).toMatchObject([{ requestId: 7, finished: true }]);
    expect(told.pool?.agents).toEqual([{ name: 'a', standing: 'free' }]);
  });

  test('an agent that still shows a job which the server knows as finished is not held again by it', () => {
    const stale = { agents: [agent('a', { assignedRequest: received(7, 'a') })] };
    const delta = observe(idle, running, { ...stale, finished: [finished(7, 'a')] }, stale);
    expect(delta).toMatchObject({ agents: [], jobs: [] });
    expect(delta.pool).toBeUndefined();
  });

  test('a job that came and went between two looks is told as running, then as finished', () => {
    const first = observe(idle, ended);
    expect(first.agents[0]?.observation.job).toMatchObject({ requestId: 7, startedAt: start + 6_000 });
    expect(first.agents[0]?.observation.job?.result).toBeUndefined();
    const second = observe(idle, ended, ended);
    expect(second.jobs).toMatchObject([{ requestId: 7, finished: true }]);
    expect(second.agents[0]?.observation.job).toMatchObject({ requestId: 7, result: 'succeeded' });
  });

  test('a job that ended while nobody looked is told by an observer without a memory, which cannot know of it', () => {
    const first = observe(ended);
    expect(first.agents[0]?.observation.job).toMatchObject({ requestId: 7 });
    const second = observe(ended, ended);
    expect(second.jobs).toMatchObject([{ requestId: 7, finished: true }]);
    expect(observe(ended, ended, ended).jobs).toEqual([]);
  });

  test('such an agent is as free to its pool as it is: to a stateful one it would never have waited long enough', () => {
    const first = observe(ended);
    expect(first.pool?.agents).toEqual([{ name: 'a', standing: 'free' }]);
    expect(observe(ended, ended).pool).toBeUndefined();
    expect(observe(ended, { agents: [agent('a')], requests: [received(8, 'a')] }).pool?.agents).toEqual([
      { name: 'a', standing: 'held' },
    ]);
  });

  test('a job that follows at once does not hide the end of the one before', () => {
    const next = { agents: [agent('a')], requests: [received(8, 'a')] };
    const delta = observe(idle, running, next);
    expect(delta.agents[0]?.observation.job?.requestId).toBe(8);
    expect(settle(delta.memory, next.agents, next.requests).unknown).toEqual([7]);
  });

  test('a lease that is not there is told of the end a few times, then no more', () => {
    const { memory } = observe(idle, running, ended);
    let now = memory;
    owe(undefined, now, 7);
    let told = 0;
    for (let look = 1; look <= 5; look++) {
      const { finished: known } = settle(now, ended.agents, []);
      const delta = compare(now, { at: start + look * 60_000, ...ended, requests: [], finished: known });
      for (const { requestId } of delta.jobs) {
        told++;
        owe(now, delta.memory, requestId);
      }
      now = delta.memory;
    }
    expect(told).toBe(2);
    expect(now.owed.size).toBe(0);
  });
});

describe('Agents that a list leaves out', () => {
  test('one list is not enough, two in a row are', () => {
    expect(observe({ agents: [agent('a')] }, {})).toMatchObject({ agents: [] });
    const gone = observe({ agents: [agent('a')] }, {}, {});
    expect(gone.agents).toMatchObject([{ name: 'a', observation: { missing: true, online: false } }]);
    expect(gone.pool?.agents).toEqual([{ name: 'a', standing: 'missing' }]);
    expect(gone.memory.agents.size).toBe(0);
  });

  test('coming back in between starts the count anew, and is no news', () => {
    const back = observe({ agents: [agent('a')] }, {}, { agents: [agent('a')] }, {});
    expect(back.agents).toEqual([]);
    expect(back.pool).toBeUndefined();
  });

  test('an agent that a job request names is never missing', () => {
    const look = { requests: [received(7, 'a')] };
    const delta = observe({ agents: [agent('a')], ...look }, look, look, look);
    expect(delta.agents).toEqual([]);
    expect(delta.memory.agents.has('a')).toBe(true);
  });
});

describe('The demand ImageOverride', () => {
  test.each([
    [['ImageOverride -equals ubuntu'], 'ubuntu'],
    [['Agent.Version -gtVersion 2.1', 'imageoverride -equals Windows 2022'], 'Windows 2022'],
    [['ImageOverride'], null],
    [['MyImageOverride -equals x'], null],
    [[], null],
    [undefined, null],
  ])('%j asks for %j', (demands, image) => {
    expect(demandedImage(demands)).toBe(image);
  });
});

/**
 * An invented pool: at each tick some agents are listed, some jobs are in some state, in any contradiction that lagging
 * lists may show. A job only ever runs on one agent: 1, 5 and 9 on `b`, 2, 6 and 10 on `c`, and so on.
 */
const names = ['a', 'b', 'c', 'd'];
const agentOf = (requestId: number) => names[requestId % names.length]!;
const round = fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined });
const tick = fc.record({
  agents: fc.uniqueArray(
    fc.record({ index: fc.nat({ max: 3 }), online: fc.boolean(), enabled: fc.boolean(), shows: round, last: round }),
    { selector: ({ index }) => index },
  ),
  jobs: fc.uniqueArray(
    fc.record({ id: fc.integer({ min: 0, max: 11 }), state: fc.constantFrom('queued', 'assigned', 'received') }),
    { selector: ({ id }) => id, maxLength: 6 },
  ),
});
type Tick = typeof tick extends fc.Arbitrary<infer T> ? T : never;

function lookOf({ agents, jobs }: Tick, at: number): Look {
  return {
    at,
    agents: agents.map(({ index, online, enabled, shows, last }) => {
      const name = names[index]!;
      return agent(name, {
        status: online ? 'online' : 'offline',
        enabled,
        assignedRequest: shows === undefined || shows === last ? null : received(index + 4 * shows, name),
        lastCompletedRequest: last === undefined ? null : finished(index + 4 * last, name),
      });
    }),
    requests: jobs.map(({ id, state }) =>
      state === 'queued' ? queued(id) : state === 'assigned' ? assigned(id, agentOf(id)) : received(id, agentOf(id)),
    ),
    finished: [],
  };
}

function withEnds(memory: PoolMemory | undefined, look: Look): Look {
  return { ...look, finished: settle(memory, look.agents, look.requests).finished };
}

describe('Any course of events', () => {
  const course = fc.array(tick, { minLength: 1, maxLength: 12 });

  test('tells growing sequences, and nothing twice in a row for the same picture', () => {
    fc.assert(
      fc.property(course, (ticks) => {
        let memory: PoolMemory | undefined;
        for (const [index, one] of ticks.entries()) {
          const { memory: next, pool } = compare(memory, withEnds(memory, lookOf(one, start + index)));
          expect(next.sequence).toBeGreaterThan(memory?.sequence ?? 0);
          if (pool) expect(pool.sequence).toBe(next.sequence);
          memory = next;
        }
        // Absences are counted, jobs that came and went end, owed ends are told: after a few quiet looks all is said.
        const last = ticks.at(-1)!;
        let delta = compare(memory, withEnds(memory, lookOf(last, start + 100)));
        for (let quiet = 1; quiet <= 4; quiet++) {
          delta = compare(delta.memory, withEnds(delta.memory, lookOf(last, start + 100 + quiet)));
        }
        expect(delta).toMatchObject({ agents: [], jobs: [] });
        expect(delta.pool).toBeUndefined();
      }),
    );
  });

  test('never calls an agent free that either list shows as held, nor missing that one list shows', () => {
    fc.assert(
      fc.property(course, (ticks) => {
        let memory: PoolMemory | undefined;
        let listedBefore = new Set<string>();
        for (const [index, one] of ticks.entries()) {
          const look = withEnds(memory, lookOf(one, start + index));
          const { pool, memory: next } = compare(memory, look);
          const ended = new Set(look.finished.map(({ requestId }) => requestId));
          const reserved = new Set(look.requests.map(({ reservedAgent }) => reservedAgent?.name));
          const listed = new Set(look.agents.map(({ name }) => name));
          for (const { name, standing } of pool?.agents ?? []) {
            if (standing === 'missing') {
              expect(listed.has(name) || listedBefore.has(name) || reserved.has(name)).toBe(false);
            }
            if (standing !== 'free') continue;
            expect(reserved.has(name)).toBe(false);
            const shown = look.agents.find((seen) => seen.name === name)?.assignedRequest?.requestId;
            const done = next.agents.get(name)?.done;
            expect(shown === undefined || ended.has(shown) || shown === done).toBe(true);
          }
          memory = next;
          listedBefore = listed;
        }
      }),
    );
  });

  test('a receiver that applies the deltas knows what a receiver of the last full look knows', () => {
    fc.assert(
      fc.property(course, (ticks) => {
        const known = new Map<string, string>();
        let memory: PoolMemory | undefined;
        for (const [index, one] of ticks.entries()) {
          const { pool, memory: next } = compare(memory, withEnds(memory, lookOf(one, start + index)));
          for (const { name, standing } of pool?.agents ?? []) {
            // An agent that comes back from missing starts like a new one.
            if (standing === 'missing') known.delete(name);
            else known.set(name, standing);
          }
          memory = next;
        }
        const whole = compare({ ...memory!, resync: true }, withEnds(memory, lookOf(ticks.at(-1)!, start + 100)));
        const again = compare(memory, withEnds(memory, lookOf(ticks.at(-1)!, start + 100)));
        for (const { name, standing } of again.pool?.agents ?? []) known.set(name, standing);
        for (const { name, standing } of whole.pool?.agents ?? []) {
          expect(known.get(name) ?? 'offline').toBe(standing);
        }
      }),
    );
  });

  test('a restart from the cursor makes no difference', () => {
    fc.assert(
      fc.property(course, fc.nat({ max: 11 }), (ticks, restart) => {
        let memory: PoolMemory | undefined;
        let restarted: PoolMemory | undefined;
        for (const [index, one] of ticks.entries()) {
          if (index === restart && restarted) {
            const cursor: unknown = JSON.parse(JSON.stringify(encodeCursor(new Map([['web', restarted]]))));
            restarted = decodeCursor(cursor).get('web');
          }
          const delta = compare(memory, withEnds(memory, lookOf(one, start + index)));
          const other = compare(restarted, withEnds(restarted, lookOf(one, start + index)));
          expect(other).toEqual(delta);
          memory = delta.memory;
          restarted = other.memory;
        }
      }),
    );
  });
});

describe('The cursor', () => {
  test('of a thousand agents stays below 64 KB', () => {
    const agents = Array.from({ length: 1_000 }, (_, n) =>
      agent(`0a1b2c3d4${n.toString(36).padStart(6, '0')}`, { lastCompletedRequest: finished(1_000_000 + n, 'x') }),
    );
    const { memory } = observe({ agents });
    expect(JSON.stringify(encodeCursor(new Map([['web', memory]]))).length).toBeLessThan(64 * 1_024);
  });

  test.each([undefined, null, 1, 'x', {}, { version: 2, pools: {} }])('%j is no cursor', (details) => {
    expect(decodeCursor(details).size).toBe(0);
  });
});

test('a pool is active while anything waits, runs or is on its way', () => {
  expect(isActive(observe({ agents: [agent('a')] }).memory)).toBe(false);
  expect(isActive(observe({ requests: [queued(1)] }).memory)).toBe(true);
  expect(isActive(observe({ agents: [agent('a', { status: 'offline' })] }).memory)).toBe(true);
});

import { decodeCursor, encodeCursor } from '../../activities/devops/cursor.ts';
import { compare, settle, type Look, type PoolMemory } from '../../activities/devops/observation.ts';
import { silentAgents } from '../../activities/devops/silence.ts';
import type { WireAgent, WireJobRequest } from '../../activities/devops/wire.ts';
import type { MachineSight } from '../../domain/messages.ts';

const minute = 60_000;
const start = Date.UTC(2026, 0, 1);
const iso = (offset: number) => new Date(start + offset).toISOString();

const agent = (fields: Partial<WireAgent> = {}): WireAgent => ({
  id: 1,
  name: 'a',
  status: 'online',
  enabled: true,
  ...fields,
});
const offline = (fields: Partial<WireAgent> = {}) => agent({ status: 'offline', ...fields });
const running = (lockedUntil = 10 * minute): WireJobRequest => ({
  requestId: 7,
  queueTime: iso(0),
  assignTime: iso(1_000),
  receiveTime: iso(2_000),
  lockedUntil: iso(lockedUntil),
  reservedAgent: { id: 1, name: 'a' },
  owner: { id: 70 },
});
const sight = (state: MachineSight['state']): Pick<Look, 'machines'> => ({
  machines: new Map([['a', { state, subscriptionId: 's', at: start }]]),
});

/** Looks one after the other; the memory travels through the heartbeat between each two. */
function looks(from?: PoolMemory) {
  let memory = from;
  let at = start;
  return {
    look(look: Partial<Look> & { later?: number }) {
      const { later = 2_000, agents = [], requests = [], ...rest } = look;
      at += later;
      const known = memory && decodeCursor(JSON.parse(JSON.stringify(encodeCursor(new Map([['p', memory]]))))).get('p');
      const finished = [...settle(known, agents, requests).finished, ...(look.finished ?? [])];
      const delta = compare(known, { ...rest, at, agents, requests, finished });
      ({ memory } = delta);
      return { ...delta, silent: [...silentAgents(delta.memory, at).keys()] };
    },
  };
}

describe('An agent that falls silent', () => {
  test('is one that was online, and nobody asks for its machine before', () => {
    const { look } = looks();
    expect(look({ agents: [offline()] }).silent).toEqual([]);
    expect(look({ agents: [agent()] }).silent).toEqual([]);
    expect(look({ agents: [offline()] }).silent).toEqual(['a']);
    expect(look({ agents: [agent()] }).silent).toEqual([]);
  });

  test('is not one that leaves after its job, disabled or not', () => {
    for (const enabled of [true, false]) {
      const { look } = looks();
      look({ agents: [agent({ enabled })], requests: [running()] });
      const ended = { ...running(), finishTime: iso(minute), result: 'succeeded' };
      expect(look({ agents: [offline({ enabled })], finished: [ended] }).silent).toEqual([]);
      expect(look({ agents: [offline({ enabled })] }).silent).toEqual([]);
    }
  });

  test('is one that had taken its job, also for an observer that begins anew', () => {
    expect(looks().look({ agents: [offline({ enabled: false })], requests: [running()] }).silent).toEqual(['a']);
  });

  test('is told of its machine once, and so is the lease of its job', () => {
    const { look } = looks();
    look({ agents: [agent({ enabled: false })], requests: [running()] });
    const fell = look({ agents: [offline({ enabled: false })], requests: [running()] });
    expect(fell.jobs).toMatchObject([{ requestId: 7, agent: 'a', observation: { silent: { since: start + 4_000 } } }]);
    const seen = look({ agents: [offline({ enabled: false })], requests: [running()], ...sight('gone') });
    expect(seen.agents).toMatchObject([{ observation: { online: false, machine: { state: 'gone' } } }]);
    expect(seen.jobs).toMatchObject([{ observation: { silent: { machine: { state: 'gone', subscriptionId: 's' } } } }]);
    expect(seen.silent).toEqual([]);
    const again = look({ agents: [offline({ enabled: false })], requests: [running()], ...sight('gone') });
    expect([again.agents, again.jobs]).toEqual([[], []]);
  });

  test('is looked for again while its machine runs, for a quarter of an hour', () => {
    const { look } = looks();
    look({ agents: [agent()] });
    look({ agents: [offline()] });
    expect(look({ agents: [offline()], ...sight('running') }).silent).toEqual(['a']);
    expect(look({ agents: [offline()], later: 14 * minute }).silent).toEqual(['a']);
    const late = look({ agents: [offline()], ...sight('stopped') });
    expect(late.agents).toMatchObject([{ observation: { machine: { state: 'stopped' } } }]);
    const { look: other } = looks();
    other({ agents: [agent()] });
    other({ agents: [offline()] });
    expect(other({ agents: [offline()], later: 16 * minute }).silent).toEqual([]);
  });

  test('that speaks again is heard by the lease', () => {
    const { look } = looks();
    look({ agents: [agent()], requests: [running()] });
    look({ agents: [offline()], requests: [running()] });
    const { jobs } = look({ agents: [agent()], requests: [running()] });
    expect(jobs).toHaveLength(1);
    expect(jobs[0]?.observation).not.toHaveProperty('silent');
  });

  test('that renews its lock all the same is told once per lock, not with every look', () => {
    const { look } = looks();
    look({ agents: [agent()], requests: [running()] });
    expect(look({ agents: [offline()], requests: [running()] }).jobs).toHaveLength(1);
    const renewed = running(19 * minute);
    expect(look({ agents: [offline()], requests: [renewed], later: 9 * minute }).jobs).toEqual([]);
    expect(look({ agents: [offline()], requests: [renewed], later: 2 * minute }).jobs).toMatchObject([
      { observation: { job: { lockedUntil: start + 19 * minute }, silent: { since: start + 4_000 } } },
    ]);
    expect(look({ agents: [offline()], requests: [renewed] }).jobs).toEqual([]);
  });
});

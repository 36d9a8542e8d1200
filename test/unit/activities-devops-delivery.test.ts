import fc from 'fast-check';
import { deliver } from '../../activities/devops/delivery.ts';
import { forEach } from '../../activities/devops/each.ts';
import { compare, type PoolMemory } from '../../activities/devops/observation.ts';
import { isPlaceholder, wantedPlaceholders } from '../../activities/devops/placeholders.ts';
import type { WireAgent } from '../../activities/devops/wire.ts';
import type { ObservationSink } from '../../activities/interfaces.ts';
import type { ImageSpecification } from '../../domain/pool-specification.ts';

describe('forEach', () => {
  test('runs every task once, never more than the limit at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 30 }), fc.integer({ min: 1, max: 8 }), async (count, limit) => {
        const done: number[] = [];
        let running = 0;
        let most = 0;
        await forEach(Array.from({ length: count }).keys(), limit, async (item) => {
          most = Math.max(most, ++running);
          await Promise.resolve();
          running--;
          done.push(item);
        });
        expect(done.toSorted((one, other) => one - other)).toEqual([...Array.from({ length: count }).keys()]);
        expect(most).toBeLessThanOrEqual(limit);
      }),
    );
  });

  test('throws the first failure after running tasks have ended, and begins no other', async () => {
    const ended: number[] = [];
    const run = forEach([1, 2, 3, 4], 2, async (item) => {
      if (item === 1) throw new Error('first');
      await Promise.resolve();
      ended.push(item);
    });
    await expect(run).rejects.toThrow('first');
    expect(ended).toEqual([2]);
  });
});

describe('deliver', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const agents = (online: boolean) =>
    names.map((name, id): WireAgent => ({ id, name, status: online ? 'online' : 'offline', enabled: true }));
  const look = (at: number, online: boolean) => ({ at, agents: agents(online), requests: [], finished: [] });

  test('whatever fails, everything is told in the end, and nothing that was told is told again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.subarray([...names, 'pool']), { maxLength: 4 }), async (failures) => {
        const told: string[] = [];
        let broken = new Set<string>();
        const tell = (key: string) => {
          if (broken.has(key)) return Promise.reject(new Error(key));
          told.push(key);
          return Promise.resolve(undefined);
        };
        const sink: ObservationSink = {
          pool: () => tell('pool'),
          agent: (_, agent) => tell(agent),
          lease: () => tell('lease'),
        };
        let memory: PoolMemory | undefined = compare(undefined, look(1, false)).memory;
        for (const [turn, failing] of [...failures, []].entries()) {
          broken = new Set(failing);
          const delta = compare(memory, look(2 + turn, true));
          await deliver(sink, { organization: 'contoso', pool: 'web' }, memory, delta, {
            remember: (next) => (memory = next),
            notFound: () => undefined,
          }).catch(() => undefined);
        }
        expect(told.filter((key) => key !== 'pool').toSorted()).toEqual(names);
        expect(told).toContain('pool');
      }),
    );
  });
});

describe('The end of a job', () => {
  const request = { requestId: 7, queueTime: '2026-01-01T00:00:00Z', reservedAgent: { id: 1, name: 'a' } };
  const agent: WireAgent = { id: 1, name: 'a', status: 'online', enabled: false };
  const finished = [{ ...request, finishTime: '2026-01-01T00:01:00Z', result: 'succeeded' }];

  async function toldAgents(lease: ObservationSink['lease']): Promise<unknown[]> {
    const told: unknown[] = [];
    const sink: ObservationSink = {
      pool: () => Promise.resolve(),
      agent: (_, name, { job }) => Promise.resolve(void told.push([name, job?.result])),
      lease,
    };
    const before = compare(undefined, { at: 1, agents: [agent], requests: [request], finished: [] }).memory;
    const delta = compare(before, { at: 2, agents: [agent], requests: [], finished });
    await deliver(sink, { organization: 'contoso', pool: 'web' }, before, delta, {
      remember: () => undefined,
      notFound: () => undefined,
    });
    return told;
  }

  test('is not told to the agent when its lease took it', async () => {
    expect(await toldAgents(() => Promise.resolve())).toEqual([]);
  });

  test('is told to the agent when there is no lease yet, so that it can begin one that has already ended', async () => {
    expect(await toldAgents(() => Promise.resolve('notFound'))).toEqual([['a', 'succeeded']]);
  });
});

describe('Placeholders', () => {
  const image = (...aliases: string[]): ImageSpecification => ({
    name: aliases[0] ?? '',
    aliases,
    reference: { kind: 'gallery', id: 'x' },
    operatingSystem: 'Linux',
    buffer: '*',
  });

  test('every alias has one of its own, with a name that Azure DevOps takes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 8 }), (aliases) => {
        const wanted = wantedPlaceholders('web', [image(...aliases)]);
        expect(wanted.map(({ alias }) => alias)).toEqual(aliases);
        expect(new Set(wanted.map(({ name }) => name)).size).toBe(aliases.length);
        for (const { name } of wanted) {
          expect(name).toMatch(/^[\w.-]+$/);
          expect(isPlaceholder('web', name)).toBe(true);
        }
      }),
    );
  });

  test('an agent of the pool is none, nor is the placeholder of another pool', () => {
    expect(isPlaceholder('web', '0a1b2c3d4000001')).toBe(false);
    expect(isPlaceholder('web', 'web2-placeholder-ubuntu')).toBe(false);
  });
});

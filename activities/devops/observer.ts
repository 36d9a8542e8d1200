import { setTimeout as sleepFor } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { failureWith } from '../../domain/error-catalogue.ts';
import type { MachineSight, WatchedPool } from '../../domain/messages.ts';
import { failureOf, toApplicationFailure } from '../errors.ts';
import type { MachineSights, ObservationSink, ObserveInput, ObserverActivities } from '../interfaces.ts';
import type { DevOpsConnection, DevOpsConnections } from './connections.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { deliver } from './delivery.ts';
import { fetchAgents, fetchEnded, fetchUnfinished } from './job-requests.ts';
import { compare, isActive, settle, type PoolMemory } from './observation.ts';
import { isPlaceholder } from './placeholders.ts';
import { isUnauthenticated } from './refusals.ts';
import { silentAgents } from './silence.ts';

/** Time as the observer takes it; tests give their own. */
export interface ObserverClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Rejects when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface ObserverOptions {
  connections: DevOpsConnections;
  sink: ObservationSink;
  /** Where to look for the machines of silent agents; without it nobody looks. */
  machines?: MachineSights;
  clock?: ObserverClock;
}

/** How often the cursor is offered to the SDK, which sends what it finds useful. */
const beatMs = 1_000;

/** Share of the interval by which looks wander, to and fro, so that pools do not fall into step. */
const jitter = 0.05;

/** Longest back-off of one pool that fails again and again. */
const backOffMaxMs = 60_000;

const realClock: ObserverClock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleepFor(ms, undefined, { signal }),
};

/** The observer of one organisation: one loop per pool, so that no pool waits for another or fails with it. */
export function createObserverActivities({
  connections,
  sink,
  machines,
  clock = realClock,
}: ObserverOptions): ObserverActivities {
  return {
    async observeOrganization(input) {
      const context = Context.current();
      const connection = connections.to(input.url);
      const cursor = decodeCursor(context.info.heartbeatDetails);
      const memories = new Map(
        input.pools.flatMap(({ pool }) => {
          const memory = cursor.get(pool);
          return memory ? [[pool, memory] as const] : [];
        }),
      );
      // Ends the loops: their time is over, the credentials were refused, or the activity was cancelled.
      const ending = new AbortController();
      const signal = AbortSignal.any([ending.signal, context.cancellationSignal]);
      const watcher: Watcher = {
        input,
        connection,
        sink,
        ...(machines ? { machines } : {}),
        clock,
        memories,
        signal,
        log: context.log,
      };

      const beating = beat(context, watcher);
      const looking = Promise.all(input.pools.map((watched, index) => watch(watcher, watched, index)));
      try {
        // The client cannot give up a call that is on its way; the activity does not wait for it.
        await Promise.race([looking, aborted(context.cancellationSignal)]);
      } catch (error) {
        if (!context.cancellationSignal.aborted) throw toApplicationFailure(error, 'Organization_Observe');
      } finally {
        ending.abort();
        looking.catch(() => undefined);
        await beating;
        context.heartbeat(encodeCursor(memories));
      }
      if (context.cancellationSignal.aborted) throw interruption(context.cancellationSignal.reason);
    },
  };
}

interface Watcher {
  input: ObserveInput;
  connection: DevOpsConnection;
  sink: ObservationSink;
  machines?: MachineSights;
  clock: ObserverClock;
  memories: Map<string, PoolMemory>;
  signal: AbortSignal;
  log: Context['log'];
}

/** Looks at one pool until the activity's time is over. Throws only what concerns the whole organisation. */
async function watch(watcher: Watcher, watched: WatchedPool, index: number): Promise<void> {
  const { input, connection, clock, memories, signal, log } = watcher;
  const { intervalMs, idleIntervalMs, activityMs } = input.limits;
  const startedAt = clock.now();
  const endsAt = startedAt + activityMs;
  let nextAt = startedAt + (intervalMs * index) / input.pools.length;
  let failures = 0;
  for (;;) {
    nextAt = Math.max(nextAt, connection.pausedUntil());
    if (nextAt >= endsAt) return await rest(clock, endsAt, signal);
    await rest(clock, nextAt, signal);
    if (signal.aborted) return;
    // Another pool's answer may have asked for a pause in the meantime.
    if (connection.pausedUntil() > clock.now()) continue;

    const began = clock.now();
    try {
      await look(watcher, watched);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (isUnauthenticated(error)) throw error;
      failures += 1;
      const details = failureOf(toApplicationFailure(error, 'Pool_Observe'));
      log.warn('a look at a pool failed', {
        pool: watched.pool,
        failures,
        code: details?.code,
        error: details?.message,
      });
    }
    const memory = memories.get(watched.pool);
    const interval = memory && !isActive(memory) ? idleIntervalMs : intervalMs;
    const wait = failures === 0 ? interval : Math.min(interval * 2 ** Math.min(failures, 16), backOffMaxMs);
    nextAt = began + wait * (1 + jitter * (Math.random() - 0.5));
  }
}

/** One tick of one pool: two lists, the jobs that ended, then everything that changed. */
async function look(watcher: Watcher, watched: WatchedPool) {
  const { connection, sink, clock, memories, signal, input, log } = watcher;
  const { pool, agentPoolId } = watched;
  const before = memories.get(pool);
  const at = clock.now();
  const agents = await fetchAgents(connection, agentPoolId);
  const requests = await fetchUnfinished(connection, agentPoolId);
  const settled = settle(before, agents, requests);
  const ended = await fetchEnded(connection, agentPoolId, settled.unknown, at).catch((error: unknown) => {
    if (isUnauthenticated(error)) throw error;
    // Their agents stay held until the server tells; everything else is told now.
    log.warn('could not learn how jobs ended', { pool, requests: settled.unknown.length, error: String(error) });
    return [];
  });
  signal.throwIfAborted();
  const finished = [...settled.finished, ...ended];
  const seen = { at, agents, requests, finished };
  const isLeftOut = (name: string) => isPlaceholder(pool, name);
  let delta = compare(before, seen, isLeftOut);
  const sights = lookForMachines(watcher, watched, silentAgents(delta.memory, at));
  if (sights.size > 0) delta = compare(before, { ...seen, machines: sights }, isLeftOut);
  await deliver(sink, { organization: input.organization, pool }, before, delta, {
    remember: (memory) => memories.set(pool, memory),
    notFound: (workflow) => log.debug('nobody to tell', { workflow }),
  });
}

/** Takes what Azure's list shows of the machines of silent agents, as far as it is known yet: nobody waits for Azure here. */
function lookForMachines(
  { machines, log }: Watcher,
  { pool, machines: where }: WatchedPool,
  silent: ReadonlyMap<string, number>,
): Map<string, MachineSight> {
  if (!machines || !where || silent.size === 0) return new Map();
  const { sights, problem } = machines.look(where.subscriptionId, silent);
  if (problem !== undefined) log.warn('could not look for the machines of silent agents', { pool, problem });
  return sights;
}

/** Keeps the heartbeat going while calls take their time, with the memory as its details. */
async function beat(context: Context, { clock, memories, signal }: Watcher): Promise<void> {
  while (!signal.aborted) {
    context.heartbeat(encodeCursor(memories));
    await rest(clock, clock.now() + beatMs, signal);
  }
}

/** Sleeps until an instant, or until the signal aborts. */
async function rest(clock: ObserverClock, until: number, signal: AbortSignal): Promise<void> {
  const ms = until - clock.now();
  if (ms <= 0 || signal.aborted) return;
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/**
 * A cancellation passes as it is. A worker that shuts down would report it as one, too; as a failure that is tried
 * again at once, another worker takes over with the cursor.
 */
function interruption(reason: unknown): unknown {
  if (!(reason instanceof Error) || reason.message !== 'WORKER_SHUTDOWN') return reason;
  const details = failureWith('WorkerShutdown', 'This worker shuts down; another one goes on observing.');
  return ApplicationFailure.create({
    type: details.code,
    message: details.message,
    details: [details],
    category: ApplicationFailureCategory.BENIGN,
    nextRetryDelay: 1,
  });
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../../emulator/core/context.ts';
import type { Arena } from './arena.ts';
import type { ChaosFault, ChaosSchedule } from './schedule.ts';

/** How often each kind of fault struck. */
export type FaultCounts = Record<string, number>;

interface Injected {
  scheduled: ChaosFault;
  id: string;
}

/** Between two tries to reach a cloud that is away. */
const againMs = 500;

/** Puts each fault in force at its moment and takes it away at its end. Resolves at the end of the last one. */
export async function injectFaults(schedules: readonly ChaosSchedule[], arena: Arena): Promise<FaultCounts> {
  const { startedAt } = arena;
  const control = controlOf(arena.stack.cloud.control);
  const injected: Injected[] = [];
  const left = new Map<string, number>();
  await Promise.all(
    schedules
      .flatMap(({ faults }) => faults)
      .map(async (scheduled) => {
        await sleep(Math.max(0, startedAt + scheduled.from - Date.now()));
        const { id } = (await control('POST', '/faults', scheduled.fault)) as Fault;
        injected.push({ scheduled, id });
        await sleep(Math.max(0, startedAt + scheduled.until - Date.now()));
        const rest = (await control('GET', `/faults/${id}`)) as Fault | undefined;
        left.set(id, rest?.times ?? 0);
        await control('DELETE', `/faults/${id}`);
      }),
  );
  const answered = Map.groupBy(await arena.stack.ledger('call'), ({ fault }) => fault ?? '');
  const counts: FaultCounts = {};
  for (const { scheduled, id } of injected) {
    const { times } = scheduled.fault;
    const struck = times === undefined ? (answered.get(id)?.length ?? 0) : times - (left.get(id) ?? 0);
    if (struck > 0) counts[scheduled.kind] = (counts[scheduled.kind] ?? 0) + struck;
  }
  return counts;
}

/** The control interface, patiently: the cloud may be away for seconds. What is not there any more is no failure. */
function controlOf(base: string) {
  return async (method: string, path: string, body?: unknown): Promise<unknown> => {
    for (;;) {
      try {
        const response = await fetch(`${base}${path}`, {
          method,
          ...(body === undefined
            ? {}
            : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        });
        if (response.status === 404) return undefined;
        const text = await response.text();
        if (response.status === 400) throw new TypeError(`${method} ${path}: ${text}`);
        if (response.ok) return text === '' ? undefined : JSON.parse(text);
      } catch (error) {
        if (error instanceof TypeError && error.message.startsWith(method)) throw error;
      }
      await sleep(againMs);
    }
  };
}

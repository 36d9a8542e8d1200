import { parseDemand, type Demand } from './demands.ts';
import type { RequestRecord } from './records.ts';

/** Queued requests with the same demands, the next one first. */
export interface DemandClass {
  demands: Demand[];
  requests: RequestRecord[];
}

/**
 * The queued requests of one pool, by their demands: ten thousand jobs that ask the same are matched against agents
 * once, not ten thousand times.
 */
export interface PoolQueue {
  add(request: RequestRecord): void;
  remove(request: RequestRecord): void;
  readonly classes: Iterable<DemandClass>;
  readonly size: number;
}

/** Whether `a` goes before `b`: by the priority of their builds, then first come, first served. */
export function goesBefore(a: RequestRecord, b: RequestRecord): boolean {
  return a.build.priority === b.build.priority ? a.id < b.id : a.build.priority < b.build.priority;
}

export function createPoolQueue(): PoolQueue {
  const classes = new Map<string, DemandClass>();
  let size = 0;
  return {
    add(request) {
      const key = request.demands.join('\n').toLowerCase();
      let group = classes.get(key);
      if (group === undefined) classes.set(key, (group = { demands: request.demands.map(parseDemand), requests: [] }));
      let index = group.requests.length;
      for (; index > 0; index -= 1) {
        const before = group.requests[index - 1];
        if (before === undefined || !goesBefore(request, before)) break;
      }
      group.requests.splice(index, 0, request);
      size += 1;
    },
    remove(request) {
      const key = request.demands.join('\n').toLowerCase();
      const group = classes.get(key);
      const index = group?.requests.findIndex((it) => it.id === request.id) ?? -1;
      if (group === undefined || index < 0) return;
      group.requests.splice(index, 1);
      size -= 1;
      if (group.requests.length === 0) classes.delete(key);
    },
    get classes() {
      return classes.values();
    },
    get size() {
      return size;
    },
  };
}

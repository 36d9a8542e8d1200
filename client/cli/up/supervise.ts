import { interrupted } from '../errors.ts';
import { pause } from '../output.ts';
import { duration } from '../render.ts';
import type { Child } from './child.ts';
import { identityOf, writeRecord, type ProcessIdentity } from './process-record.ts';

type Process = Pick<Child, 'pid' | 'exited' | 'stop'>;

/** One part of the stack that must keep running. */
export interface Service {
  name: string;
  start(): Promise<Process>;
}

/** Keeps services running, stops them in the reverse order of their first start. */
export interface Supervisor {
  /** Starts a service and waits until it serves; from then on starts it again whenever it ends. */
  add(service: Service): Promise<void>;
  /** Ends everything, the last one first; `kill` shortens it. */
  stop(kill: AbortSignal): Promise<void>;
}

/** A service's place in the order, and its process while it has one. */
interface Slot {
  name: string;
  running?: { process: Process; identity: ProcessIdentity };
}

const firstBackOffMs = 1_000;
const longestBackOffMs = 30_000;

/** A service that ran this long has recovered: its next end is a first one again. */
const healthyMs = 60_000;

/** A supervisor over the processes of one state folder. */
export function createSupervisor(
  state: string,
  { report, stop }: { report(line: string): void; stop: AbortSignal },
): Supervisor {
  const ending = new AbortController();
  const slots: Slot[] = [];
  const keepers: Promise<void>[] = [];
  const supervisor = identityOf(process.pid);

  const record = async () => {
    const children = slots.flatMap(({ name, running }) => (running ? [{ name, ...running.identity }] : []));
    await writeRecord(state, { supervisor: await supervisor, children });
  };

  const run = async (service: Service, slot: Slot): Promise<Process> => {
    const started = await service.start();
    slot.running = { process: started, identity: await identityOf(started.pid) };
    await record();
    return started;
  };

  const keep = async (service: Service, slot: Slot, first: Process) => {
    let current: Process | undefined = first;
    let backOffMs = firstBackOffMs;
    let startedAt = Date.now();
    while (!ending.signal.aborted) {
      const how: string = current ? await current.exited : 'did not start';
      delete slot.running;
      if (ending.signal.aborted) return;
      if (Date.now() - startedAt > healthyMs) backOffMs = firstBackOffMs;
      report(`the ${service.name} ${how}; started again in ${duration(backOffMs)}`);
      await pause(backOffMs, ending.signal);
      backOffMs = Math.min(2 * backOffMs, longestBackOffMs);
      if (ending.signal.aborted) return;
      startedAt = Date.now();
      current = await run(service, slot).catch(() => undefined);
      if (current) report(`the ${service.name} runs again (process ${current.pid})`);
    }
  };

  const sweep = async (kill: AbortSignal) => {
    for (const slot of slots.toReversed()) {
      if (!slot.running) continue;
      report(`stopping the ${slot.name}`);
      await slot.running.process.stop(kill);
      delete slot.running;
    }
  };

  return {
    add: async (service) => {
      if (stop.aborted) throw interrupted();
      const slot: Slot = { name: service.name };
      slots.push(slot);
      const first = await run(service, slot);
      keepers.push(keep(service, slot, first));
    },
    stop: async (kill) => {
      ending.abort();
      await sweep(kill);
      await Promise.all(keepers);
      // What was just being started again when everything was told to end.
      await sweep(kill);
      await record();
    },
  };
}

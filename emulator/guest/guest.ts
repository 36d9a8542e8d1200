import type { BootedMachine, CloudContext, Guest, Handler } from '../core/context.ts';
import { readConfiguration, type AgentConfiguration } from './configuration.ts';
import { ConnectionLost } from '../core/calls.ts';
import { connect, CredentialRefused, ServerAway } from './connection.ts';
import { listen } from './listener.ts';
import type { ProcessRecord } from './process.ts';

/** Between the starts of two agents: signing takes the processor that all machines of this cloud share. */
const staggerMs = 3;

/**
 * Makes what runs inside machines: cloud-init, and the Azure Pipelines agent that it starts, a client of `azureDevOps`
 * with nothing but what the machine's custom data gave it.
 */
export function createGuest(context: CloudContext, azureDevOps: Handler): Guest {
  const { clock, faults, ledger, store } = context;
  const processes = store.collection<ProcessRecord>('guest.processes');
  const live = new Map<string, AbortController>();
  /** How the processes that have a session sign off, by machine. */
  const farewells = new Map<string, () => Promise<unknown>>();
  let nextStartAt = 0;

  function record(machineId: string, event: 'agentStarted' | 'agentRefused'): void {
    ledger.record({ kind: 'machine', at: clock.now(), id: machineId, event, tags: {} });
  }

  /** A process that begins now, for the time from power to agent has passed; one that never comes up has exited already. */
  function begin({ id, name }: BootedMachine): ProcessRecord {
    const lost = faults.strike(['bootWithoutAgent'], { machineName: name }) !== undefined;
    const dies = lost ? undefined : faults.strike(['agentDies'], { machineName: name });
    return {
      machineId: id,
      startAt: clock.now(),
      lastMessageId: 0,
      ...(dies && { diesAfterMs: dies.effect.afterMs }),
      ...(lost && { exited: true }),
    };
  }

  async function run(machine: BootedMachine, process: ProcessRecord, end: AbortController): Promise<void> {
    const { signal } = end;
    function save(changes: Partial<ProcessRecord>): void {
      Object.assign(process, changes);
      if (!signal.aborted) processes.put(machine.id, process);
    }
    function exit(refused: boolean): void {
      save({ exited: true, sessionId: undefined });
      if (refused) record(machine.id, 'agentRefused');
      live.delete(machine.id);
      farewells.delete(machine.id);
    }
    function dieInTime(): void {
      if (process.diesAfterMs === undefined || process.startedAt === undefined) return;
      const cancel = clock.at(process.startedAt + process.diesAfterMs, () => {
        save({ exited: true });
        end.abort();
      });
      signal.addEventListener('abort', cancel, { once: true });
    }

    let configuration: AgentConfiguration | undefined;
    try {
      configuration = readConfiguration(machine);
      if (configuration !== undefined) requireReachable(context, configuration);
    } catch {
      // What is wrong stays on the machine, as on a real one; the ledger only shows that no agent came up.
      exit(true);
      return;
    }
    if (configuration === undefined) {
      exit(false);
      return;
    }
    dieInTime();
    const connection = connect(context, azureDevOps, machine, configuration, signal);
    const { serverUrl, poolId } = configuration;
    const last = connect(context, azureDevOps, machine, configuration, new AbortController().signal);
    farewells.set(machine.id, async () => {
      if (process.sessionId === undefined || process.job !== undefined) return;
      await last.call('DELETE', `${serverUrl}/_apis/distributedtask/pools/${poolId}/sessions/${process.sessionId}`);
    });
    function started(): void {
      if (process.startedAt !== undefined) return;
      save({ startedAt: clock.now() });
      record(machine.id, 'agentStarted');
      dieInTime();
    }
    for (;;) {
      try {
        await listen({ context, machine, configuration, connection, signal, process, save, started });
        exit(false);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof CredentialRefused) {
          exit(true);
          return;
        }
        if (!(error instanceof ServerAway || error instanceof ConnectionLost)) throw error;
        // `run.sh` starts a listener again that ended with a retryable error.
        await connection.pause();
      }
    }
  }

  return {
    boot(machine) {
      if (live.has(machine.id)) return;
      const known = processes.get(machine.id);
      if (known?.exited === true) return;
      const process = known ?? begin(machine);
      processes.put(machine.id, process);
      if (process.exited === true) return;
      const end = new AbortController();
      live.set(machine.id, end);
      const startAt = Math.max(process.startAt, clock.now(), nextStartAt);
      nextStartAt = startAt + staggerMs;
      const cancel = clock.at(startAt, () =>
        run(machine, process, end).catch((error: unknown) => {
          // Whatever was under way when the machine stopped ends with it.
          if (!end.signal.aborted) throw error;
        }),
      );
      end.signal.addEventListener('abort', cancel, { once: true });
    },
    stop(machineId, how) {
      const farewell = how === 'shutdown' ? farewells.get(machineId) : undefined;
      live.get(machineId)?.abort();
      live.delete(machineId);
      farewells.delete(machineId);
      processes.delete(machineId);
      // A server that is away does not hold a shutdown back.
      void farewell?.().catch(() => undefined);
    },
  };
}

/** Refuses an organisation's address that is not this cloud's: a real machine would find nobody there. */
function requireReachable({ addresses }: CloudContext, { serverUrl, authorizationUrl }: AgentConfiguration): void {
  const here = new URL(addresses.azureDevOps);
  for (const url of [serverUrl, authorizationUrl]) {
    const there = new URL(url);
    const sameHost = there.host === here.host || (isLoopback(there) && isLoopback(here) && there.port === here.port);
    if (there.protocol !== here.protocol || !sameHost) throw new Error(`${url} is not reachable.`);
  }
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]';
}

import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BootedMachine, CloudContext, Guest } from '../../core/context.ts';
import { enabledUnits, firstBoot, machineFolder, makeDisk, startUnit, type MachineFolder } from './folder.ts';
import { killMachine } from './kill.ts';

/** systemd's pause before it starts a unit again. */
const restartMs = 5_000;

/** What lasts of a machine: its disk is in its folder. */
interface ProcessMachineRecord {
  machineId: string;
  folder: string;
  /** Units that run, or shall run again when the embedded cloud comes back. */
  units: string[];
  /** The first boot has ended. */
  booted?: boolean;
}

/**
 * Machines that are processes on the machine of the embedded cloud: their custom data is run, not read. Each has a folder
 * under `folder`; nothing of it is isolated from whoever runs the cloud.
 */
export function createProcessGuest(context: CloudContext, folder: string): Guest {
  const { clock, faults, ledger, latencies, store } = context;
  if (process.platform !== 'linux') throw new Error('Machines can be processes on Linux only.');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const machines = store.collection<ProcessMachineRecord>('guest.processMachines');
  const live = new Map<string, AbortController>();

  function record(id: string, event: 'agentStarted' | 'agentRefused'): void {
    ledger.record({ kind: 'machine', at: clock.now(), id, event, tags: {} });
  }

  function save(id: string, changes: Partial<ProcessMachineRecord>): void {
    const known = machines.get(id);
    if (known !== undefined) machines.put(id, { ...known, ...changes });
  }

  /** Keeps a unit running as its file says, until the machine stops. */
  async function keep(disk: MachineFolder, unit: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { exited, restarts } = startUnit(disk, unit);
      record(disk.machine.id, 'agentStarted');
      const dies = faults.strike(['agentDies'], { machineName: disk.machine.name });
      if (dies !== undefined) {
        const cancel = clock.at(clock.now() + dies.effect.afterMs, () => killMachine(disk.machine.id));
        void exited.finally(cancel);
      }
      await exited;
      if (signal.aborted) return;
      if (!restarts) {
        save(disk.machine.id, { units: [] });
        return;
      }
      await clock.sleep(restartMs * latencies.scale, signal);
    }
  }

  async function run(machine: BootedMachine, known: ProcessMachineRecord, signal: AbortSignal): Promise<void> {
    const disk = machineFolder(known.folder, machine, latencies.scale);
    let { units } = known;
    if (known.booted !== true) {
      makeDisk(disk);
      const lost = faults.strike(['bootWithoutAgent'], { machineName: machine.name }) !== undefined;
      units = lost ? [] : await firstBoot(disk);
      if (signal.aborted) return;
      save(machine.id, { units, booted: true });
    }
    await Promise.all(units.map((unit) => keep(disk, unit, signal)));
  }

  /** Its processes end; what it had under way is over. */
  function halt(machineId: string): void {
    live.get(machineId)?.abort();
    live.delete(machineId);
    killMachine(machineId);
  }

  return {
    boot(machine) {
      if (live.has(machine.id)) return;
      const known = machines.get(machine.id) ?? {
        machineId: machine.id,
        folder: join(folder, machine.name),
        units: [],
      };
      // What a killed cloud left running, and a first boot that it left half done.
      killMachine(machine.id);
      if (known.booted !== true) rmSync(known.folder, { recursive: true, force: true });
      machines.put(machine.id, known);
      const end = new AbortController();
      live.set(machine.id, end);
      run(machine, known, end.signal).catch(() => {
        // What is wrong is in the machine's console.log, as on a real one; the ledger shows that no agent came up.
        if (!end.signal.aborted) record(machine.id, 'agentRefused');
      });
    },
    stop(machineId) {
      const known = machines.get(machineId);
      if (known === undefined) return;
      halt(machineId);
      // Its disk stays; only what is enabled comes up with it again.
      machines.put(machineId, { ...known, units: enabledUnits(known.folder, known.units) });
    },
    wipe(machineId) {
      const known = machines.get(machineId);
      if (known === undefined) return;
      machines.delete(machineId);
      if (existsSync(known.folder)) {
        rmSync(known.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
      }
    },
    close() {
      for (const machineId of live.keys()) halt(machineId);
    },
  };
}

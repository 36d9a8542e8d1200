import type { MachineEvent } from '../../core/context.ts';
import { listAt, objectAt, textAt } from '../body.ts';
import type { Json } from '../body.ts';
import { machineOf, removeNic } from '../interfaces.ts';
import type { MachineRecord, OperationAction, OperationRecord } from '../records.ts';
import type { ArmState } from '../state.ts';
import type { AddressBook } from '../subnets.ts';
import { diskName, makeDisk } from './create.ts';

/** The notice that Spot machines get. Source: scheduled events of type `Preempt`, at least 30 s. */
const evictionNoticeMs = 30_000;

/** What happens to machines by themselves: operations that end, boots, evictions. */
export interface MachineLife {
  record(machine: Readonly<MachineRecord>, event: MachineEvent): void;
  /** Records that a change of power was asked for: what was billed ends or begins with it. */
  accepted(machine: Readonly<MachineRecord>, action: OperationAction): void;
  complete(operation: Readonly<OperationRecord>): OperationRecord['error'] | undefined;
  fail(operation: Readonly<OperationRecord>, error: { code: string; message: string }): void;
  /** The machine's processes are gone; with `shutdown` they could sign off before. */
  halt(machine: Readonly<MachineRecord>, how?: 'shutdown'): void;
  /** Removes a machine and what goes with it. */
  remove(machine: Readonly<MachineRecord>): void;
  /** Takes the machine away as the platform does with Spot machines, or stops it as somebody at the portal does. */
  evict(machine: Readonly<MachineRecord>): void;
  /** Asks for an eviction: the platform takes the machine after the notice of a scheduled event. */
  evictLater(machine: Readonly<MachineRecord>): void;
  stop(machine: Readonly<MachineRecord>): void;
  resume(): void;
}

/** The life of the machines of `state`. */
export function createMachineLife(state: ArmState, addresses: AddressBook): MachineLife {
  const { clock, ledger, latencies } = state.context;

  const record = (machine: Readonly<MachineRecord>, event: MachineEvent): void =>
    ledger.record({ kind: 'machine', at: clock.now(), id: machine.id, event, tags: machine.tags });

  function boot(machine: Readonly<MachineRecord>): void {
    const storage = objectAt(machine.properties, 'storageProfile');
    const image = objectAt(storage, 'imageReference');
    const imageVersion = textAt(image, 'publisher') === undefined ? undefined : textAt(image, 'exactVersion');
    state.guest.boot({
      id: machine.id,
      name: machine.name,
      vmSize: machine.vmSize,
      location: machine.location,
      privateIpAddress: machine.privateIpAddress,
      boots: machine.boots ?? 1,
      ...(machine.customData === undefined
        ? {}
        : { customData: Buffer.from(machine.customData, 'base64').toString('utf8') }),
      ...(imageVersion === undefined ? {} : { imageVersion }),
      dataDiskLuns: listAt(storage, 'dataDisks').map(({ lun }) => Number(lun)),
    });
  }

  function watchBoot({ id, start, bootAt }: Readonly<MachineRecord>): void {
    if (bootAt === undefined) return;
    clock.at(bootAt, () => {
      const machine = state.machines.get(id);
      if (machine === undefined || machine.start !== start || machine.power !== 'running' || machine.booted) return;
      const booted = { ...machine, booted: true, boots: (machine.boots ?? 0) + 1 };
      state.saveMachine(booted);
      record(booted, 'booted');
      boot(booted);
    });
  }

  /** The machine runs from now on, and its operating system comes up. */
  function run(machine: Readonly<MachineRecord>, change: Partial<MachineRecord> = {}): void {
    const { failure: _, ...rest } = machine;
    const running: MachineRecord = {
      ...rest,
      ...change,
      provisioningState: 'Succeeded',
      power: 'running',
      booted: false,
      start: machine.start + 1,
      bootAt: clock.now() + latencies.sample('bootToAgent'),
    };
    state.saveMachine(running);
    watchBoot(running);
  }

  function halt(machine: Readonly<MachineRecord>, how?: 'shutdown'): void {
    state.guest.stop(machine.id, how);
  }

  function remove(machine: Readonly<MachineRecord>): void {
    halt(machine);
    state.guest.wipe?.(machine.id);
    state.removeMachine(machine);
    for (const reference of listAt(machine.properties['networkProfile'], 'networkInterfaces')) {
      const nic = state.resources.get(textAt(reference, 'id') ?? '');
      if (nic === undefined || machineOf(nic)?.toLowerCase() !== machine.id.toLowerCase()) continue;
      if (textAt(objectAt(reference, 'properties'), 'deleteOption') === 'Delete') removeNic(state, addresses, nic);
      else {
        const { virtualMachine: _, ...properties } = nic.properties;
        state.saveResource({ ...nic, properties });
      }
    }
    const storage = objectAt(machine.properties, 'storageProfile');
    for (const shown of [objectAt(storage, 'osDisk') ?? {}, ...listAt(storage, 'dataDisks')]) removeDisk(shown);
    record(machine, 'deleted');
  }

  function removeDisk(shown: Json): void {
    const disk = state.resources.get(textAt(objectAt(shown, 'managedDisk'), 'id') ?? '');
    if (disk === undefined) return;
    if (textAt(shown, 'deleteOption') === 'Delete') return state.removeResource(disk);
    const { managedBy: _, ...rest } = disk;
    state.saveResource({ ...rest, properties: { ...disk.properties, diskState: 'Unattached' } });
  }

  /** A managed disk is swapped for a fresh one; what becomes of the old one is its delete option. */
  function reimage(machine: Readonly<MachineRecord>, customData?: string): void {
    state.guest.wipe?.(machine.id);
    const storage = objectAt(machine.properties, 'storageProfile') ?? {};
    const shown = objectAt(storage, 'osDisk') ?? {};
    const old = state.resources.get(textAt(objectAt(shown, 'managedDisk'), 'id') ?? '');
    const change: Partial<MachineRecord> = { boots: 0, ...(customData === undefined ? {} : { customData }) };
    if (old !== undefined) {
      removeDisk(shown);
      const { name: _, ...disk } = shown;
      const planned = {
        disk,
        name: diskName(state, machine.name, 'OsDisk_1'),
        sizeGb: Number(shown['diskSizeGB'] ?? 30),
        creationData: { createOption: 'FromImage', imageReference: storage['imageReference'] },
      };
      const osDisk = makeDisk(state, machine, planned, machine.operatingSystem);
      change.properties = { ...machine.properties, storageProfile: { ...storage, osDisk } };
    }
    run(machine, change);
    record(machine, 'reimaged');
  }

  function deallocated(machine: Readonly<MachineRecord>): void {
    state.saveMachine({
      ...machine,
      provisioningState: 'Succeeded',
      power: 'deallocated',
      allocated: false,
      booted: false,
    });
    record(machine, 'deallocated');
  }

  function watchEviction({ id, vmId, evictAt }: Readonly<MachineRecord>): void {
    if (evictAt === undefined) return;
    clock.at(evictAt, () => {
      const machine = state.machines.get(id);
      if (machine?.vmId !== vmId || machine.provisioningState === 'Deleting') return;
      const { evictAt: _, ...rest } = machine;
      life.evict(rest);
    });
  }

  const life: MachineLife = {
    record,
    accepted(machine, { kind }) {
      if (kind === 'deallocateMachine') record(machine, 'deallocateAccepted');
      if (kind === 'startMachine') record(machine, 'startAccepted');
    },
    halt,
    remove,
    complete(operation) {
      const machine = state.machines.get(operation.resourceId);
      if (machine === undefined) return undefined;
      switch (operation.action.kind) {
        case 'createMachine':
          run(machine);
          record(machine, 'created');
          break;
        case 'deleteMachine':
          remove(machine);
          break;
        case 'deallocateMachine':
          deallocated(machine);
          break;
        case 'powerOffMachine':
          state.saveMachine({ ...machine, provisioningState: 'Succeeded', power: 'stopped', booted: false });
          record(machine, 'stopped');
          break;
        case 'startMachine':
          if (machine.power === 'running') state.saveMachine({ ...machine, provisioningState: 'Succeeded' });
          else {
            run(machine);
            record(machine, 'started');
          }
          break;
        case 'restartMachine':
        case 'redeployMachine':
          run(machine);
          record(machine, 'started');
          break;
        case 'reimageMachine':
          reimage(machine, operation.action.customData);
          break;
        default:
          state.saveMachine({ ...machine, provisioningState: 'Succeeded' });
      }
      return undefined;
    },
    fail(operation, error) {
      const machine = state.machines.get(operation.resourceId);
      if (machine === undefined) return;
      const failed: MachineRecord = { ...machine, provisioningState: 'Failed', failure: error };
      if (machine.power === 'stopping' || machine.power === 'deallocating') failed.power = 'stopped';
      if (machine.power === 'starting') Object.assign(failed, { power: 'deallocated', allocated: false });
      state.saveMachine(failed);
      if (operation.action.kind === 'createMachine') record(machine, 'createFailed');
    },
    evict(machine) {
      record(machine, 'evicted');
      if (machine.evictionPolicy === 'Deallocate') {
        halt(machine);
        deallocated(machine);
      } else remove(machine);
    },
    evictLater(machine) {
      const noticed = { ...machine, evictAt: clock.now() + evictionNoticeMs * latencies.scale };
      state.saveMachine(noticed);
      watchEviction(noticed);
    },
    stop(machine) {
      halt(machine);
      state.saveMachine({ ...machine, power: 'stopped', booted: false });
      record(machine, 'stopped');
    },
    resume() {
      for (const machine of state.machines.values()) {
        watchEviction(machine);
        if (machine.power !== 'running') continue;
        if (machine.booted) boot(machine);
        else watchBoot(machine);
      }
    },
  };
  return life;
}

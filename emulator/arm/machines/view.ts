import type { MachineRecord, PowerState } from '../records.ts';
import { textAt } from '../body.ts';

const powerTitles: Record<PowerState, string> = {
  creating: 'VM creating',
  starting: 'VM starting',
  running: 'VM running',
  stopping: 'VM stopping',
  stopped: 'VM stopped',
  deallocating: 'VM deallocating',
  deallocated: 'VM deallocated',
};

interface Status {
  code: string;
  level: 'Info' | 'Error';
  displayStatus: string;
  message?: string;
  time?: string;
}

function statuses(machine: Readonly<MachineRecord>): Status[] {
  const { provisioningState, failure, power } = machine;
  const state = provisioningState.toLowerCase();
  const first: Status =
    failure !== undefined && provisioningState === 'Failed'
      ? {
          code: `ProvisioningState/failed/${failure.code}`,
          level: 'Error',
          displayStatus: 'Provisioning failed',
          message: failure.message,
        }
      : {
          code: `ProvisioningState/${state}`,
          level: 'Info',
          displayStatus: state === 'succeeded' ? 'Provisioning succeeded' : provisioningState,
        };
  first.time = new Date(machine.createdAt).toISOString();
  // A machine that was never allocated has no power state.
  if (power === 'creating') return [first];
  return [first, { code: `PowerState/${power}`, level: 'Info', displayStatus: powerTitles[power] }];
}

/** The answer of `VirtualMachines_InstanceView`. */
export function instanceView(machine: Readonly<MachineRecord>): Record<string, unknown> {
  const ready = machine.power === 'running' && machine.booted;
  return {
    ...(machine.power === 'creating'
      ? {}
      : {
          computerName: textAt(machine.properties['osProfile'], 'computerName') ?? machine.name,
          osName: machine.operatingSystem === 'Windows' ? 'Windows Server' : 'ubuntu',
          vmAgent: {
            vmAgentVersion: ready ? '2.15.0.1' : 'Unknown',
            statuses: [
              ready
                ? {
                    code: 'ProvisioningState/succeeded',
                    level: 'Info',
                    displayStatus: 'Ready',
                    message: 'Guest Agent is running',
                  }
                : {
                    code: 'ProvisioningState/Unavailable',
                    level: 'Warning',
                    displayStatus: 'Not Ready',
                    message: 'VM status blob is found but not yet populated.',
                  },
            ],
          },
          hyperVGeneration: 'V2',
        }),
    disks: [],
    statuses: statuses(machine),
  };
}

/** A machine as a GET shows it. */
export function machineView(machine: Readonly<MachineRecord>, expand?: string): Record<string, unknown> {
  const { id, name, type, location, tags, zones, identity, plan, etag, properties, provisioningState } = machine;
  const wanted = (expand ?? '').toLowerCase();
  return {
    name,
    id,
    type,
    location,
    tags,
    ...(zones === undefined ? {} : { zones }),
    ...(identity === undefined ? {} : { identity }),
    ...(plan === undefined ? {} : { plan }),
    properties: {
      ...properties,
      provisioningState,
      ...(wanted === 'instanceview' ? { instanceView: instanceView(machine) } : {}),
      ...(wanted === 'userdata' && machine.userData !== undefined ? { userData: machine.userData } : {}),
    },
    etag,
  };
}

/** A machine as `statusOnly=true` lists it: what it is and its state, not its model. */
export function machineStatusView(machine: Readonly<MachineRecord>): Record<string, unknown> {
  const { id, name, type, location, tags, zones, vmId, provisioningState } = machine;
  return {
    name,
    id,
    type,
    location,
    tags,
    ...(zones === undefined ? {} : { zones }),
    properties: { vmId, provisioningState, instanceView: { statuses: statuses(machine) } },
  };
}

import { listAt, missing, numberAt, objectAt, textAt } from '../body.ts';
import type { Json } from '../body.ts';
import { allocationFailure } from '../capacity.ts';
import { ArmError, invalidParameter, invalidResourceReference } from '../errors.ts';
import { machineOf, makeNic, nicInUse, planNic } from '../interfaces.ts';
import type { NicPlace, PlannedNic } from '../interfaces.ts';
import type { MachineRecord, ResourceRecord } from '../records.ts';
import { resourceId } from '../state.ts';
import type { ArmState } from '../state.ts';
import type { AddressBook } from '../subnets.ts';
import { checkIdentity } from './identity.ts';
import { resolveImage } from './image.ts';
import { checkOsProfile, skuNotAvailable, validateMachine } from './validate.ts';

const diskType = 'Microsoft.Compute/disks';

/** A network interface of a new machine: to be made, or one that is there. */
interface PlannedInterface {
  plan: PlannedNic | undefined;
  existing: Readonly<ResourceRecord> | undefined;
  deleteOption: string;
  primary: boolean;
}

function planInterfaces(state: ArmState, place: NicPlace, machineId: string, properties: Json): PlannedInterface[] {
  const profile = objectAt(properties, 'networkProfile');
  const referenced = listAt(profile, 'networkInterfaces');
  const inline = listAt(profile, 'networkInterfaceConfigurations');
  if (referenced.length + inline.length === 0) {
    throw invalidParameter('networkProfile', `Virtual machine ${machineId} must have at least one network interface.`);
  }
  if (inline.length > 0) {
    if (referenced.length > 0) {
      throw invalidParameter(
        'networkProfile',
        'networkInterfaces and networkInterfaceConfigurations cannot both be given.',
      );
    }
    const version = textAt(profile, 'networkApiVersion');
    if (version === undefined) throw missing('networkProfile.networkApiVersion');
    if (!/^\d{4}-\d{2}-\d{2}(-preview)?$/.test(version) || version < '2020-11-01') {
      throw invalidParameter(
        'networkApiVersion',
        `The value '${version}' of parameter networkApiVersion is not valid.`,
      );
    }
  }
  const own = inline.map((configuration, index): PlannedInterface => {
    const name = textAt(configuration, 'name');
    if (name === undefined) throw missing('networkInterfaceConfigurations.name');
    const plan = planNic(state, place, name, configuration);
    const known = state.resources.get(plan.id);
    const user = known === undefined ? undefined : machineOf(known);
    if (user !== undefined && user.toLowerCase() !== machineId.toLowerCase()) throw nicInUse(plan.id, user);
    const inner = objectAt(configuration, 'properties');
    return {
      plan,
      existing: undefined,
      deleteOption: textAt(inner, 'deleteOption') ?? 'Detach',
      primary: inner?.['primary'] === true || (inline.length === 1 && index === 0),
    };
  });
  const others = referenced.map((reference): PlannedInterface => {
    const id = textAt(reference, 'id') ?? '';
    const nic = state.resources.get(id);
    if (nic === undefined || !/\/networkinterfaces\//i.test(id)) throw invalidResourceReference(id, machineId);
    const user = machineOf(nic);
    if (user !== undefined && user.toLowerCase() !== machineId.toLowerCase()) {
      throw new ArmError(400, {
        code: 'NetworkInterfaceInUse',
        message: `Network interface ${id} cannot be attached to ${machineId}: it is in use by ${user}.`,
      });
    }
    const inner = objectAt(reference, 'properties');
    return {
      plan: undefined,
      existing: nic,
      deleteOption: textAt(inner, 'deleteOption') ?? 'Detach',
      primary: inner?.['primary'] === true || referenced.length === 1,
    };
  });
  return [...own, ...others];
}

/** A managed disk to be made with a machine. */
interface PlannedDisk {
  disk: Json;
  name: string;
  sizeGb: number;
  creationData: Json;
}

function planDisk(
  state: ArmState,
  place: NicPlace,
  disk: Json,
  name: string,
  sizeGb: number,
  creationData: Json,
): PlannedDisk {
  const id = resourceId(place.subscriptionId, place.resourceGroup, diskType, name);
  if (state.resources.get(id) !== undefined) {
    throw new ArmError(409, {
      code: 'ConflictingUserInput',
      message: `Disk ${name} already exists in resource group ${place.resourceGroup.toUpperCase()}. Only CreateOption.Attach is supported.`,
      target: '/properties/creationData/createOption',
    });
  }
  return { disk, name, sizeGb, creationData };
}

/** Makes a managed disk and answers how the machine's model shows it. */
export function makeDisk(
  state: ArmState,
  machine: { id: string; zones?: string[]; tags: Record<string, string> } & NicPlace,
  planned: PlannedDisk,
  operatingSystem?: string,
): Json {
  const { disk, name, sizeGb, creationData } = planned;
  const { subscriptionId, resourceGroup, location } = machine;
  const id = resourceId(subscriptionId, resourceGroup, diskType, name);
  const storageAccountType = textAt(objectAt(disk, 'managedDisk'), 'storageAccountType') ?? 'Standard_LRS';
  state.saveResource({
    id,
    name,
    type: diskType,
    subscriptionId,
    resourceGroup,
    location,
    // A disk that is made with a machine takes the machine's tags.
    tags: machine.tags,
    ...(machine.zones === undefined ? {} : { zones: machine.zones }),
    sku: { name: storageAccountType, tier: storageAccountType.startsWith('Premium') ? 'Premium' : 'Standard' },
    managedBy: machine.id,
    etag: `W/"${state.context.chance.uuid()}"`,
    createdAt: state.context.clock.now(),
    position: state.nextPosition(),
    properties: {
      ...(operatingSystem === undefined ? {} : { osType: operatingSystem }),
      creationData,
      diskSizeGB: sizeGb,
      diskState: 'Attached',
      provisioningState: 'Succeeded',
      timeCreated: new Date(state.context.clock.now()).toISOString(),
      uniqueId: state.context.chance.uuid(),
    },
  });
  return {
    ...disk,
    name,
    diskSizeGB: sizeGb,
    deleteOption: textAt(disk, 'deleteOption') ?? 'Detach',
    managedDisk: { storageAccountType, id },
  };
}

/** A name for a disk that the caller did not name. */
export function diskName(state: ArmState, machineName: string, kind: string): string {
  return `${machineName}_${kind}_${state.context.chance.uuid().replaceAll('-', '')}`;
}

function withoutSecrets(profile: Json): Json {
  const { adminPassword: _password, customData: _customData, ...shown } = profile;
  return {
    ...shown,
    secrets: profile['secrets'] ?? [],
    allowExtensionOperations: profile['allowExtensionOperations'] ?? true,
    requireGuestProvisionSignal: true,
  };
}

/**
 * Makes the record of a new machine with its network interfaces and disks, or throws before anything is made. `failure`:
 * how its creation will end, where the platform will find no room for it.
 */
export function createMachine(
  state: ArmState,
  addresses: AddressBook,
  id: string,
  name: string,
  group: { subscriptionId: string; resourceGroup: string },
  body: Json,
): { machine: MachineRecord; failure?: { code: string; message: string } } {
  const { clock, chance } = state.context;
  const request = validateMachine(body, name);
  const { location, properties, vmSize, tags, zones, spot } = request;
  const place: NicPlace = { ...group, location };
  const storage = objectAt(properties, 'storageProfile') ?? {};
  const osDisk = objectAt(storage, 'osDisk') ?? {};
  const createOption = textAt(osDisk, 'createOption') ?? 'FromImage';
  if (createOption !== 'FromImage') {
    throw new ArmError(501, {
      code: 'NotEmulated',
      message: `The embedded cloud makes machines from images only, not with osDisk.createOption ${createOption}.`,
    });
  }
  const image = resolveImage(state, storage, location);
  checkOsProfile(properties, image.operatingSystem, name);
  const interfaces = planInterfaces(state, place, id, properties);
  const sizeGb = Math.max(numberAt(osDisk, 'diskSizeGB') ?? 0, image.diskSizeGb);
  const osDiskName = textAt(osDisk, 'name') ?? diskName(state, name, 'OsDisk_1');
  const plannedOsDisk = request.ephemeral
    ? undefined
    : planDisk(state, place, osDisk, osDiskName, sizeGb, {
        createOption: 'FromImage',
        imageReference: image.reference,
      });
  const plannedData = listAt(storage, 'dataDisks').map((disk, index) => {
    const kind = textAt(disk, 'createOption') ?? 'Empty';
    if (kind === 'Attach') return { disk, attach: textAt(objectAt(disk, 'managedDisk'), 'id') ?? '' };
    const dataName = textAt(disk, 'name') ?? diskName(state, name, `disk${String(index + 2)}`);
    return planDisk(state, place, disk, dataName, numberAt(disk, 'diskSizeGB') ?? 32, { createOption: kind });
  });
  for (const planned of plannedData) {
    if ('attach' in planned && state.resources.get(planned.attach) === undefined)
      throw invalidResourceReference(planned.attach, id);
  }
  state.quota.check(location, vmSize, spot);
  const roomy = state.capacity.hasRoom({ location, vmSize: vmSize.name, zones, spot });
  // Without Spot capacity nothing is accepted; for regular machines Azure learns it only when it looks for a host.
  if (spot && !roomy) throw skuNotAvailable(vmSize, location);

  // From here on things are made. An address is the one thing that may still be refused, so it comes first.
  const nics = interfaces.map(({ plan, existing, deleteOption, primary }) => {
    if (plan !== undefined) {
      const made = makeNic(state, addresses, plan, id);
      return { id: made.record.id, address: made.privateIpAddress, deleteOption, primary };
    }
    const nic = existing as ResourceRecord;
    state.saveResource({ ...nic, properties: { ...nic.properties, virtualMachine: { id } } });
    const first = objectAt(listAt(nic.properties, 'ipConfigurations')[0], 'properties');
    return { id: nic.id, address: textAt(first, 'privateIPAddress') ?? '', deleteOption, primary };
  });
  const owner = { id, tags, ...place, ...(zones === undefined ? {} : { zones }) };
  const osDiskShown: Json =
    plannedOsDisk === undefined
      ? {
          ...osDisk,
          name: osDiskName,
          diskSizeGB: sizeGb,
          deleteOption: 'Delete',
          managedDisk: { storageAccountType: 'Standard_LRS' },
        }
      : makeDisk(state, owner, plannedOsDisk, image.operatingSystem);
  const dataDisks = plannedData.map((planned) => {
    if (!('attach' in planned)) return makeDisk(state, owner, planned);
    const disk = state.resources.get(planned.attach) as ResourceRecord;
    state.saveResource({ ...disk, managedBy: id, properties: { ...disk.properties, diskState: 'Attached' } });
    return { ...planned.disk, name: disk.name, deleteOption: textAt(planned.disk, 'deleteOption') ?? 'Detach' };
  });

  const identity = objectAt(body, 'identity');
  const vmId = chance.uuid();
  const { userData: _userData, networkProfile: _network, osProfile, ...rest } = properties;
  const plan = objectAt(body, 'plan');
  const machine: MachineRecord = {
    id,
    name,
    type: 'Microsoft.Compute/virtualMachines',
    ...place,
    tags,
    ...(zones === undefined ? {} : { zones }),
    ...(identity === undefined ? {} : { identity: describeIdentity(state, identity) }),
    ...(plan === undefined ? {} : { plan }),
    vmId,
    provisioningState: 'Creating',
    power: 'creating',
    operatingSystem: image.operatingSystem,
    vmSize: vmSize.name,
    spot,
    ...(request.evictionPolicy === undefined ? {} : { evictionPolicy: request.evictionPolicy }),
    ...(request.customData === undefined ? {} : { customData: request.customData }),
    ...(request.userData === undefined ? {} : { userData: request.userData }),
    privateIpAddress: (nics.find((nic) => nic.primary) ?? nics[0])?.address ?? '',
    allocated: true,
    booted: false,
    start: 0,
    etag: `"${chance.uuid()}"`,
    createdAt: clock.now(),
    position: state.nextPosition(),
    properties: {
      ...rest,
      ...(request.evictionPolicy === undefined ? {} : { evictionPolicy: request.evictionPolicy }),
      hardwareProfile: { ...objectAt(properties, 'hardwareProfile'), vmSize: vmSize.name },
      storageProfile: {
        ...storage,
        imageReference: image.reference,
        osDisk: { osType: image.operatingSystem, createOption: 'FromImage', caching: 'ReadWrite', ...osDiskShown },
        dataDisks,
        diskControllerType: vmSize.name.endsWith('_v6') ? 'NVMe' : 'SCSI',
      },
      osProfile: withoutSecrets({ computerName: name, ...(osProfile as Json) }),
      networkProfile: {
        networkInterfaces: nics.map((nic) => ({
          id: nic.id,
          properties: { primary: nic.primary, deleteOption: nic.deleteOption },
        })),
      },
      vmId,
      timeCreated: new Date(clock.now()).toISOString(),
    },
  };
  return roomy ? { machine } : { machine, failure: allocationFailure(machine) };
}

/** An identity as Azure answers it: with the ids of the principals. */
export function describeIdentity(state: ArmState, identity: Json): Json {
  checkIdentity(identity);
  const userAssigned = objectAt(identity, 'userAssignedIdentities');
  const type = textAt(identity, 'type') ?? 'None';
  return {
    type,
    ...(type.includes('SystemAssigned')
      ? { principalId: state.context.chance.uuid(), tenantId: state.identity.tenantId }
      : {}),
    ...(userAssigned === undefined
      ? {}
      : {
          userAssignedIdentities: Object.fromEntries(
            Object.keys(userAssigned).map((id) => [
              id,
              { principalId: state.context.chance.uuid(), clientId: state.context.chance.uuid() },
            ]),
          ),
        }),
  };
}

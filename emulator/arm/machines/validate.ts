import { booleanAt, isBase64, listAt, missing, numberAt, objectAt, tagsOf, textAt, zonesOf } from '../body.ts';
import type { Json } from '../body.ts';
import { ArmError, invalidParameter, operationNotAllowed } from '../errors.ts';
import { isRestricted, locations, maxDataDisks, vmSizeOf, vmSizes } from '../skus.ts';
import type { VmSize } from '../skus.ts';
import { checkIdentity } from './identity.ts';

/** The limit of custom data: 65,535 bytes, which are 87,380 characters of Base64. Source: Compute REST reference. */
const customDataBytes = 65_535;

/** A create call that has passed the checks which need nothing but the body. */
export interface MachineRequest {
  location: string;
  tags: Record<string, string>;
  zones: string[] | undefined;
  vmSize: VmSize;
  spot: boolean;
  evictionPolicy: 'Deallocate' | 'Delete' | undefined;
  ephemeral: boolean;
  customData: string | undefined;
  userData: string | undefined;
  properties: Json;
}

/** The region of a body in its canonical name (`West Europe` is `westeurope`). */
export function locationOf(body: Json, type: string): string {
  const given = textAt(body, 'location');
  if (given === undefined) {
    throw new ArmError(400, {
      code: 'LocationRequired',
      message: 'The location property is required for this definition.',
    });
  }
  const location = given.replaceAll(' ', '').toLowerCase();
  if (!locations.some((known) => known.name === location)) {
    throw new ArmError(400, {
      code: 'LocationNotAvailableForResourceType',
      message: `The provided location '${given}' is not available for resource type '${type}'. List of available regions for the resource type is '${locations.map((known) => known.name).join(',')}'.`,
    });
  }
  return location;
}

/** 409 for a size that is restricted, not offered in the zone, or without Spot capacity: Azure says the same for all. */
export function skuNotAvailable(vmSize: VmSize, location: string): ArmError {
  return new ArmError(409, {
    code: 'SkuNotAvailable',
    message: `The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: ${vmSize.name}' is currently not available in location '${location}'. Please try another size or deploy to a different location or different zone. See https://aka.ms/azureskunotavailable for details.`,
    target: 'vmSize',
  });
}

function sizeOf(properties: Json, location: string, zones: string[] | undefined): VmSize {
  const hardware = objectAt(properties, 'hardwareProfile');
  const name = textAt(hardware, 'vmSize');
  if (name === undefined) throw missing('hardwareProfile.vmSize');
  const vmSize = vmSizeOf(name);
  if (vmSize === undefined) {
    throw invalidParameter(
      'vmSize',
      `The value ${name} provided for the VM size is not valid. The valid sizes in the current region are: ${vmSizes.map((known) => known.name).join(',')}.`,
    );
  }
  if (isRestricted(vmSize, location)) throw skuNotAvailable(vmSize, location);
  if (zones !== undefined) {
    if (zones.length !== 1) {
      throw invalidParameter('zones', 'A virtual machine can be in one availability zone only.');
    }
    if (!['1', '2', '3'].includes(zones[0] ?? '')) {
      throw new ArmError(400, {
        code: 'InvalidAvailabilityZone',
        message: `The zone(s) '${zones.join(',')}' for resource 'Microsoft.Compute/virtualMachines' is not supported. The supported zones for location '${location}' are '1,2,3'.`,
      });
    }
    if (!vmSize.zones.includes(zones[0] ?? '') || isRestricted(vmSize, location, zones[0]))
      throw skuNotAvailable(vmSize, location);
  }
  return vmSize;
}

/** Names that Azure refuses for the administrator. Source: Compute REST reference, `adminUsername`. */
const refusedUserNames = new Set(
  'administrator,admin,user,user1,test,user2,test1,user3,admin1,1,123,a,actuser,adm,admin2,aspnet,backup,console,david,guest,john,owner,root,server,sql,support,support_388945a0,sys,test2,test3,user4,user5'.split(
    ',',
  ),
);

/** Checks the operating system profile, once the image has told which operating system it is. */
export function checkOsProfile(properties: Json, operatingSystem: 'Linux' | 'Windows', vmName: string): void {
  const profile = objectAt(properties, 'osProfile');
  if (profile === undefined) throw missing('osProfile');
  const computerName = textAt(profile, 'computerName') ?? vmName;
  const longest = operatingSystem === 'Windows' ? 15 : 64;
  if (computerName.length > longest) {
    throw invalidParameter(
      'computerName',
      `${operatingSystem} computer name cannot be more than ${String(longest)} characters long, be entirely numeric, or contain the following characters: \` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : . ' " , < > / ?.`,
    );
  }
  if (
    /^\d+$/.test(computerName) ||
    /[`~!@#$%^&*()=+_[\]{}\\|;:.'",<>/?\s]/.test(computerName.replaceAll('.', operatingSystem === 'Linux' ? '' : '.'))
  ) {
    throw invalidParameter(
      'computerName',
      `${operatingSystem} computer name cannot be more than ${String(longest)} characters long, be entirely numeric, or contain the following characters: \` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : ' " , < > / ?.`,
    );
  }
  const userName = textAt(profile, 'adminUsername');
  if (userName === undefined) throw missing('adminUsername');
  if (refusedUserNames.has(userName.toLowerCase()) || userName.endsWith('.')) {
    throw invalidParameter('adminUsername', 'The Admin Username specified is not allowed.');
  }
  const linux = objectAt(profile, 'linuxConfiguration');
  const keys = listAt(objectAt(linux, 'ssh'), 'publicKeys');
  const password = textAt(profile, 'adminPassword');
  if (operatingSystem === 'Windows') {
    if (password === undefined) throw missing('adminPassword');
    if (linux !== undefined) {
      throw invalidParameter('linuxConfiguration', 'linuxConfiguration is not allowed for a Windows image.');
    }
  } else {
    const passwordOff = booleanAt(linux, 'disablePasswordAuthentication') ?? false;
    if (keys.length === 0 && (passwordOff || password === undefined)) {
      throw invalidParameter(
        'linuxConfiguration',
        'Authentication using either SSH or by user name and password must be enabled in Linux profile.',
      );
    }
    for (const key of keys) {
      if (!/^(ssh-rsa|ssh-ed25519) [A-Za-z0-9+/=]+/.test(textAt(key, 'keyData') ?? '')) {
        throw invalidParameter(
          'linuxConfiguration.ssh.publicKeys.keyData',
          'The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.',
        );
      }
      if (textAt(key, 'path') !== `/home/${userName}/.ssh/authorized_keys`) {
        throw invalidParameter(
          'linuxConfiguration.ssh.publicKeys.path',
          `Destination path for SSH public keys is currently limited to its default value /home/${userName}/.ssh/authorized_keys due to a known issue in Linux provisioning agent.`,
        );
      }
    }
  }
  if (password !== undefined && (password.length < (operatingSystem === 'Windows' ? 8 : 6) || password.length > 123)) {
    throw invalidParameter(
      'adminPassword',
      'The supplied password must be between 8-123 characters long and must satisfy at least 3 of password complexity requirements.',
    );
  }
}

/** Checks custom data. */
export function checkCustomData(profile: Json | undefined): string | undefined {
  const customData = textAt(profile, 'customData');
  if (customData !== undefined && !isBase64(customData, customDataBytes)) {
    throw invalidParameter(
      'customData',
      'Custom data in OSProfile must be in Base64 encoding and with a maximum length of 87380 characters.',
    );
  }
  return customData;
}

function checkEphemeral(osDisk: Json, vmSize: VmSize, spot: boolean, evictionPolicy: string | undefined): boolean {
  const settings = objectAt(osDisk, 'diffDiskSettings');
  if (settings === undefined) return false;
  if (textAt(settings, 'option') !== 'Local') {
    throw invalidParameter('osDisk.diffDiskSettings.option', "The only ephemeral option of an OS disk is 'Local'.");
  }
  if (!vmSize.ephemeral) {
    throw operationNotAllowed(`OS disk of Ephemeral VM is not supported for VM size ${vmSize.name}.`, 'osDisk');
  }
  if (textAt(osDisk, 'caching') !== 'ReadOnly') {
    throw invalidParameter('osDisk.caching', 'Ephemeral OS disks must have the caching type ReadOnly.');
  }
  const placement = textAt(settings, 'placement');
  const room =
    placement === 'ResourceDisk' || placement === 'NvmeDisk'
      ? vmSize.resourceDiskMb * 2 ** 20
      : placement === 'CacheDisk'
        ? vmSize.cachedDiskBytes
        : Math.max(vmSize.cachedDiskBytes, vmSize.resourceDiskMb * 2 ** 20);
  const needed = (numberAt(osDisk, 'diskSizeGB') ?? 30) * 2 ** 30;
  if (needed > room) {
    throw operationNotAllowed(
      `OS disk of Ephemeral VM with size greater than ${String(Math.floor(room / 2 ** 30))} GB is not allowed for VM size ${vmSize.name} when the DiffDiskPlacement is ${placement ?? 'CacheDisk'}.`,
      'osDisk',
    );
  }
  if (spot && evictionPolicy !== 'Delete') {
    throw operationNotAllowed(
      'Virtual machines with an ephemeral OS disk and priority Spot must have the eviction policy Delete.',
    );
  }
  return true;
}

const storageTypes = new Set([
  'Standard_LRS',
  'StandardSSD_LRS',
  'Premium_LRS',
  'StandardSSD_ZRS',
  'Premium_ZRS',
  'PremiumV2_LRS',
  'UltraSSD_LRS',
]);

function checkDisk(disk: Json, target: string, vmSize: VmSize): void {
  const type = textAt(objectAt(disk, 'managedDisk'), 'storageAccountType');
  if (type !== undefined && !storageTypes.has(type)) {
    throw invalidParameter(
      `${target}.managedDisk.storageAccountType`,
      `The storage account type ${type} is not valid. Valid values are ${[...storageTypes].join(', ')}.`,
    );
  }
  if (type?.startsWith('Premium') === true && !vmSize.premium) {
    throw invalidParameter(
      'storageAccountType',
      `Requested operation cannot be performed because the VM size ${vmSize.name} does not support the storage account type ${type}.`,
    );
  }
}

/** Checks everything in the body of a create call that needs no other resource. */
export function validateMachine(body: Json, vmName: string): MachineRequest {
  if (!/^[^_\W][\w.-]{0,63}(?<![-.])$/.test(vmName)) {
    throw invalidParameter(
      'vmName',
      `The entity name 'name' is invalid according to its validation rule: ^[^_\\W][\\w-._]{0,79}(?<![-.])$.`,
    );
  }
  const location = locationOf(body, 'Microsoft.Compute/virtualMachines');
  const tags = tagsOf(body);
  checkIdentity(objectAt(body, 'identity'));
  const zones = zonesOf(body);
  const properties = objectAt(body, 'properties') ?? {};
  const vmSize = sizeOf(properties, location, zones);
  const priority = textAt(properties, 'priority') ?? 'Regular';
  if (!['Regular', 'Low', 'Spot'].includes(priority)) {
    throw invalidParameter('priority', `The value '${priority}' of parameter priority is not valid.`);
  }
  const spot = priority !== 'Regular';
  const evictionPolicy = textAt(properties, 'evictionPolicy');
  if (evictionPolicy !== undefined && !['Deallocate', 'Delete'].includes(evictionPolicy)) {
    throw invalidParameter('evictionPolicy', `The value '${evictionPolicy}' of parameter evictionPolicy is not valid.`);
  }
  if (!spot && evictionPolicy !== undefined) {
    throw operationNotAllowed('Eviction policy can be set only on Azure Spot Virtual Machines.', 'evictionPolicy');
  }
  if (!spot && objectAt(properties, 'billingProfile') !== undefined) {
    throw operationNotAllowed('Billing Profile can be set only on Azure Spot Virtual Machines.', 'billingProfile');
  }
  if (spot && !vmSize.lowPriority) {
    throw operationNotAllowed(`The requested VM size ${vmSize.name} does not support the priority Spot.`, 'vmSize');
  }
  const storage = objectAt(properties, 'storageProfile');
  if (storage === undefined) throw missing('storageProfile');
  const osDisk = objectAt(storage, 'osDisk') ?? {};
  checkDisk(osDisk, 'osDisk', vmSize);
  const luns = new Set<number>();
  for (const disk of listAt(storage, 'dataDisks')) {
    checkDisk(disk, 'dataDisks', vmSize);
    const lun = numberAt(disk, 'lun');
    if (lun === undefined) throw missing('dataDisk.lun');
    if (luns.has(lun))
      throw invalidParameter('dataDisk.lun', `A disk with lun ${String(lun)} is specified more than once.`);
    luns.add(lun);
    const sizeGb = numberAt(disk, 'diskSizeGB');
    if (textAt(disk, 'createOption') === 'Empty' && sizeGb === undefined) throw missing('dataDisk.diskSizeGB');
    if (sizeGb !== undefined && !(Number.isInteger(sizeGb) && sizeGb >= 1 && sizeGb <= 32_767))
      throw invalidParameter('dataDisk.diskSizeGB', `The value '${String(sizeGb)}' is not between 1 and 32767.`);
    const caching = textAt(disk, 'caching') ?? 'None';
    if (!['None', 'ReadOnly', 'ReadWrite'].includes(caching))
      throw invalidParameter('dataDisk.caching', `The value '${caching}' of parameter dataDisk.caching is not valid.`);
    const most = maxDataDisks(vmSize);
    if (luns.size > most || lun < 0 || lun >= 64) {
      throw operationNotAllowed(
        `The maximum number of data disks allowed to be attached to a VM of size ${vmSize.name} is ${String(most)}.`,
        'dataDisks',
      );
    }
  }
  const userData = textAt(properties, 'userData');
  if (userData !== undefined && !isBase64(userData, customDataBytes)) {
    throw invalidParameter(
      'userData',
      'User data must be in Base64 encoding and with a maximum length of 87380 characters.',
    );
  }
  return {
    location,
    tags,
    zones,
    vmSize,
    spot,
    evictionPolicy: spot ? ((evictionPolicy ?? 'Deallocate') as 'Deallocate' | 'Delete') : undefined,
    ephemeral: checkEphemeral(osDisk, vmSize, spot, evictionPolicy ?? (spot ? 'Deallocate' : undefined)),
    customData: checkCustomData(objectAt(properties, 'osProfile')),
    userData,
    properties,
  };
}

import { generateKeyPairSync } from 'node:crypto';
import type {
  DataDisk,
  ImageReference as ComputeImageReference,
  VirtualMachine,
  VirtualMachineIdentity,
} from '@azure/arm-compute';
import type { AgentIdentity } from '../../domain/messages.ts';
import type { DataDiskSpecification, ImageReference, MachineSpecification } from '../../domain/pool-specification.ts';
import { agentUser } from './custom-data.ts';

/** Everything that the create call says. */
export interface MachineBodyInput {
  identity: AgentIdentity;
  machine: MachineSpecification;
  image: ImageReference;
  tags: Record<string, string>;
  /** Base64. */
  customData: string;
  sshPublicKey: string;
}

/**
 * The body of the one call that makes a machine: its network interface and its disks come and go with it, and all of them
 * carry the tags from the first instant. The disks inherit those of the machine.
 */
export function machineBody({
  identity,
  machine,
  image,
  tags,
  customData,
  sshPublicKey,
}: MachineBodyInput): VirtualMachine {
  const name = identity.agent;
  return {
    location: machine.location,
    ...(machine.zone === undefined ? {} : { zones: [machine.zone] }),
    tags,
    ...(machine.userAssignedIdentities === undefined ? {} : { identity: identityOf(machine.userAssignedIdentities) }),
    hardwareProfile: { vmSize: machine.vmSize },
    ...(machine.priority === 'Spot' ? spotProfile(machine) : {}),
    storageProfile: {
      imageReference: imageReference(image),
      osDisk: {
        name: `${name}-os`,
        createOption: 'FromImage',
        deleteOption: 'Delete',
        caching: 'ReadWrite',
        managedDisk: { storageAccountType: machine.osDiskStorageAccountType },
      },
      ...(machine.dataDisk === undefined ? {} : { dataDisks: [emptyDisk(`${name}-data`, machine.dataDisk)] }),
    },
    osProfile: {
      computerName: name,
      adminUsername: agentUser,
      customData,
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: { publicKeys: [{ path: `/home/${agentUser}/.ssh/authorized_keys`, keyData: sshPublicKey }] },
      },
    },
    networkProfile: {
      networkApiVersion: '2022-11-01',
      networkInterfaceConfigurations: [
        {
          name: `${name}-nic`,
          tags,
          primary: true,
          deleteOption: 'Delete',
          ipConfigurations: [{ name: 'primary', primary: true, subnet: { id: machine.subnetId } }],
        },
      ],
    },
  };
}

/** It inherits the tags of the machine, as the OS disk does, and its name tells whose it is. */
function emptyDisk(name: string, disk: DataDiskSpecification): DataDisk {
  return {
    name,
    lun: disk.lun,
    createOption: 'Empty',
    deleteOption: 'Delete',
    diskSizeGB: disk.sizeGib,
    caching: disk.caching,
    managedDisk: { storageAccountType: disk.storageAccountType },
  };
}

function identityOf(ids: readonly string[]): VirtualMachineIdentity {
  return { type: 'UserAssigned', userAssignedIdentities: Object.fromEntries(ids.map((id) => [id, {}])) };
}

/** Evicted, it is deleted: a deallocated one would keep its disk, and its agent nobody could start. -1: no own limit. */
function spotProfile({ maximumPrice = -1 }: MachineSpecification) {
  return { priority: 'Spot', evictionPolicy: 'Delete', billingProfile: { maxPrice: maximumPrice } };
}

function imageReference(reference: ImageReference): ComputeImageReference {
  switch (reference.kind) {
    case 'marketplace': {
      const { publisher, offer, sku, version } = reference;
      return { publisher, offer, sku, version };
    }
    case 'gallery':
      return { id: reference.id };
    case 'sharedGallery':
      return { sharedGalleryImageId: reference.id };
    case 'communityGallery':
      return { communityGalleryImageId: reference.id };
  }
}

/**
 * An SSH key that opens nothing, for nobody keeps its private half: Azure wants a key where passwords are off.
 * The format is that of RFC 8709.
 */
export function throwawaySshPublicKey(): string {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  if (x === undefined) throw new Error('invariant: an Ed25519 key has its x');
  const parts = [Buffer.from('ssh-ed25519'), Buffer.from(x, 'base64url')];
  const wire = parts.flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  });
  return `ssh-ed25519 ${Buffer.concat(wire).toString('base64')}`;
}

import type { ImageSpecification } from '../pool-specification.ts';
import { propertyPath, type PathStep } from '../validation/path.ts';
import type { Violation } from '../violation.ts';
import { imagesPath } from './rules.ts';
import type { PoolDocument } from './schema.ts';

/** What a row is judged on. */
export interface Subject {
  document: PoolDocument;
  /** In the document's order; `undefined` for one whose source is not known. */
  images: readonly (ImageSpecification | undefined)[];
  /** The installation has a subnet for pools that name none. */
  hasDefaultSubnet: boolean;
}

/** One thing that the resource model has and this version cannot do. It is refused, never ignored. */
export interface NotSupported {
  /** The property, with `[]` for the items of a list; the reference of the pool document shows the row there. */
  property: string;
  /** Which values are refused, in words. */
  refused: string;
  /** Why, and what to do instead. */
  reason: string;
  /** Properties that mean nothing without the refused value, for the reference. */
  with?: readonly string[];
  /** Where the document asks for it. */
  find: (subject: Subject) => PathStep[][];
}

const properties = ['properties'] as const;
const agentProfile = [...properties, 'agentProfile'] as const;
const organizationProfile = [...properties, 'organizationProfile'] as const;
const fabricProfile = [...properties, 'fabricProfile'] as const;
const operatorProfile = [...properties, 'operatorProfile'] as const;

/** The table. A version that learns one of these deletes its row and nothing else here. */
export const notSupported: readonly NotSupported[] = [
  {
    property: 'identity.type',
    refused: '`SystemAssigned`, `SystemAssigned,UserAssigned`',
    reason:
      'A system-assigned identity would be another one on every machine, and nothing could be granted to it beforehand. Use UserAssigned.',
    find: ({ document: { identity } }) => found(identity?.type.includes('SystemAssigned'), ['identity', 'type']),
  },
  {
    property: 'properties.organizationProfile.kind',
    refused: '`GitHub`',
    reason: 'Only Azure DevOps is served. Use kind AzureDevOps.',
    with: ['properties.organizationProfile.organizations[].repositories'],
    find: ({ document }) =>
      found(document.properties.organizationProfile.kind === 'GitHub', [...organizationProfile, 'kind']),
  },
  {
    property: 'properties.organizationProfile.organizations',
    refused: 'more than one',
    reason: 'A pool serves one organisation yet. Make one pool per organisation.',
    find: ({ document }) =>
      found(document.properties.organizationProfile.organizations.length > 1, [
        ...organizationProfile,
        'organizations',
      ]),
  },
  {
    property: 'properties.organizationProfile.permissionProfile.kind',
    refused: '`CreatorOnly`, `SpecificAccounts`',
    reason:
      'The agent pool keeps the permissions that Azure DevOps gives a new one, which is Inherit. Use Inherit, and restrict the agent pool in Azure DevOps.',
    with: [
      'properties.organizationProfile.permissionProfile.users',
      'properties.organizationProfile.permissionProfile.groups',
    ],
    find: ({
      document: {
        properties: { organizationProfile: profile },
      },
    }) =>
      found(
        profile.kind === 'AzureDevOps' && profile.permissionProfile && profile.permissionProfile.kind !== 'Inherit',
        [...organizationProfile, 'permissionProfile', 'kind'],
      ),
  },
  {
    property: 'properties.agentProfile.resourcePredictionsProfile.kind',
    refused: '`Automatic`',
    reason: 'Standby is not learned from history yet. Use kind Manual with one constant count.',
    with: ['properties.agentProfile.resourcePredictionsProfile.predictionPreference'],
    find: ({ document }) =>
      found(document.properties.agentProfile.resourcePredictionsProfile?.kind === 'Automatic', [
        ...agentProfile,
        'resourcePredictionsProfile',
        'kind',
      ]),
  },
  {
    property: 'properties.agentProfile.resourcePredictions.daysData',
    refused: 'anything but one item with one count at 00:00:00',
    reason: "Standby cannot change over the week yet. Use one constant count: [{ '00:00:00': 2 }].",
    find: ({
      document: {
        properties: { agentProfile: profile },
      },
    }) => {
      const days = profile.resourcePredictions?.daysData;
      return found(days && !isConstant(days), [...agentProfile, 'resourcePredictions', 'daysData']);
    },
  },
  {
    property: 'properties.fabricProfile.images[]',
    refused: 'images of Windows',
    reason: 'Agents run on Linux only yet. Name a Linux image.',
    find: ({ document, images }) =>
      images.flatMap((image, index) => {
        const given = document.properties.fabricProfile.images[index];
        const source = given?.wellKnownImageName === undefined ? 'resourceId' : 'wellKnownImageName';
        return found(image?.operatingSystem === 'Windows', [...imagesPath, index, source]);
      }),
  },
  {
    property: 'properties.fabricProfile.images[].ephemeralType',
    refused: 'any value',
    reason: 'OS disks are not ephemeral yet. Remove it.',
    find: ({ document }) =>
      document.properties.fabricProfile.images.flatMap(({ ephemeralType }, index) =>
        found(ephemeralType, [...imagesPath, index, 'ephemeralType']),
      ),
  },
  ...(
    [
      'provisioningScriptStorageAccountResourceId',
      'provisioningScriptManagedIdentityClientId',
      'provisioningScriptShouldRestart',
      'provisioningScriptEntryPoint',
    ] as const
  ).map((name): NotSupported => ({
    property: `properties.fabricProfile.images[].${name}`,
    refused: name === 'provisioningScriptShouldRestart' ? '`true`' : 'any value',
    reason: 'Provisioning scripts are not run yet. Remove it, and put what the script does into the image.',
    find: ({ document }) =>
      document.properties.fabricProfile.images.flatMap((image, index) =>
        found(image[name], [...imagesPath, index, name]),
      ),
  })),
  ...(['windowsNvmeDrive', 'linuxNvmePath'] as const).map((name): NotSupported => ({
    property: `properties.fabricProfile.sku.${name}`,
    refused: 'any value',
    reason: 'Temporary NVMe disks are left as the image mounts them yet. Remove it.',
    find: ({ document }) => found(document.properties.fabricProfile.sku[name], [...fabricProfile, 'sku', name]),
  })),
  ...(['description', 'updateDescription'] as const).map((name): NotSupported => ({
    property: `properties.organizationProfile.${name}`,
    refused: name === 'updateDescription' ? '`true`' : 'any value',
    reason: 'The description of the agent pool is not written yet. Remove it, and write it in Azure DevOps.',
    find: ({
      document: {
        properties: { organizationProfile: profile },
      },
    }) => found(profile.kind === 'AzureDevOps' && profile[name], [...organizationProfile, name]),
  })),
  {
    property: 'properties.fabricProfile.osProfile.logonType',
    refused: '`Interactive`',
    reason: 'Agents run as a service only yet. Use Service, or remove it.',
    find: ({
      document: {
        properties: { fabricProfile: fabric },
      },
    }) => found(fabric.osProfile?.logonType === 'Interactive', [...fabricProfile, 'osProfile', 'logonType']),
  },
  {
    property: 'properties.fabricProfile.osProfile.secretsManagementSettings',
    refused: 'any value',
    reason: 'Certificates are not brought to the machines yet. Remove it, or put them into the image.',
    with: ['properties.fabricProfile.osProfile.secretsManagementSettings.'],
    find: ({
      document: {
        properties: { fabricProfile: fabric },
      },
    }) =>
      found(fabric.osProfile?.secretsManagementSettings, [...fabricProfile, 'osProfile', 'secretsManagementSettings']),
  },
  {
    property: 'properties.fabricProfile.networkProfile.staticIpAddressCount',
    refused: 'more than 0',
    reason: 'No network is made for a pool yet. Remove it, and give the subnet a NAT gateway.',
    find: ({
      document: {
        properties: { fabricProfile: fabric },
      },
    }) =>
      found(fabric.networkProfile?.staticIpAddressCount, [...fabricProfile, 'networkProfile', 'staticIpAddressCount']),
  },
  {
    property: 'properties.fabricProfile.networkProfile.subnetId',
    refused: 'absent, where the installation has no azure.subnetId',
    reason: 'No network is made for a pool yet. Name a subnet here, or set azure.subnetId in the installation.',
    find: ({
      document: {
        properties: { fabricProfile: fabric },
      },
      hasDefaultSubnet,
    }) =>
      found(!hasDefaultSubnet && fabric.networkProfile?.subnetId === undefined, [
        ...fabricProfile,
        'networkProfile',
        'subnetId',
      ]),
  },
  {
    property: 'properties.operatorProfile.recycle',
    refused: '`Reimage`',
    reason:
      'Whether a new agent identity reaches a virtual machine that is reimaged is not confirmed, so machines are replaced. Use Replace, or remove it.',
    find: ({ document }) =>
      found(document.properties.operatorProfile?.recycle === 'Reimage', [...operatorProfile, 'recycle']),
  },
  {
    property: 'properties.operatorProfile.outbound',
    refused: 'any value',
    reason: 'No network is made for a pool yet. Remove it, and restrict the subnet.',
    with: ['properties.operatorProfile.outbound.'],
    find: ({ document }) => found(document.properties.operatorProfile?.outbound, [...operatorProfile, 'outbound']),
  },
];

/** Every row that the document runs into. */
export function notSupportedViolations(subject: Subject): Violation[] {
  return notSupported.flatMap(({ reason, find }) =>
    find(subject).map((path): Violation => ({
      path: propertyPath(path),
      rule: 'NotSupported',
      message: `Not supported in this version. ${reason}`,
    })),
  );
}

/** One item for all week, whose only count holds from midnight on. */
export function isConstant(daysData: readonly Record<string, number>[]): boolean {
  const [day] = daysData;
  return daysData.length === 1 && day !== undefined && Object.keys(day).join() === '00:00:00';
}

function found(asked: unknown, path: PathStep[]): PathStep[][] {
  return asked ? [path] : [];
}

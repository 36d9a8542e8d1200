import { z } from 'zod';
import { subnetIdPattern } from '../arm-id.ts';
import { int, text } from '../validation/bounded.ts';
import { list } from './primitives.ts';

function vmSizeName() {
  return text(80).regex(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, 'It must be the name of a VM size, such as Standard_D2ads_v5.');
}

const sku = z.strictObject({
  name: vmSizeName().describe('VM size, such as Standard_D2ads_v5; `Mix` where there are several, in vmSizes.'),
  vmSizes: list(z.strictObject({ name: vmSizeName().describe('VM size, such as Standard_D2ads_v5.') }), 5)
    .exactOptional()
    .describe('VM sizes in order of preference, each of another series, where name is `Mix`.'),
  windowsNvmeDrive: text(10)
    .exactOptional()
    .meta({ description: 'Drive letter of the temporary NVMe disks, on Windows.', default: 'N' }),
  linuxNvmePath: text(260)
    .exactOptional()
    .meta({ description: 'Path of the temporary NVMe disks, on Linux.', default: '/mnt/azure_nvme_temp' }),
});

const image = z.strictObject({
  resourceId: text(2_048)
    .regex(/^\//, "It must be an image's resource id, which begins with '/'.")
    .exactOptional()
    .describe(
      'A marketplace image (`/subscriptions/…/Publishers/…/Versions/…` or `/publisher/offer/sku/version`) or an image of a gallery.',
    ),
  wellKnownImageName: text(200)
    .regex(/^[^/\s]+(?:\/[^/\s]+)?$/, "It must be a name, or a name and a version, such as 'ubuntu-24.04-g2/latest'.")
    .exactOptional()
    .describe("A name of the installation's catalogue, with `/version` or `/latest` where wanted."),
  aliases: z
    .array(
      text(128).regex(
        /^(?!\s)[^\p{Cc}"']*[^\p{Cc}"'\s]$/u,
        'It must have no quotes or control characters, and no space at its ends: a demand could not name it.',
      ),
    )
    .max(20, 'It must have at most 20 items.')
    .exactOptional()
    .describe('Values of the demand `ImageOverride` that mean this image.'),
  buffer: z
    .string()
    .regex(/^(?:\*|0|[1-9]\d?|100)$/, "It must be '*' or a whole number from '0' to '100', as a string.")
    .exactOptional()
    .meta({ description: 'Share of the standby agents: per cent, or `*` for an equal split.', default: '*' }),
  ephemeralType: z
    .enum(['Automatic', 'CacheDisk', 'ResourceDisk'])
    .exactOptional()
    .describe('Where an ephemeral OS disk is placed.'),
  provisioningScriptStorageAccountResourceId: text(2_048)
    .exactOptional()
    .describe('ARM id of the storage account that has the provisioning script.'),
  provisioningScriptManagedIdentityClientId: text(100)
    .exactOptional()
    .describe('Client id of the identity that reads the provisioning script.'),
  provisioningScriptShouldRestart: z
    .boolean()
    .exactOptional()
    .meta({ description: 'The machine restarts after the provisioning script.', default: false }),
  provisioningScriptEntryPoint: text(260)
    .exactOptional()
    .meta({ description: 'Container of the provisioning script.', default: 'provisioningscript' }),
  isEphemeral: z.boolean().exactOptional().meta({ description: 'The OS disk is ephemeral.', readOnly: true }),
});

const osProfile = z.strictObject({
  logonType: z
    .enum(['Service', 'Interactive'])
    .exactOptional()
    .meta({ description: 'How the agent runs: as a service, or in a session with a desktop.', default: 'Service' }),
  secretsManagementSettings: z
    .strictObject({
      observedCertificates: list(
        text(2_048).refine((uri) => URL.canParse(uri) && new URL(uri).protocol === 'https:', {
          error: 'It must be the https URI of a Key Vault secret: https://….vault.azure.net/secrets/<certificate>.',
        }),
        100,
      ).describe('Secret URIs of the certificates.'),
      keyExportable: z.boolean().describe('Private keys may be exported.'),
      certificateStoreLocation: text(260).exactOptional().describe('Where certificates are put.'),
      certificateStoreName: z
        .enum(['My', 'Root'])
        .exactOptional()
        .meta({ description: 'Certificate store, on Windows.', default: 'My' }),
    })
    .exactOptional()
    .describe('Certificates that Key Vault brings to the machines.'),
});

const dataDisk = z.strictObject({
  diskSizeGiB: int(1, 32_767).exactOptional().describe('Size in GiB.'),
  caching: z
    .enum(['None', 'ReadOnly', 'ReadWrite'])
    .exactOptional()
    .meta({ description: 'Caching of the host.', default: 'ReadOnly' }),
  storageAccountType: z
    .enum(['Standard_LRS', 'Premium_LRS', 'StandardSSD_LRS', 'Premium_ZRS', 'StandardSSD_ZRS'])
    .exactOptional()
    .meta({ description: 'Kind of disk.', default: 'Standard_LRS' }),
  driveLetter: z
    .string()
    .regex(/^[BF-Zbf-z]$/, 'It must be one letter, but not A, C, D or E.')
    .exactOptional()
    .describe('Drive letter, on Windows.'),
});

const storageProfile = z.strictObject({
  osDiskStorageAccountType: z
    .enum(['Standard', 'StandardSSD', 'Premium'])
    .exactOptional()
    .meta({ description: 'Kind of the OS disk.', default: 'Standard' }),
  dataDisks: z
    .array(dataDisk)
    .max(1, 'It must have at most one item: a pool has one configuration of data disks.')
    .exactOptional()
    .describe('An empty disk for every agent.'),
});

const networkProfile = z.strictObject({
  subnetId: text(2_048)
    .regex(
      subnetIdPattern,
      'It must be the ARM id of a subnet: /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/….',
    )
    .exactOptional()
    .describe("Subnet of the machines; the installation's own where absent."),
  staticIpAddressCount: int(0, 4).exactOptional().describe('Static public addresses.'),
  ipAddresses: z.array(text(64)).exactOptional().meta({ description: 'The static addresses.', readOnly: true }),
});

export const fabricProfile = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('Vmss').describe('Virtual machines; the only kind there is.'),
    sku: sku.describe('What machine.'),
    images: list(image, 100).describe('The images; the first serves jobs that name none.'),
    osProfile: osProfile.exactOptional().describe('Operating system.'),
    storageProfile: storageProfile.exactOptional().describe('Disks.'),
    networkProfile: networkProfile.exactOptional().describe('Network.'),
  }),
]);

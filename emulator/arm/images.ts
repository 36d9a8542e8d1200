/** Marketplace images of the cloud: publisher, offer, SKU, versions (oldest first). Names as in the real marketplace. */
export interface PlatformImage {
  publisher: string;
  offer: string;
  sku: string;
  operatingSystem: 'Linux' | 'Windows';
  generation: 'V1' | 'V2';
  architecture: 'x64' | 'Arm64';
  diskSizeGb: number;
  versions: readonly string[];
}

/** Versions are made up in the publishers' own schemes: clients must not depend on one. */
const canonical = ['24.04.202608120', '24.04.202609150', '24.04.202610230'];
const jammy = ['22.04.202607140', '22.04.202609020', '22.04.202610180'];
const debian = ['0.20260814.2184', '0.20261006.2262'];
const windows2022 = ['20348.4171.260911', '20348.4297.261009'];
const windows2025 = ['26100.6584.260911', '26100.6899.261009'];

function image(
  publisher: string,
  offer: string,
  sku: string,
  versions: readonly string[],
  other: Partial<PlatformImage> = {},
): PlatformImage {
  const windows = publisher === 'MicrosoftWindowsServer';
  return {
    publisher,
    offer,
    sku,
    operatingSystem: windows ? 'Windows' : 'Linux',
    generation: 'V2',
    architecture: 'x64',
    diskSizeGb: windows ? 127 : 30,
    versions,
    ...other,
  };
}

/** Every marketplace image. */
export const platformImages: readonly PlatformImage[] = [
  image('Canonical', 'ubuntu-24_04-lts', 'server', canonical),
  image('Canonical', 'ubuntu-24_04-lts', 'server-gen1', canonical, { generation: 'V1' }),
  image('Canonical', 'ubuntu-24_04-lts', 'minimal', canonical),
  image('Canonical', 'ubuntu-24_04-lts', 'server-arm64', canonical, { architecture: 'Arm64' }),
  image('Canonical', '0001-com-ubuntu-server-jammy', '22_04-lts-gen2', jammy),
  image('Canonical', '0001-com-ubuntu-server-jammy', '22_04-lts', jammy, { generation: 'V1' }),
  image('Canonical', '0001-com-ubuntu-server-jammy', '22_04-lts-arm64', jammy, { architecture: 'Arm64' }),
  image('Debian', 'debian-12', '12-gen2', debian),
  image('Debian', 'debian-12', '12', debian, { generation: 'V1' }),
  image('MicrosoftWindowsServer', 'WindowsServer', '2022-datacenter-g2', windows2022),
  image('MicrosoftWindowsServer', 'WindowsServer', '2022-datacenter', windows2022, { generation: 'V1' }),
  image('MicrosoftWindowsServer', 'WindowsServer', '2022-datacenter-azure-edition', windows2022),
  image('MicrosoftWindowsServer', 'WindowsServer', '2025-datacenter-g2', windows2025),
  image('MicrosoftWindowsServer', 'WindowsServer', '2025-datacenter', windows2025, { generation: 'V1' }),
  image('MicrosoftWindowsServer', 'WindowsServer', '2025-datacenter-azure-edition', windows2025),
];

const equal = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** The marketplace image of those names, without regard to case. */
export function findPlatformImage(publisher: string, offer: string, sku: string): PlatformImage | undefined {
  return platformImages.find(
    (known) => equal(known.publisher, publisher) && equal(known.offer, offer) && equal(known.sku, sku),
  );
}

/** The version that `version` names: itself, or the newest for `latest`. */
export function resolveVersion(found: PlatformImage, version: string): string | undefined {
  return equal(version, 'latest') ? found.versions.at(-1) : found.versions.find((known) => known === version);
}

import type { ImageReference } from './pool-specification.ts';

/** What a name of the catalogue stands for. */
export interface CatalogueImage {
  operatingSystem: 'Linux' | 'Windows';
  reference: ImageReference;
}

/**
 * The names that Managed DevOps Pools predefines, as the nearest images that anybody can create a machine from. They
 * are plain operating systems: the tools of Microsoft-hosted agents are not published on the marketplace. An operator
 * who has built such images names them in the installation, under the same names where wanted.
 *
 * Publishers, offers and SKUs: `az vm image list --all`; Canonical's SKU `server` is generation 2, `server-gen1` is 1.
 */
export const builtInImages: Readonly<Record<string, CatalogueImage>> = {
  'ubuntu-24.04-g2': linux('Canonical', 'ubuntu-24_04-lts', 'server'),
  'ubuntu-24.04': linux('Canonical', 'ubuntu-24_04-lts', 'server-gen1'),
  'ubuntu-22.04-g2': linux('Canonical', '0001-com-ubuntu-server-jammy', '22_04-lts-gen2'),
  'ubuntu-22.04': linux('Canonical', '0001-com-ubuntu-server-jammy', '22_04-lts'),
  'debian-12': linux('Debian', 'debian-12', '12-gen2'),
  'windows-2025-g2': windows('2025-datacenter-g2'),
  'windows-2025-simple-g2': windows('2025-datacenter-g2'),
  'windows-2025': windows('2025-datacenter'),
  'windows-2022-g2': windows('2022-datacenter-g2'),
  'windows-2022': windows('2022-datacenter'),
};

function linux(publisher: string, offer: string, sku: string): CatalogueImage {
  return {
    operatingSystem: 'Linux',
    reference: { kind: 'marketplace', publisher, offer, sku, version: 'latest' },
  };
}

function windows(sku: string): CatalogueImage {
  return {
    operatingSystem: 'Windows',
    reference: {
      kind: 'marketplace',
      publisher: 'MicrosoftWindowsServer',
      offer: 'WindowsServer',
      sku,
      version: 'latest',
    },
  };
}

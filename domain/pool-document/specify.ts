import { imageCatalogue, type Installation } from '../installation.ts';
import { organizationName } from '../names.ts';
import type { MachineSpecification, PoolSpecification } from '../pool-specification.ts';
import type { Violation } from '../violation.ts';
import { propertyPath } from '../validation/path.ts';
import { dataDiskOf, dataDiskViolations } from './data-disk.ts';
import { resolveImages } from './images.ts';
import { canonicalRegion, placementOf } from './placement.ts';
import { proxyOf, proxyViolations } from './proxy.ts';
import { isConstant, notSupportedViolations } from './not-supported.ts';
import { timeSpanMs } from './primitives.ts';
import type { PoolDocument } from './schema.ts';
import { lifeViolations, statefulOf } from './stateful.ts';

/** What `specify` needs of an installation. */
export type SpecifyInstallation = Pick<Installation, 'azure' | 'azureDevOps' | 'images' | 'proxyCredentials'>;

/** The product copies at most this many tags to a machine and drops the rest without a word; here more are refused. */
const maximumMachineTags = 20;

/** The names of the tags that prove ownership begin so. */
const ownTagPrefix = 'odp-';

/** ARM's short names of the kinds of OS disk. */
const osDisks = { Standard: 'Standard_LRS', StandardSSD: 'StandardSSD_LRS', Premium: 'Premium_LRS' } as const;

/**
 * What a document means in this installation: images found, defaults filled in, names chosen. Answers every violation
 * at once: what the installation does not have, and what this version cannot do.
 */
export function specify(
  document: PoolDocument,
  installation: SpecifyInstallation,
): { specification: PoolSpecification } | { violations: Violation[] } {
  const { fabricProfile, organizationProfile, agentProfile, maximumConcurrency } = document.properties;
  const { images, violations } = resolveImages(fabricProfile.images, imageCatalogue(installation));
  const hasDefaultSubnet = installation.azure.subnetId !== undefined;
  violations.push(
    ...notSupportedViolations({ document, images, hasDefaultSubnet }),
    ...tagViolations(document),
    ...dataDiskViolations(document, images),
    ...workFolderViolations(document),
    ...lifeViolations(document),
    ...insecureOrganizations(document, installation),
    ...proxyViolations(document, installation),
  );
  const [organization] = organizationProfile.kind === 'AzureDevOps' ? organizationProfile.organizations : [];
  const subnetId = fabricProfile.networkProfile?.subnetId ?? installation.azure.subnetId;
  if (violations.length > 0 || organization === undefined || subnetId === undefined) return { violations };

  const stateful = statefulOf(document);
  const url = organization.url.replace(/\/{1,100}$/, '');
  const specification: PoolSpecification = {
    name: document.name,
    organization: {
      url,
      name: organizationName(url),
      projects: [...(organization.projects ?? [])],
      openAccess: organization.openAccess ?? false,
      agentPoolName:
        organization.alias ?? ('alias' in organizationProfile ? organizationProfile.alias : undefined) ?? document.name,
    },
    maximumConcurrency,
    standby: { count: standbyCount(agentProfile), counts: 'total' },
    images: images.filter((image) => image !== undefined),
    ...retainedFailures(document),
    machine: { ...machineOf(document, installation, subnetId), ...dataDiskOf(document) },
    ...placementOf(document),
    ...(document.properties.operatorProfile?.retryLostJobs ? { retryLostJobs: true as const } : {}),
    ...(stateful === undefined ? {} : { stateful }),
  };
  return { specification };
}

function machineOf(
  { location, tags, identity, properties: { fabricProfile, runtimeConfiguration, operatorProfile } }: PoolDocument,
  { azure }: SpecifyInstallation,
  subnetId: string,
): MachineSpecification {
  const identities = Object.keys(identity?.userAssignedIdentities ?? {});
  return {
    subscriptionId: azure.subscriptionId,
    resourceGroup: azure.resourceGroup,
    location: canonicalRegion(location),
    vmSize: fabricProfile.sku.vmSizes?.[0]?.name ?? fabricProfile.sku.name,
    osDiskStorageAccountType: osDisks[fabricProfile.storageProfile?.osDiskStorageAccountType ?? 'Standard'],
    subnetId,
    tags: { ...tags },
    workFolder: runtimeConfiguration?.workFolder ?? '_work',
    ...(identities.length === 0 ? {} : { userAssignedIdentities: identities }),
    ...proxyOf(operatorProfile?.proxy),
  };
}

/** The product counts busy agents towards the standby count too. Without a scheme there are no standby agents. */
function standbyCount({ resourcePredictions }: PoolDocument['properties']['agentProfile']): number {
  const days = resourcePredictions?.daysData ?? [];
  return isConstant(days) ? (days[0]?.['00:00:00'] ?? 0) : 0;
}

/** A day, where the document names no time. */
function retainedFailures({ properties }: PoolDocument): Pick<PoolSpecification, 'retainedFailures'> {
  const retained = properties.operatorProfile?.retainedFailures;
  if (!retained) return {};
  return {
    retainedFailures: { count: retained.count, timeSpanMs: timeSpanMs(retained.timeSpan ?? '1.00:00:00') ?? 0 },
  };
}

function tagViolations({ tags = {} }: PoolDocument): Violation[] {
  const names = Object.keys(tags);
  const message = `At most ${maximumMachineTags} tags can be copied to a machine; there are ${names.length}. Remove some.`;
  return [
    ...(names.length > maximumMachineTags ? [{ path: 'tags', rule: 'TooMany' as const, message }] : []),
    ...names
      .filter((name) => name.toLowerCase().startsWith(ownTagPrefix))
      .map((name): Violation => ({
        path: propertyPath(['tags', name]),
        rule: 'NotAllowedValue',
        message: `Names that begin with '${ownTagPrefix}' mark which installation owns a machine. Choose another name.`,
      })),
  ];
}

/** Every machine runs Linux, where a Windows path fails only when the first job starts. */
function workFolderViolations({ properties: { runtimeConfiguration } }: PoolDocument): Violation[] {
  const workFolder = runtimeConfiguration?.workFolder;
  if (workFolder === undefined || !/^[a-z]:|\\/i.test(workFolder)) return [];
  return [
    {
      path: 'properties.runtimeConfiguration.workFolder',
      rule: 'PatternMismatch',
      message: 'It is a Windows path, and the images run Linux. Use a path such as /mnt/work or _work.',
      value: workFolder,
    },
  ];
}

/**
 * Over plain HTTP a credential would be readable on the way. It is used only where the operator lists the organisation
 * in the installation, or on this machine itself.
 */
function insecureOrganizations({ properties }: PoolDocument, { azureDevOps }: SpecifyInstallation): Violation[] {
  const listed = new Set(azureDevOps.organizations.map(({ url }) => url.toLowerCase().replace(/\/{1,100}$/, '')));
  return properties.organizationProfile.organizations.flatMap(({ url }, index): Violation[] => {
    const { protocol, hostname } = new URL(url);
    const local = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
    if (protocol === 'https:' || local || listed.has(url.toLowerCase().replace(/\/{1,100}$/, ''))) return [];
    return [
      {
        path: propertyPath(['properties', 'organizationProfile', 'organizations', index, 'url']),
        rule: 'NotAllowedValue',
        message: 'It must use https, unless the installation lists this organisation under azureDevOps.organizations.',
      },
    ];
  });
}

import type { Violation } from '../violation.ts';
import { arrayAt, propertyPath, valueAt, type PathStep } from '../validation/path.ts';

/**
 * Api-versions whose documents are read; each has the properties of the one before it, and more. The last is ours, the
 * others are the product's stable ones.
 */
export const knownApiVersions = ['2024-10-19', '2025-01-21', '2025-09-20', '2026-06-02', '2026-12-01-odp'] as const;

/** Properties that came after the first stable api-version; `*` stands for each item of a list. */
const added: readonly { path: readonly string[]; version: string }[] = [
  { path: organization('openAccess'), version: '2025-01-21' },
  { path: organization('alias'), version: '2025-09-20' },
  { path: ['properties', 'organizationProfile', 'alias'], version: '2025-09-20' },
  { path: fabric('images', '*', 'ephemeralType'), version: '2025-01-21' },
  { path: fabric('images', '*', 'isEphemeral'), version: '2025-09-20' },
  { path: fabric('osProfile', 'secretsManagementSettings', 'certificateStoreName'), version: '2025-01-21' },
  { path: fabric('networkProfile', 'staticIpAddressCount'), version: '2025-09-20' },
  { path: fabric('networkProfile', 'ipAddresses'), version: '2025-09-20' },
  { path: ['properties', 'runtimeConfiguration'], version: '2025-09-20' },
  ...['vmSizes', 'windowsNvmeDrive', 'linuxNvmePath'].map((name) => ({
    path: fabric('sku', name),
    version: '2026-06-02',
  })),
  ...['description', 'updateDescription'].map((name) => ({
    path: ['properties', 'organizationProfile', name],
    version: '2026-06-02',
  })),
  ...['StorageAccountResourceId', 'ManagedIdentityClientId', 'ShouldRestart', 'EntryPoint'].map((name) => ({
    path: fabric('images', '*', `provisioningScript${name}`),
    version: '2026-06-02',
  })),
  { path: ['properties', 'operatorProfile'], version: '2026-12-01-odp' },
];

/** Properties of an api-version that is not read, and names that the product's own documentation gets wrong. */
const explanations: Readonly<Record<string, string>> = {
  tier: 'It existed in api-version 2023-10-30-preview only. Remove it.',
  storageType: "There is no such property. Did you mean 'storageAccountType'?",
};

/** Says more about a property that no read api-version has. */
export function explainUnknown(_path: string, name: string): string | undefined {
  return Object.hasOwn(explanations, name) ? explanations[name] : undefined;
}

/** Refuses an api-version that is not read, and properties that are newer than the document's own api-version. */
export function versionViolations(document: unknown): Violation[] {
  const version = valueAt(document, 'apiVersion');
  if (typeof version !== 'string') return [];
  if (!(knownApiVersions as readonly string[]).includes(version)) {
    const message = `This api-version is not read. Known: ${knownApiVersions.join(', ')}.`;
    return [{ path: 'apiVersion', rule: 'UnknownApiVersion', message, value: version.slice(0, 50) }];
  }
  return added
    .filter((property) => property.version > version)
    .flatMap(({ path, version: since }) =>
      present(document, path).map((steps): Violation => ({
        path: propertyPath(steps),
        rule: 'UnknownProperty',
        message: `It was added in api-version ${since}; this document is written for ${version}. Change apiVersion.`,
      })),
    );
}

/** Every place where the pattern has a value. */
function present(document: unknown, pattern: readonly string[]): PathStep[][] {
  const star = pattern.indexOf('*');
  if (star < 0) return valueAt(document, ...pattern) === undefined ? [] : [[...pattern]];
  const before = pattern.slice(0, star);
  const after = pattern.slice(star + 1);
  return arrayAt(document, ...before)
    .map((_, index): PathStep[] => [...before, index, ...after])
    .filter((steps) => valueAt(document, ...steps) !== undefined);
}

function organization(name: string): string[] {
  return ['properties', 'organizationProfile', 'organizations', '*', name];
}

function fabric(...steps: string[]): string[] {
  return ['properties', 'fabricProfile', ...steps];
}

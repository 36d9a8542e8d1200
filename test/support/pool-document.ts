/** A small pool document that is right in every installation with a default subnet. */
export function validPoolDocument() {
  return {
    name: 'team-a',
    location: 'westeurope',
    tags: { 'cost-center': '42' } as Record<string, unknown>,
    properties: {
      maximumConcurrency: 10,
      organizationProfile: {
        kind: 'AzureDevOps',
        organizations: [{ url: 'https://dev.azure.com/contoso', projects: ['web', 'api'] }],
      },
      agentProfile: {
        kind: 'Stateless',
        resourcePredictionsProfile: { kind: 'Manual' },
        resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': 2 }] },
      },
      fabricProfile: {
        kind: 'Vmss',
        sku: { name: 'Standard_D2ads_v5' },
        images: [
          { wellKnownImageName: 'ubuntu-24.04-g2', aliases: ['ubuntu'], buffer: '60' },
          { resourceId: '/Debian/debian-12/12-gen2/latest', aliases: ['debian'], buffer: '40' },
        ],
        osProfile: { logonType: 'Service' },
        storageProfile: { osDiskStorageAccountType: 'Premium' },
      },
      runtimeConfiguration: { workFolder: '/mnt/work' },
    },
  };
}

/** Steps into a document. */
export type Steps = readonly (string | number)[];

/** A copy of the document with one value set, or removed where the value is `undefined`. */
export function withValue(document: unknown, steps: Steps, value: unknown): unknown {
  const copy = structuredClone(document);
  const parents = steps.slice(0, -1);
  const last = steps.at(-1);
  if (last === undefined) return value;
  let parent = copy as Record<string | number, unknown>;
  for (const step of parents) {
    parent[step] ??= {};
    parent = parent[step] as Record<string | number, unknown>;
  }
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

/** `properties.fabricProfile.images[1].buffer` as steps. */
export function steps(path: string): Steps {
  return path.split(/[.[]/).map((step) => (step.endsWith(']') ? Number(step.slice(0, -1)) : step));
}

import { z } from 'zod';
import type { EngineDocument } from './engine.ts';

/** What the embedded cloud says of itself on its first line. */
export type EmbeddedCloud = z.output<typeof readyLine>;

const readyLine = z.object({
  ready: z.literal(true),
  arm: z.url(),
  entra: z.url(),
  azureDevOps: z.url(),
  control: z.url(),
  caCertificateFile: z.string(),
  tenantId: z.string(),
  clientId: z.string(),
  clientSecretFile: z.string(),
  subscriptionId: z.string(),
  resourceGroup: z.string(),
  location: z.string(),
  subnetId: z.string(),
  organizationUrl: z.url(),
  project: z.string(),
  personalAccessTokenFile: z.string(),
  pipeline: z.string(),
  agentPackage: z.object({ url: z.url(), sha256: z.string() }).exactOptional(),
});

/** Reads the embedded cloud's first line. */
export function parseReadyLine(line: unknown): EmbeddedCloud {
  return readyLine.parse(line);
}

/** The installation document that binds worker and command line to the embedded stack. Secrets stay in their files. */
export function embeddedInstallationDocument(cloud: EmbeddedCloud, engine: EngineDocument): object {
  return {
    name: 'embedded',
    engine,
    azure: {
      subscriptionId: cloud.subscriptionId,
      resourceGroup: cloud.resourceGroup,
      subnetId: cloud.subnetId,
      resourceManagerEndpoint: cloud.arm,
      authorityHost: cloud.entra,
      caCertificateFile: cloud.caCertificateFile,
      // The embedded cloud makes a machine in seconds.
      operationPollMs: 500,
      credential: {
        kind: 'clientSecret',
        tenantId: cloud.tenantId,
        clientId: cloud.clientId,
        secret: { file: cloud.clientSecretFile },
      },
    },
    azureDevOps: {
      organizations: [
        {
          url: cloud.organizationUrl,
          credential: { kind: 'personalAccessToken', token: { file: cloud.personalAccessTokenFile } },
        },
      ],
    },
    images: {},
    ...(cloud.agentPackage && { agentPackage: { linux: cloud.agentPackage } }),
  };
}

const controlState = z.object({ machines: z.record(z.string(), z.number()) });

/** How many machines the embedded cloud has now. */
export async function countMachines({ control }: EmbeddedCloud): Promise<number> {
  const response = await fetch(`${control}/state`, { signal: AbortSignal.timeout(5_000) });
  const { machines } = controlState.parse(await response.json());
  return Object.values(machines).reduce((sum, count) => sum + count, 0);
}

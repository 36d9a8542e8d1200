import { z } from 'zod';
import { subnetIdPattern } from './arm-id.ts';
import { builtInImages, type CatalogueImage } from './image-catalogue.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { int, text } from './validation/bounded.ts';
import { plainData } from './validation/plain-data.ts';
import { violationsOfZod } from './validation/zod-violations.ts';
import type { Violation } from './violation.ts';

/**
 * The installation document: where machines are created, how to reach the engine, Azure and Azure DevOps, and where the
 * secrets are. It never holds a secret itself, and nothing here reads a file.
 */

/** The longest timer that a limit may ask for: thirty days is beyond every limit of the product. */
const longestMs = 30 * 24 * 3_600_000;

const line = text(2_048);

const httpUrl = line.refine(isHttpUrl, 'It must be an http or https URL without user, query or fragment.');

/** Where a secret is; never the secret itself. */
const secretReference = z.union([z.strictObject({ file: line }), z.strictObject({ environment: line })], {
  error: 'It must be { file: PATH } or { environment: NAME }: the place of the secret, never the secret itself.',
});

const subnetId = line.regex(
  subnetIdPattern,
  'It must be the ARM id of a subnet: /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/….',
);

const imageReference = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('marketplace'),
    publisher: line,
    offer: line,
    sku: line,
    version: line.default('latest'),
  }),
  z.strictObject({ kind: z.literal('gallery'), id: line }),
  z.strictObject({ kind: z.literal('sharedGallery'), id: line }),
  z.strictObject({ kind: z.literal('communityGallery'), id: line }),
]);

const engine = z.strictObject({
  address: line,
  namespace: line.default('default'),
  apiKey: secretReference.exactOptional(),
  tls: z
    .strictObject({
      serverName: line.exactOptional(),
      caFile: line.exactOptional(),
      certificateFile: line.exactOptional(),
      keyFile: line.exactOptional(),
    })
    .exactOptional(),
});

const azure = z.strictObject({
  subscriptionId: line.regex(/^[\w-]+$/, 'It must be the id of a subscription.'),
  resourceGroup: text(90).regex(
    /^[\w().-]*[\w()-]$/,
    'It must be the name of a resource group: letters, digits, and _ ( ) . - but no . at the end.',
  ),
  subnetId: subnetId.exactOptional(),
  resourceManagerEndpoint: httpUrl.exactOptional(),
  scope: line.exactOptional(),
  authorityHost: httpUrl.exactOptional(),
  caCertificateFile: line.exactOptional(),
  // Between two looks at a create or delete where Azure names no time; a cloud that is faster than Azure wants less.
  operationPollMs: z
    .int()
    .min(100, 'It must be at least 100.')
    .max(60_000, 'It must be at most 60,000.')
    .exactOptional(),
  credential: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('default') }),
    z.strictObject({ kind: z.literal('clientSecret'), tenantId: line, clientId: line, secret: secretReference }),
  ]),
});

const organization = z.strictObject({
  url: httpUrl,
  credential: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('entra') }),
    z.strictObject({ kind: z.literal('personalAccessToken'), token: secretReference }),
  ]),
});

/** Software of the agent at a place of the operator's own. Its hash is asked for, for nobody else vouches for it. */
const agentPackage = z.strictObject({
  url: httpUrl,
  sha256: line.regex(/^[0-9a-f]{64}$/, 'It must be a SHA-256: 64 hexadecimal digits in lower case.'),
});

const proxyCredential = z.strictObject({ userName: line, password: secretReference });

const schema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, {
    error: 'It must have 1 to 63 lower-case letters, digits and hyphens, and begin with a letter or digit.',
  }),
  engine,
  azure,
  azureDevOps: z.strictObject({ organizations: z.array(organization) }).default({ organizations: [] }),
  images: z
    .record(line, z.strictObject({ operatingSystem: z.enum(['Linux', 'Windows']), reference: imageReference }))
    .default({}),
  // Whether the worker keeps the schedule that audits the installation. Without it, `odp audit run` is the only way.
  audit: z.strictObject({ scheduled: z.boolean().default(true) }).default({ scheduled: true }),
  // For images that do not bring the agent; without it, Microsoft's own packages.
  agentPackage: z
    .strictObject({ linux: agentPackage.exactOptional(), windows: agentPackage.exactOptional() })
    .exactOptional(),
  // By the names that pools use for them.
  proxyCredentials: z.record(line, proxyCredential).exactOptional(),
  limits: limitsSchema().exactOptional(),
});

/** The installation document, with its defaults filled in. */
export type Installation = z.output<typeof schema>;

/** Where a secret is: a file whose whole content it is, or an environment variable of the worker. */
export type SecretReference = z.output<typeof secretReference>;

/** Reads an installation document, or answers everything that is wrong with it. */
export function parseInstallation(input: unknown): { installation: Installation } | { violations: Violation[] } {
  const { value, violations } = plainData(input);
  if (violations.length > 0) return { violations };
  const parsed = schema.safeParse(value);
  if (parsed.success) return { installation: parsed.data };
  // Somebody may have written a secret where its place belongs, anywhere; so no value of this document is repeated.
  return { violations: violationsOfZod(schema, parsed.error, value, { hideValue: () => true }) };
}

/** The limits of the workflows: the production values, overridden where the installation says so. */
export function installationLimits({ limits }: Pick<Installation, 'limits'>): Limits {
  return {
    agent: { ...defaultLimits.agent, ...limits?.agent },
    pool: { ...defaultLimits.pool, ...limits?.pool },
    observer: { ...defaultLimits.observer, ...limits?.observer },
    audit: { ...defaultLimits.audit, ...limits?.audit },
  };
}

/** Every image that a pool can name here: the built-in ones, with the installation's own laid over them. */
export function imageCatalogue({ images }: Pick<Installation, 'images'>): Record<string, CatalogueImage> {
  return { ...builtInImages, ...images };
}

/** The shape of `Limits`, every part optional: a limit that is added there can be set here without another line. */
function limitsSchema() {
  const share = z.number().min(0, 'It must be at least 0.').max(1, 'It must be at most 1.');
  const limit = (name: string): z.ZodExactOptional<z.ZodNumber> =>
    (name.endsWith('Share') ? share : int(1, name.endsWith('Ms') ? longestMs : 10_000)).exactOptional();
  const group = <T extends Record<string, number>>(defaults: T) =>
    z
      .strictObject(
        Object.fromEntries(Object.keys(defaults).map((name) => [name, limit(name)])) as {
          [name in keyof T]: ReturnType<typeof limit>;
        },
      )
      .exactOptional();
  return z.strictObject({
    agent: group({ ...defaultLimits.agent }),
    pool: group({ ...defaultLimits.pool }),
    observer: group({ ...defaultLimits.observer }),
    audit: group({ ...defaultLimits.audit }),
  });
}

function isHttpUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return /^https?:$/.test(protocol) && username === '' && password === '' && search === '' && hash === '';
}

import { createHash, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { placeholderName } from '../../domain/names.ts';
import type { ImageSpecification } from '../../domain/pool-specification.ts';
import { type AgentBody, deleteAgent, listAgents, putAgent } from './agents.ts';
import type { DevOpsConnection } from './connections.ts';
import { forEach } from './each.ts';
import { claimedAgentVersion } from './registrar.ts';
import { imageOverride } from './wire.ts';

/**
 * Offline registrations that carry the pool's images. Azure DevOps refuses a job when no registered agent satisfies its
 * demands, so one must stand there while no machine exists. One capability has one value, hence one placeholder per
 * alias. To confirm on a live tenant: that an offline, enabled registration suffices.
 */

/** Calls at the same time: placeholders are few, and the budget is shared with the observer. */
const concurrency = 4;

/** One registration that must exist. */
export interface Placeholder {
  name: string;
  alias: string;
  operatingSystem: ImageSpecification['operatingSystem'];
}

/** The placeholders that a pool needs: one per alias of each image. */
export function wantedPlaceholders(pool: string, images: readonly ImageSpecification[]): Placeholder[] {
  return images.flatMap(({ aliases, operatingSystem }) =>
    aliases.map((alias) => ({ name: placeholderName(pool, nameSafe(alias)), alias, operatingSystem })),
  );
}

/** Whether an agent's name is that of a placeholder of this pool. */
export function isPlaceholder(pool: string, agentName: string): boolean {
  return agentName.toLowerCase().startsWith(placeholderName(pool, '').toLowerCase());
}

/** Adds the placeholders that are missing or carry another value, and removes those of images that left. */
export async function preparePlaceholders(
  connection: DevOpsConnection,
  agentPoolId: number,
  pool: string,
  images: readonly ImageSpecification[],
): Promise<void> {
  const wanted = wantedPlaceholders(pool, images);
  const registered = (await listAgents(connection, agentPoolId, { includeCapabilities: true })).filter(({ name }) =>
    isPlaceholder(pool, name),
  );
  const byName = new Map(registered.map((agent) => [agent.name.toLowerCase(), agent]));
  const missing = wanted.filter(({ name, alias }) => {
    const agent = byName.get(name.toLowerCase());
    return agent?.userCapabilities?.[imageOverride] !== alias || agent.enabled === false;
  });
  await forEach(missing, concurrency, async (placeholder) =>
    putAgent(connection, agentPoolId, await placeholderBody(placeholder)),
  );
  // The new ones stand first: a job queued in between finds either the old or the new one.
  const names = new Set(wanted.map(({ name }) => name.toLowerCase()));
  const surplus = registered.filter(({ name }) => !names.has(name.toLowerCase()));
  await forEach(surplus, concurrency, ({ id }) => deleteAgent(connection, agentPoolId, id));
}

const makeKeyPair = promisify(generateKeyPair);

/** The private key is dropped here: nothing can ever connect in the placeholder's name. */
async function placeholderBody({ name, alias, operatingSystem }: Placeholder): Promise<AgentBody> {
  const { publicKey } = await makeKeyPair('rsa', { modulusLength: 2048 });
  const { e, n } = publicKey.export({ format: 'jwk' });
  return {
    name,
    version: claimedAgentVersion,
    osDescription: `Placeholder for the image ${alias}`,
    enabled: true,
    maxParallelism: 1,
    provisioningState: 'Provisioned',
    authorization: { publicKey: { exponent: base64(e), modulus: base64(n) } },
    // What the real agent tells of itself and tasks demand.
    systemCapabilities: {
      'Agent.Name': name,
      'Agent.Version': claimedAgentVersion,
      'Agent.OS': operatingSystem === 'Windows' ? 'Windows_NT' : 'Linux',
      'Agent.OSArchitecture': 'X64',
    },
    userCapabilities: { [imageOverride]: alias },
  };
}

/** JWK numbers are base64url; Azure DevOps takes base64. */
function base64(value: string | undefined): string {
  return Buffer.from(value ?? '', 'base64url').toString('base64');
}

/** An alias may hold a slash, an agent's name may not: it is replaced, and a digest keeps two such aliases apart. */
function nameSafe(alias: string): string {
  const safe = alias.replaceAll(/[^A-Za-z0-9._-]/g, '-');
  return safe === alias ? alias : `${safe}-${createHash('sha256').update(alias).digest('hex').slice(0, 8)}`;
}

import { tagNames } from '../../domain/names.ts';
import { OutsideError, ownFailure } from '../errors.ts';
import type { AzureClients } from './clients.ts';
import { carriesAll } from './tags.ts';

/**
 * What a machine is made of, with an api-version of each kind that can be read and deleted. Kinds that are not listed
 * are never deleted. In the order in which they go: a network interface holds an address, a machine holds both.
 */
const kinds: readonly { type: string; apiVersion: string }[] = [
  { type: 'Microsoft.Compute/virtualMachines', apiVersion: '2024-11-01' },
  { type: 'Microsoft.Network/networkInterfaces', apiVersion: '2024-05-01' },
  { type: 'Microsoft.Network/publicIPAddresses', apiVersion: '2024-05-01' },
  { type: 'Microsoft.Compute/disks', apiVersion: '2024-03-02' },
];

/** The list of resources lags; this many looks settle it. */
const looks = 3;

/** Longest wait for one leftover to go, before an operator hears of it; milliseconds. */
const goneWithinMs = 10 * 60_000;

interface Resource {
  id: string;
  type: string;
  tags?: Record<string, string>;
}

/**
 * Proves that nothing of an agent is left in the subscription: asks once by tag, deletes what still carries all of
 * `own`, and asks again. One call when all went well.
 *
 * @param own the tags that together prove ownership
 * @returns the ids of what had to be deleted
 * @throws ApplicationFailure `LeftoversRemain` when something cannot be removed
 */
export async function removeLeftovers(
  clients: AzureClients,
  subscriptionId: string,
  own: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string[]> {
  const removed: string[] = [];
  for (let look = 0; look < looks; look++) {
    const leftovers = await listLeftovers(clients, subscriptionId, own, signal);
    let acted = false;
    for (const { type, apiVersion } of kinds) {
      for (const { id } of leftovers.filter((resource) => sameText(resource.type, type))) {
        // The list may still show what is gone, so the resource itself is asked, also for its tags.
        const path = `${id}?api-version=${apiVersion}`;
        const { status, body } = await clients.call('resources.get', 'GET', subscriptionId, path, signal);
        if (status === 404 || !carriesAll((body as Resource).tags, own)) continue;
        await removeResource(clients, subscriptionId, path, signal);
        removed.push(id);
        acted = true;
      }
    }
    const unknown = leftovers.filter(({ type }) => !isKnown(type));
    if (unknown.length > 0) throw leftoversRemain(unknown.map(({ id }) => id));
    if (!acted) return removed;
  }
  throw leftoversRemain(removed);
}

async function listLeftovers(
  clients: AzureClients,
  subscriptionId: string,
  own: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Resource[]> {
  // The filter takes one tag; the agent's is the most telling one, and the others are compared here.
  const value = (own[tagNames.agent] ?? '').replaceAll("'", "''");
  const query = new URLSearchParams({
    'api-version': '2021-04-01',
    $filter: `tagName eq '${tagNames.agent}' and tagValue eq '${value}'`,
  });
  const all: Resource[] = [];
  let next: string | undefined = `/subscriptions/${subscriptionId}/resources?${query.toString()}`;
  while (next !== undefined) {
    const { status, body } = await clients.call('resources.list', 'GET', subscriptionId, next, signal);
    // A list that is not there proves nothing: the subscription may only be out of this identity's sight.
    if (status === 404) throw unreadable(subscriptionId, body);
    const page = body as { value?: Resource[]; nextLink?: string };
    all.push(...(page.value ?? []));
    next = page.nextLink;
  }
  return all.filter(({ tags }) => carriesAll(tags, own));
}

/** The api-version by which a kind of resource that agents have is read and deleted; undefined for any other kind. */
export function apiVersionOf(type: string): string | undefined {
  return kinds.find((kind) => sameText(kind.type, type))?.apiVersion;
}

/** The place of a kind in the order in which what an agent has must go. */
export function removalOrder(type: string): number {
  return kinds.findIndex((kind) => sameText(kind.type, type));
}

/**
 * Deletes and waits until the resource is not found: a delete that was only accepted proves nothing.
 *
 * @param path the resource's id with an api-version
 */
export async function removeResource(
  clients: AzureClients,
  subscriptionId: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  await clients.pace('deletes', subscriptionId, signal);
  await clients.call('resources.delete', 'DELETE', subscriptionId, path, signal);
  const deadline = clients.clock.now() + goneWithinMs;
  for (;;) {
    const { status } = await clients.call('resources.get', 'GET', subscriptionId, path, signal);
    if (status === 404) return;
    if (clients.clock.now() > deadline) throw leftoversRemain([path.slice(0, path.indexOf('?'))]);
    await clients.clock.sleep(clients.pollIntervalMs, signal);
  }
}

/** Children, such as extensions, go with their parents. */
function isKnown(type: string): boolean {
  return kinds.some(
    (kind) => sameText(kind.type, type) || type.toLowerCase().startsWith(`${kind.type.toLowerCase()}/`),
  );
}

function sameText(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function unreadable(subscriptionId: string, body: unknown): OutsideError {
  const { code } = (body as { error?: { code?: string } } | undefined)?.error ?? {};
  const message = `The list of resources of the subscription ${subscriptionId} could not be read.`;
  const codes = code === undefined ? [] : [code];
  return new OutsideError({ service: 'Azure', call: 'resources.list', status: 404, codes, message });
}

function leftoversRemain(ids: string[]) {
  const message = `These resources carry the tags of an agent that has gone, and could not be removed: ${ids.join(', ')}.`;
  return ownFailure('LeftoversRemain', message, 'resources.delete');
}

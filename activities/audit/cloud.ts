import type { AskedMachine, ListedResource } from '../../domain/audit/listing.ts';
import { tagNames } from '../../domain/names.ts';
import type { AzureClients } from '../azure/clients.ts';
import { apiVersionOf } from '../azure/leftovers.ts';
import { carriesAll } from '../azure/tags.ts';
import { OutsideError } from '../errors.ts';

/** The version in which the list of a subscription's resources has their creation times. */
const listApiVersion = '2021-04-01';

/** A resource as the generic list shows it. */
interface WireResource {
  id: string;
  type: string;
  name: string;
  tags?: Record<string, string>;
  /** ISO 8601; only when it is asked for. */
  createdTime?: string;
}

/**
 * Everything in a subscription that carries this installation's tag, page by page. A page that fails fails the whole.
 *
 * @throws OutsideError
 */
export async function listTagged(
  azure: AzureClients,
  subscriptionId: string,
  installation: string,
  signal: AbortSignal,
): Promise<ListedResource[]> {
  const query = new URLSearchParams({
    'api-version': listApiVersion,
    $filter: `tagName eq '${tagNames.installation}' and tagValue eq '${installation}'`,
    $expand: 'createdTime',
  });
  const all: ListedResource[] = [];
  let next: string | undefined = `/subscriptions/${subscriptionId}/resources?${query.toString()}`;
  while (next !== undefined) {
    const { status, body } = await azure.call('resources.list', 'GET', subscriptionId, next, signal);
    const page = body as { value?: WireResource[]; nextLink?: string } | undefined;
    if (status === 404 || !Array.isArray(page?.value)) throw unreadable(subscriptionId);
    all.push(...page.value.map(listedResource));
    next = page.nextLink;
  }
  return all;
}

function listedResource({ id, type, name, tags, createdTime }: WireResource): ListedResource {
  // A filter by tag may leave the tags out, says the reference; without them nothing can be told from a stranger's.
  if (!tags) throw withoutTags(id);
  const createdAt = createdTime === undefined ? Number.NaN : Date.parse(createdTime);
  return { id, type, name, tags, ...(Number.isNaN(createdAt) ? {} : { createdAt }) };
}

/** A resource itself, whatever the lists say; undefined when there is none. */
export async function readResource(
  azure: AzureClients,
  id: string,
  signal: AbortSignal,
): Promise<(Record<string, unknown> & { tags?: Record<string, string> }) | undefined> {
  const apiVersion = apiVersionOf(typeOf(id));
  if (apiVersion === undefined) throw new Error(`invariant: ${id} is of a kind that agents do not have`);
  const path = `${id}?api-version=${apiVersion}`;
  const { status, body } = await azure.call('resources.get', 'GET', subscriptionOf(id), path, signal);
  return status === 404 ? undefined : (body as Record<string, unknown>);
}

/** Asks for the machine of an open agent under the id that its workflow has. */
export async function askForMachine(
  azure: AzureClients,
  { resourceId, own }: { resourceId: string; own: Record<string, string> },
  signal: AbortSignal,
): Promise<AskedMachine> {
  const machine = await readResource(azure, resourceId, signal);
  if (!machine) return { resourceId, found: 'gone' };
  return { resourceId, found: carriesAll(machine.tags, own) ? 'there' : 'altered' };
}

/** Adds tags to those that a resource has; whatever else it has stays. */
export async function mergeTags(
  azure: AzureClients,
  id: string,
  tags: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const subscriptionId = subscriptionOf(id);
  await azure.pace('writes', subscriptionId, signal);
  const path = `${id}/providers/Microsoft.Resources/tags/default?api-version=${listApiVersion}`;
  const body = { operation: 'Merge', properties: { tags } };
  await azure.call('tags.updateAtScope', 'PATCH', subscriptionId, path, signal, body);
}

/** The subscription in an ARM id. */
export function subscriptionOf(id: string): string {
  return id.split('/')[2] ?? '';
}

/** The type in the id of a resource that is nobody's child, such as `Microsoft.Compute/disks`. */
function typeOf(id: string): string {
  return id.split('/').slice(6, 8).join('/');
}

function unreadable(subscriptionId: string): OutsideError {
  const message = `The list of resources of the subscription ${subscriptionId} could not be read.`;
  return new OutsideError({ service: 'Azure', codes: ['OperationFailed'], message });
}

function withoutTags(id: string): OutsideError {
  const message = `The list of resources shows ${id} without its tags, so nothing in it proves whose it is.`;
  return new OutsideError({ service: 'Azure', codes: ['OperationFailed'], message });
}

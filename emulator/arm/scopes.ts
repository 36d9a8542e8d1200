import { tagsOf } from './body.ts';
import { ArmError, resourceGroupNotFound } from './errors.ts';
import { page } from './body.ts';
import type { Answer, Call, Gateway } from './gateway.ts';
import { begin } from './long-running.ts';
import { groupOf, listed } from './machines/routes.ts';
import type { MachineParts } from './machines/routes.ts';
import { locationOf } from './machines/validate.ts';
import type { ResourceGroupRecord, ResourceRecord } from './records.ts';
import { locations } from './skus.ts';

/** Resource providers and their types that the cloud has. */
const providers: Record<string, string[]> = {
  'Microsoft.Compute': [
    'virtualMachines',
    'disks',
    'galleries',
    'galleries/images',
    'galleries/images/versions',
    'locations/usages',
    'skus',
  ],
  'Microsoft.Network': ['virtualNetworks', 'networkInterfaces', 'publicIPAddresses'],
  'Microsoft.Resources': ['resourceGroups', 'subscriptions'],
};
const pageSize = 1000;
/** How many calls long the deletion of a resource group is, beside that of its machines. */
const groupDeletionCalls = 200;

/** Adds tenants, subscriptions, providers, resource groups, and the list of all resources. */
export function addScopeRoutes(gateway: Gateway, parts: MachineParts): void {
  const { state, operations } = parts;
  const { subscriptionId, tenantId } = state.identity;
  const subscription = {
    id: `/subscriptions/${subscriptionId}`,
    subscriptionId,
    tenantId,
    displayName: 'Embedded cloud',
    state: 'Enabled',
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
    authorizationSource: 'RoleBased',
    managedByTenants: [],
  };
  gateway.add({
    method: 'GET',
    path: '/tenants',
    operation: 'Tenants_List',
    handler: () => ({
      status: 200,
      body: {
        value: [
          {
            id: `/tenants/${tenantId}`,
            tenantId,
            displayName: 'Embedded cloud',
            tenantCategory: 'Home',
            countryCode: 'NL',
            domains: [],
          },
        ],
      },
    }),
  });
  gateway.add({
    method: 'GET',
    path: '/subscriptions',
    operation: 'Subscriptions_List',
    handler: () => ({ status: 200, body: { value: [subscription], count: { type: 'Total', value: 1 } } }),
  });
  gateway.add({
    method: 'GET',
    path: '/subscriptions/:subscription',
    operation: 'Subscriptions_Get',
    handler: () => ({ status: 200, body: subscription }),
  });
  gateway.add({
    method: 'GET',
    path: '/subscriptions/:subscription/locations',
    operation: 'Subscriptions_ListLocations',
    handler: () => ({
      status: 200,
      body: {
        value: locations.map(({ name, displayName }) => ({
          id: `/subscriptions/${subscriptionId}/locations/${name}`,
          name,
          type: 'Region',
          displayName,
          regionalDisplayName: displayName,
          metadata: { regionType: 'Physical', regionCategory: 'Recommended' },
          availabilityZoneMappings: ['1', '2', '3'].map((zone) => ({
            logicalZone: zone,
            physicalZone: `${name}-az${zone}`,
          })),
        })),
      },
    }),
  });

  const provider = (namespace: string): unknown => ({
    id: `/subscriptions/${subscriptionId}/providers/${namespace}`,
    namespace,
    registrationPolicy: 'RegistrationRequired',
    registrationState: 'Registered',
    resourceTypes: (providers[namespace] ?? []).map((resourceType) => ({
      resourceType,
      locations: locations.map((location) => location.displayName),
      apiVersions: ['2026-04-01', '2025-11-01', '2025-04-01', '2024-11-01', '2024-07-01'],
      defaultApiVersion: '2025-04-01',
      zoneMappings: locations.map((location) => ({ location: location.displayName, zones: ['1', '2', '3'] })),
      capabilities: 'SupportsTags, SupportsLocation',
    })),
  });
  const providerOf = (call: Call): Answer => {
    const namespace = Object.keys(providers).find(
      (known) => known.toLowerCase() === call.param('provider').toLowerCase(),
    );
    if (namespace === undefined) {
      throw new ArmError(404, {
        code: 'InvalidResourceNamespace',
        message: `The resource namespace '${call.param('provider')}' is invalid.`,
      });
    }
    return { status: 200, body: provider(namespace) };
  };
  gateway.add({
    method: 'GET',
    path: '/subscriptions/:subscription/providers',
    operation: 'Providers_List',
    handler: () => ({ status: 200, body: { value: Object.keys(providers).map(provider) } }),
  });
  gateway.add({
    method: 'GET',
    path: '/subscriptions/:subscription/providers/:provider',
    operation: 'Providers_Get',
    handler: providerOf,
  });
  gateway.add({
    method: 'POST',
    path: '/subscriptions/:subscription/providers/:provider/register',
    operation: 'Providers_Register',
    handler: providerOf,
  });

  const groups = '/subscriptions/:subscription/resourcegroups';
  const groupView = ({ id, name, location, tags, provisioningState }: Readonly<ResourceGroupRecord>): unknown => ({
    id,
    name,
    type: 'Microsoft.Resources/resourceGroups',
    location,
    tags,
    properties: { provisioningState },
  });
  gateway.add({
    method: 'GET',
    path: groups,
    operation: 'ResourceGroups_List',
    handler: () => ({ status: 200, body: { value: [...state.groups.values()].map(groupView) } }),
  });
  gateway.add({
    method: 'GET',
    path: `${groups}/:group`,
    operation: 'ResourceGroups_Get',
    handler(call) {
      if (call.method !== 'HEAD') return { status: 200, body: groupView(groupOf(state, call)) };
      return {
        status: state.groups.get(`/subscriptions/${call.subscriptionId}/resourceGroups/${call.param('group')}`)
          ? 204
          : 404,
      };
    },
  });
  gateway.add({
    method: 'PUT',
    path: `${groups}/:group`,
    operation: 'ResourceGroups_CreateOrUpdate',
    handler(call) {
      const name = call.param('group');
      if (!/^[-\w._()]{1,90}(?<!\.)$/u.test(name)) {
        throw new ArmError(400, {
          code: 'InvalidResourceGroup',
          message: `The provided resource group name '${name}' has these invalid characters or ends with a period.`,
        });
      }
      const id = `/subscriptions/${call.subscriptionId}/resourceGroups/${name}`;
      const known = state.groups.get(id);
      const location = locationOf(call.body, 'Microsoft.Resources/resourceGroups');
      if (known !== undefined && known.location !== location) {
        throw new ArmError(409, {
          code: 'InvalidResourceGroupLocation',
          message: `Invalid resource group location '${location}'. The Resource group already exists in location '${known.location}'.`,
        });
      }
      const record: ResourceGroupRecord = {
        ...(known ?? { id, name, subscriptionId: call.subscriptionId, provisioningState: 'Succeeded' as const }),
        location,
        tags: tagsOf(call.body),
      };
      state.groups.put(record);
      return { status: known === undefined ? 201 : 200, body: groupView(record) };
    },
  });
  gateway.add({
    method: 'PATCH',
    path: `${groups}/:group`,
    operation: 'ResourceGroups_Update',
    handler(call) {
      const known = groupOf(state, call);
      const record = { ...known, tags: 'tags' in call.body ? tagsOf(call.body) : known.tags };
      state.groups.put(record);
      return { status: 200, body: groupView(record) };
    },
  });
  gateway.add({
    method: 'DELETE',
    path: `${groups}/:group`,
    operation: 'ResourceGroups_Delete',
    handler(call) {
      const known = state.groups.get(`/subscriptions/${call.subscriptionId}/resourceGroups/${call.param('group')}`);
      if (known === undefined) throw resourceGroupNotFound(call.param('group'));
      state.groups.put({ ...known, provisioningState: 'Deleting' });
      const duration = state.context.latencies.sample('armCall') * groupDeletionCalls;
      const headers = begin(
        state,
        operations,
        call,
        known,
        'Microsoft.Resources',
        { kind: 'deleteResourceGroup' },
        duration,
      );
      const { 'azure-asyncoperation': _, ...location } = headers;
      return { status: 202, headers: location };
    },
  });

  function list(call: Call, scope: (record: Readonly<ResourceRecord>) => boolean): Answer {
    const select = parseFilter(call.url.searchParams.get('$filter'));
    const expanded = parseExpand(call.url.searchParams.get('$expand'));
    const all = [...listed(state, call, state.machines), ...listed(state, call, state.resources)]
      .filter((record) => scope(record) && select(record))
      .sort((a, b) => a.position - b.position);
    const size = Math.min(Number(call.url.searchParams.get('$top') ?? pageSize) || pageSize, pageSize);
    const { items, nextLink } = page(all, call.url, call.origin, size);
    const value = items.map(({ id, name, type, location, tags, zones, sku, managedBy, createdAt }) => ({
      id,
      name,
      type,
      location,
      tags,
      ...(zones === undefined ? {} : { zones }),
      ...(sku === undefined ? {} : { sku }),
      ...(managedBy === undefined ? {} : { managedBy }),
      ...(expanded.createdTime ? { createdTime: new Date(createdAt).toISOString() } : {}),
    }));
    return { status: 200, body: { value, ...(nextLink === undefined ? {} : { nextLink }) } };
  }
  gateway.add({
    method: 'GET',
    path: '/subscriptions/:subscription/resources',
    operation: 'Resources_List',
    handler: (call) => list(call, () => true),
  });
  gateway.add({
    method: 'GET',
    path: `${groups}/:group/resources`,
    operation: 'Resources_ListByResourceGroup',
    handler(call) {
      const name = groupOf(state, call).name.toLowerCase();
      return list(call, (record) => record.resourceGroup.toLowerCase() === name);
    },
  });
}

/** Source: `Resources - List`, `$expand`: createdTime, changedTime and provisioningState, joined by commas. */
function parseExpand(expand: string | null): { createdTime: boolean } {
  const names = (expand ?? '').split(',').filter((name) => name !== '');
  for (const name of names) {
    if (name.toLowerCase() === 'createdtime') continue;
    throw new ArmError(501, {
      code: 'NotEmulated',
      message: `The embedded cloud expands createdTime in a list of resources, not '${name}'.`,
    });
  }
  return { createdTime: names.length > 0 };
}

/** `tagName eq 'a' and tagValue eq 'b'`, `resourceType eq`, `resourceGroup eq`, `location eq`, `name eq`. */
function parseFilter(filter: string | null): (record: Readonly<ResourceRecord>) => boolean {
  if (filter === null || filter.trim() === '') return () => true;
  const wanted = new Map<string, string>();
  for (const term of filter.split(/\s+and\s+/i)) {
    const [, name, value] = /^\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*$/.exec(term) ?? [];
    if (name === undefined || value === undefined) {
      throw new ArmError(400, {
        code: 'InvalidFilterInQueryString',
        message: `Invalid $filter '${filter}' specified in the query string: only terms of the form name eq 'value' joined by and are emulated.`,
      });
    }
    wanted.set(name.toLowerCase(), value.replaceAll("''", "'"));
  }
  const known = new Set(['tagname', 'tagvalue', 'resourcetype', 'resourcegroup', 'location', 'name']);
  for (const name of wanted.keys()) {
    if (!known.has(name)) {
      throw new ArmError(400, {
        code: 'InvalidFilterInQueryString',
        message: `Invalid $filter '${filter}': '${name}' is not one of ${[...known].join(', ')}.`,
      });
    }
  }
  const equal = (name: string, value: string): boolean => {
    const expected = wanted.get(name);
    return expected === undefined || expected.toLowerCase() === value.toLowerCase();
  };
  const [tagName, tagValue] = [wanted.get('tagname')?.toLowerCase(), wanted.get('tagvalue')];
  return (record) =>
    equal('resourcetype', record.type) &&
    equal('resourcegroup', record.resourceGroup) &&
    equal('location', record.location) &&
    equal('name', record.name) &&
    (tagName === undefined ||
      Object.entries(record.tags).some(
        // Names of tags are compared without regard to case, values with. Source: "Use tags to organize your resources".
        ([name, value]) => name.toLowerCase() === tagName && (tagValue === undefined || value === tagValue),
      ));
}

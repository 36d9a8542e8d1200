import { listAt, missing, numberAt, objectAt, page, tagsOf, textAt, zonesOf } from './body.ts';
import type { Json } from './body.ts';
import { ArmError, invalidParameter, operationNotAllowed, resourceNotFound } from './errors.ts';
import type { Answer, Call, Gateway } from './gateway.ts';
import { machineOf, makeNic, nicInUse, planNic, removeNic } from './interfaces.ts';
import { begin } from './long-running.ts';
import { groupOf, listed } from './machines/routes.ts';
import type { MachineParts } from './machines/routes.ts';
import { locationOf } from './machines/validate.ts';
import type { ResourceRecord } from './records.ts';
import { resourceId } from './state.ts';
import { configurationsIn, findSubnet } from './subnets.ts';

const pageSize = 500;
/** How many calls long a deletion is. Assumption: a few seconds. */
const deletionCalls = 40;

/** A resource as its provider answers it. */
export function resourceView(record: Readonly<ResourceRecord>): Record<string, unknown> {
  const { id, name, type, location, tags, zones, sku, managedBy, properties, etag } = record;
  return {
    name,
    id,
    type,
    location,
    tags,
    ...(zones === undefined ? {} : { zones }),
    ...(sku === undefined ? {} : { sku }),
    ...(managedBy === undefined ? {} : { managedBy }),
    properties,
    etag,
  };
}

/** A kind of resource that lives in a resource group. */
interface Kind {
  type: string;
  /** Prefix of its operations, such as `Disks`. */
  operations: string;
  /** Path below the provider, in lower case, with parameters; the last is the name. */
  path?: string;
  /** The record of a PUT. Throws when the body is not right. */
  make?: (call: Call, known: Readonly<ResourceRecord> | undefined, base: ResourceRecord) => ResourceRecord;
  /** Throws when it may not be deleted. */
  checkDelete?: (record: Readonly<ResourceRecord>) => void;
  view?: (record: Readonly<ResourceRecord>) => Record<string, unknown>;
}

/** Adds disks, networks, network interfaces, public addresses and galleries. */
export function addResourceRoutes(gateway: Gateway, parts: MachineParts): void {
  const { state, operations, addresses } = parts;
  const { chance, clock, latencies } = state.context;

  function add(kind: Kind): void {
    const [provider = '', ...rest] = kind.type.split('/');
    const below = kind.path ?? `${rest.join('/').toLowerCase()}/:name`;
    const collection = `/subscriptions/:subscription/resourcegroups/:group/providers/${provider.toLowerCase()}/${below.replace(/\/:name$/, '')}`;
    const one = `${collection}/:name`;
    const view = kind.view ?? resourceView;

    /** The id in the casing of the type, whatever that of the call. */
    const idOf = (call: Call): string => {
      const names = [call.param('gallery'), call.param('image'), call.param('name')].filter((name) => name !== '');
      const path = rest.map((segment, index) => `${segment}/${names[index] ?? ''}`).join('/');
      return resourceId(call.subscriptionId, groupOf(state, call).name, provider, path);
    };
    const find = (call: Call): Readonly<ResourceRecord> => {
      const record = state.resources.get(idOf(call));
      if (record === undefined) throw resourceNotFound(kind.type, call.param('name'), call.param('group'));
      return record;
    };
    const list = (call: Call, select: (record: Readonly<ResourceRecord>) => boolean): Answer => {
      function* chosen(): Generator<Readonly<ResourceRecord>> {
        for (const record of listed(state, call, state.resources)) {
          if (record.type === kind.type && select(record)) yield record;
        }
      }
      const { items, nextLink } = page(chosen(), call.url, call.origin, pageSize);
      return {
        status: 200,
        body: { value: items.map((record) => view(record)), ...(nextLink === undefined ? {} : { nextLink }) },
      };
    };

    gateway.add({
      method: 'GET',
      path: collection,
      operation: `${kind.operations}_ListByResourceGroup`,
      handler(call) {
        const parent = `${idOf(call)
          .toLowerCase()
          .replace(/\/[^/]*$/, '')}/`;
        return list(call, (record) => record.id.toLowerCase().startsWith(parent));
      },
    });
    if (rest.length === 1) {
      gateway.add({
        method: 'GET',
        path: `/subscriptions/:subscription/providers/${provider.toLowerCase()}/${rest.join('/').toLowerCase()}`,
        operation: `${kind.operations}_List`,
        handler: (call) => list(call, () => true),
      });
    }
    gateway.add({
      method: 'GET',
      path: one,
      operation: `${kind.operations}_Get`,
      handler(call) {
        const record = find(call);
        return { status: 200, body: view(record), headers: { etag: record.etag } };
      },
    });
    if (kind.make !== undefined) {
      const { make } = kind;
      gateway.add({
        method: 'PUT',
        path: one,
        operation: `${kind.operations}_CreateOrUpdate`,
        handler(call) {
          const id = idOf(call);
          const known = state.resources.get(id);
          const zones = zonesOf(call.body);
          const base: ResourceRecord = {
            id,
            name: call.param('name'),
            type: kind.type,
            subscriptionId: call.subscriptionId,
            resourceGroup: groupOf(state, call).name,
            location: locationOf(call.body, kind.type),
            tags: tagsOf(call.body),
            ...(zones === undefined ? {} : { zones }),
            etag: `W/"${chance.uuid()}"`,
            createdAt: known?.createdAt ?? clock.now(),
            position: known?.position ?? state.nextPosition(),
            properties: { ...objectAt(call.body, 'properties'), provisioningState: 'Succeeded' },
          };
          const record = make(call, known, base);
          state.saveResource(record);
          return { status: known === undefined ? 201 : 200, body: view(record) };
        },
      });
    }
    gateway.add({
      method: 'DELETE',
      path: one,
      operation: `${kind.operations}_Delete`,
      handler(call) {
        const record = state.resources.get(idOf(call));
        if (record === undefined) return { status: 204 };
        kind.checkDelete?.(record);
        const headers = begin(
          state,
          operations,
          call,
          record,
          provider,
          { kind: 'deleteResource' },
          latencies.sample('armCall') * deletionCalls,
        );
        return { status: 202, headers };
      },
    });
  }

  add({
    type: 'Microsoft.Compute/disks',
    operations: 'Disks',
    make(call, known, base) {
      const properties = objectAt(call.body, 'properties') ?? {};
      const createOption = textAt(objectAt(properties, 'creationData'), 'createOption');
      if (createOption === undefined) throw missing('creationData.createOption');
      const size = numberAt(properties, 'diskSizeGB');
      if (createOption === 'Empty' && size === undefined) throw missing('diskSizeGB');
      const sku = objectAt(call.body, 'sku') ?? { name: 'Standard_LRS', tier: 'Standard' };
      const diskState = known?.managedBy === undefined ? 'Unattached' : 'Attached';
      return {
        ...base,
        sku,
        ...(known?.managedBy === undefined ? {} : { managedBy: known.managedBy }),
        properties: { ...base.properties, diskState, timeCreated: new Date(base.createdAt).toISOString() },
      };
    },
    checkDelete(record) {
      if (record.managedBy === undefined) return;
      throw operationNotAllowed(`Disk ${record.name} is attached to VM ${record.managedBy}.`);
    },
  });
  add({
    type: 'Microsoft.Network/networkInterfaces',
    operations: 'NetworkInterfaces',
    make(call, known, base) {
      const place = { subscriptionId: base.subscriptionId, resourceGroup: base.resourceGroup, location: base.location };
      const plan = planNic(state, place, base.name, call.body);
      return makeNic(state, addresses, plan, known === undefined ? undefined : machineOf(known)).record;
    },
    checkDelete(record) {
      const user = machineOf(record);
      if (user !== undefined) throw nicInUse(record.id, user);
    },
  });
  add({
    type: 'Microsoft.Network/virtualNetworks',
    operations: 'VirtualNetworks',
    make(call, _known, base) {
      const prefixes = objectAt(objectAt(call.body, 'properties'), 'addressSpace')?.['addressPrefixes'];
      if (!Array.isArray(prefixes) || prefixes.length === 0) throw missing('addressSpace.addressPrefixes');
      const subnets = listAt(base.properties, 'subnets').map((subnet) =>
        subnetOf(base.id, textAt(subnet, 'name') ?? '', subnet),
      );
      return { ...base, properties: { ...base.properties, resourceGuid: chance.uuid(), subnets } };
    },
    checkDelete(record) {
      for (const subnet of listAt(record.properties, 'subnets')) checkUnused(textAt(subnet, 'id') ?? '');
    },
  });
  add({ type: 'Microsoft.Network/publicIPAddresses', operations: 'PublicIPAddresses' });
  add({ type: 'Microsoft.Compute/galleries', operations: 'Galleries', make: (_call, _known, base) => base });
  add({
    type: 'Microsoft.Compute/galleries/images',
    operations: 'GalleryImages',
    path: 'galleries/:gallery/images/:name',
    make(call, _known, base) {
      const osType = textAt(objectAt(call.body, 'properties'), 'osType');
      if (osType !== 'Linux' && osType !== 'Windows')
        throw invalidParameter('galleryImage.properties.osType', 'osType must be Linux or Windows.');
      return base;
    },
  });
  add({
    type: 'Microsoft.Compute/galleries/images/versions',
    operations: 'GalleryImageVersions',
    path: 'galleries/:gallery/images/:image/versions/:name',
    make(_call, _known, base) {
      if (!/^\d+\.\d+\.\d+$/.test(base.name)) {
        throw invalidParameter(
          'galleryImageVersionName',
          `The gallery image version '${base.name}' must be of the form major.minor.patch.`,
        );
      }
      return base;
    },
  });

  function subnetOf(networkId: string, name: string, subnet: Json): Json {
    const properties = objectAt(subnet, 'properties') ?? {};
    if (textAt(properties, 'addressPrefix') === undefined && !Array.isArray(properties['addressPrefixes'])) {
      throw missing('subnet.addressPrefix');
    }
    return { name, id: `${networkId}/subnets/${name}`, properties: { ...properties, provisioningState: 'Succeeded' } };
  }
  function checkUnused(subnetId: string): void {
    const users = configurationsIn(state, subnetId);
    if (users.length === 0) return;
    throw new ArmError(400, {
      code: 'InUseSubnetCannotBeDeleted',
      message: `Subnet ${subnetId.split('/').at(-1) ?? ''} is in use by ${users[0]?.id ?? ''} and cannot be deleted. In order to delete the subnet, delete all the resources within the subnet.`,
      details: [],
    });
  }

  const network =
    '/subscriptions/:subscription/resourcegroups/:group/providers/microsoft.network/virtualnetworks/:network';
  const networkOf = (call: Call): Readonly<ResourceRecord> => {
    const id = resourceId(
      call.subscriptionId,
      groupOf(state, call).name,
      'Microsoft.Network/virtualNetworks',
      call.param('network'),
    );
    const record = state.resources.get(id);
    if (record === undefined)
      throw resourceNotFound('Microsoft.Network/virtualNetworks', call.param('network'), call.param('group'));
    return record;
  };
  gateway.add({
    method: 'GET',
    path: `${network}/subnets`,
    operation: 'Subnets_List',
    handler: (call) => ({ status: 200, body: { value: listAt(networkOf(call).properties, 'subnets') } }),
  });
  gateway.add({
    method: 'GET',
    path: `${network}/subnets/:name`,
    operation: 'Subnets_Get',
    handler(call) {
      const subnet = findSubnet(state, `${networkOf(call).id}/subnets/${call.param('name')}`);
      if (subnet === undefined) {
        throw new ArmError(404, {
          code: 'NotFound',
          message: `Resource ${networkOf(call).id}/subnets/${call.param('name')} not found.`,
          details: [],
        });
      }
      const users = configurationsIn(state, subnet.id);
      return {
        status: 200,
        body: {
          name: subnet.name,
          id: subnet.id,
          type: 'Microsoft.Network/virtualNetworks/subnets',
          properties: { ...subnet.properties, ...(users.length === 0 ? {} : { ipConfigurations: users }) },
        },
      };
    },
  });
  gateway.add({
    method: 'PUT',
    path: `${network}/subnets/:name`,
    operation: 'Subnets_CreateOrUpdate',
    handler(call) {
      const record = networkOf(call);
      const name = call.param('name');
      const subnet = subnetOf(record.id, name, call.body);
      const others = listAt(record.properties, 'subnets').filter(
        (known) => textAt(known, 'name')?.toLowerCase() !== name.toLowerCase(),
      );
      const isNew = others.length === listAt(record.properties, 'subnets').length;
      state.saveResource({ ...record, properties: { ...record.properties, subnets: [...others, subnet] } });
      return { status: isNew ? 201 : 200, body: subnet };
    },
  });
}

/** Ends the deletion of a resource. */
export function completeDeletion({ state, addresses }: MachineParts, id: string): void {
  const record = state.resources.get(id);
  if (record === undefined) return;
  if (record.type === 'Microsoft.Network/networkInterfaces') removeNic(state, addresses, record);
  else state.removeResource(record);
}

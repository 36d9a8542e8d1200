import { objectAt, page, tagsOf, textAt, zonesOf } from '../body.ts';
import type { Json } from '../body.ts';
import { ArmError, operationNotAllowed, resourceGroupNotFound, resourceNotFound } from '../errors.ts';
import type { Answer, Call, Gateway } from '../gateway.ts';
import { begin, operationHeaders } from '../long-running.ts';
import type { Operations } from '../operations.ts';
import type { MachineRecord, OperationAction, PowerState, ResourceGroupRecord } from '../records.ts';
import { vmSizeOf } from '../skus.ts';
import { resourceId } from '../state.ts';
import type { ArmState } from '../state.ts';
import type { AddressBook } from '../subnets.ts';
import { createMachine, describeIdentity } from './create.ts';
import type { MachineLife } from './life.ts';
import { checkCustomData } from './validate.ts';
import { instanceView, machineStatusView, machineView } from './view.ts';

const provider = 'Microsoft.Compute';
const type = `${provider}/virtualMachines`;
/** Machines on a page. Assumption: the real size is not documented; clients must follow `nextLink`. */
const pageSize = 200;

/** What the routes of machines work with. */
export interface MachineParts {
  state: ArmState;
  operations: Operations;
  addresses: AddressBook;
  life: MachineLife;
}

/** A change that moves no machine, such as new tags. Assumption: a few seconds. */
const updateCalls = 30;

/** The resource group of a call. Throws 404. */
export function groupOf(state: ArmState, call: Call): Readonly<ResourceGroupRecord> {
  const name = call.param('group');
  const group = state.groups.get(`/subscriptions/${call.subscriptionId}/resourceGroups/${name}`);
  if (group === undefined) throw resourceGroupNotFound(name);
  if (group.provisioningState === 'Deleting' && call.method !== 'GET' && call.method !== 'DELETE') {
    throw new ArmError(409, {
      code: 'ResourceGroupBeingDeleted',
      message: `The resource group '${name}' is in deprovisioning state and cannot perform this operation.`,
    });
  }
  return group;
}

/** A list call, as of now or, under the fault `staleList`, as of a while ago. */
export function listed<T extends { id: string }>(
  state: ArmState,
  call: Call,
  table: { values(): Iterable<Readonly<T>>; valuesAsOf(ageMs: number): Iterable<Readonly<T>> },
): Iterable<Readonly<T>> {
  const subject = { service: 'arm' as const, method: call.method, path: call.path, operation: call.operation };
  const stale = state.context.faults.strike(['staleList'], subject);
  return stale === undefined ? table.values() : table.valuesAsOf(stale.effect.ageMs);
}

function refuseDeallocated(operation: string, { allocated, name }: Readonly<MachineRecord>): void {
  if (allocated) return;
  throw operationNotAllowed(`Operation '${operation}' is not allowed on VM '${name}' since the VM is deallocated.`);
}

/** Properties that a PUT cannot change. Source: `PropertyChangeNotAllowed` of Microsoft.Compute. */
function refuseChanges(machine: Readonly<MachineRecord>, body: Json): void {
  const properties = objectAt(body, 'properties') ?? {};
  const os = objectAt(properties, 'osProfile');
  const refuse = (target: string): ArmError =>
    new ArmError(409, {
      code: 'PropertyChangeNotAllowed',
      message: `Changing property '${target}' is not allowed.`,
      target,
    });
  const customData = textAt(os, 'customData');
  if (customData !== undefined && customData !== machine.customData) throw refuse('osProfile.customData');
  for (const name of ['computerName', 'adminUsername']) {
    const wanted = textAt(os, name);
    if (wanted !== undefined && wanted !== textAt(machine.properties['osProfile'], name))
      throw refuse(`osProfile.${name}`);
  }
  const wantedImage = objectAt(objectAt(properties, 'storageProfile'), 'imageReference');
  const image = objectAt(machine.properties['storageProfile'], 'imageReference');
  for (const name of ['id', 'publisher', 'offer', 'sku', 'version']) {
    const wanted = textAt(wantedImage, name);
    if (wanted !== undefined && wanted !== textAt(image, name)) throw refuse('imageReference');
  }
  const zones = zonesOf(body);
  if (zones !== undefined && zones.join() !== (machine.zones ?? []).join()) throw refuse('zones');
  const priority = textAt(properties, 'priority');
  if (priority !== undefined && (priority !== 'Regular') !== machine.spot) throw refuse('priority');
}

/** Adds the routes of virtual machines. */
export function addMachineRoutes(gateway: Gateway, { state, operations, addresses, life }: MachineParts): void {
  const group = '/subscriptions/:subscription/resourcegroups/:group/providers/microsoft.compute/virtualmachines';
  const one = `${group}/:vm`;
  const { latencies } = state.context;

  const idOf = (call: Call): string =>
    resourceId(call.subscriptionId, groupOf(state, call).name, type, call.param('vm'));
  const find = (call: Call): Readonly<MachineRecord> => {
    const machine = state.machines.get(idOf(call));
    if (machine === undefined) throw resourceNotFound(type, call.param('vm'), call.param('group'));
    return machine;
  };
  const checkMatch = (call: Call, machine: Readonly<MachineRecord> | undefined): void => {
    const [ifMatch, ifNoneMatch] = [call.header('if-match'), call.header('if-none-match')];
    const failed =
      (ifNoneMatch === '*' && machine !== undefined) ||
      (ifMatch !== undefined && (machine === undefined || (ifMatch !== '*' && ifMatch !== machine.etag)));
    if (!failed) return;
    const condition = ifNoneMatch === '*' ? 'If-None-Match: *' : `If-Match: ${ifMatch ?? ''}`;
    throw new ArmError(412, {
      code: 'PreconditionFailed',
      message: `The condition '${condition}' of the request does not hold for the resource '${call.param('vm')}'.`,
    });
  };
  const checkFree = (machine: Readonly<MachineRecord>, action: string): void => {
    if (machine.provisioningState === 'Deleting') {
      throw operationNotAllowed(
        `Operation '${action}' is not allowed on VM '${machine.name}' since the VM is marked for deletion. You can only retry the Delete operation (or wait for an ongoing one to complete).`,
      );
    }
    if (operations.current(machine.id) !== undefined) {
      throw new ArmError(409, {
        code: 'Conflict',
        message: `The request failed due to conflict with a concurrent request on '${machine.name}'. To resolve it, please refer to https://aka.ms/activitylog to get more details on the conflicting requests.`,
      });
    }
  };
  const start = (call: Call, machine: Readonly<MachineRecord>, action: OperationAction, durationMs: number) =>
    begin(state, operations, call, machine, provider, action, durationMs);
  const updateMs = (): number => latencies.sample('armCall') * updateCalls;

  function update(call: Call, machine: Readonly<MachineRecord>, patch: boolean): Answer {
    const hardware = objectAt(objectAt(call.body, 'properties'), 'hardwareProfile');
    refuseChanges(machine, call.body);
    const size = vmSizeOf(textAt(hardware, 'vmSize') ?? machine.vmSize) ?? vmSizeOf(machine.vmSize);
    if (size !== undefined && size.name !== machine.vmSize && machine.allocated) {
      state.quota.check(machine.location, size, machine.spot, vmSizeOf(machine.vmSize));
    }
    const current = operations.current(machine.id);
    if (
      machine.provisioningState === 'Deleting' ||
      (current !== undefined && current.action.kind !== 'createMachine')
    ) {
      checkFree(machine, 'createOrUpdate');
    }
    const userData = textAt(objectAt(call.body, 'properties'), 'userData');
    const identity = objectAt(call.body, 'identity');
    const changed: MachineRecord = {
      ...machine,
      tags: 'tags' in call.body || !patch ? tagsOf(call.body) : machine.tags,
      ...(userData === undefined ? {} : { userData }),
      ...(identity === undefined ? {} : { identity: describeIdentity(state, identity) }),
      vmSize: size?.name ?? machine.vmSize,
      properties: {
        ...machine.properties,
        hardwareProfile: { ...objectAt(machine.properties, 'hardwareProfile'), vmSize: size?.name ?? machine.vmSize },
      },
      etag: `"${state.context.chance.uuid()}"`,
    };
    // A create that is under way goes on; the answer leads to it.
    if (current !== undefined) {
      state.saveMachine(changed);
      return { status: 200, body: machineView(changed), headers: operationHeaders(state, call, current) };
    }
    changed.provisioningState = 'Updating';
    state.saveMachine(changed);
    return {
      status: 200,
      body: machineView(changed),
      headers: start(call, changed, { kind: 'updateMachine' }, updateMs()),
    };
  }

  gateway.add({
    method: 'PUT',
    path: one,
    operation: 'VirtualMachines_CreateOrUpdate',
    policy: 'PutVM',
    handler(call) {
      const id = idOf(call);
      const known = state.machines.get(id);
      checkMatch(call, known);
      if (known !== undefined) return update(call, known, false);
      const place = { subscriptionId: call.subscriptionId, resourceGroup: groupOf(state, call).name };
      const { machine, failure } = createMachine(state, addresses, id, call.param('vm'), place, call.body);
      state.saveMachine(machine);
      life.record(machine, 'createAccepted');
      const ms = latencies.sample('createMachine');
      const headers = begin(state, operations, call, machine, provider, { kind: 'createMachine' }, ms, failure);
      return { status: 201, body: machineView(machine), headers };
    },
  });
  gateway.add({
    method: 'PATCH',
    path: one,
    operation: 'VirtualMachines_Update',
    policy: 'UpdateVM',
    handler(call) {
      const machine = find(call);
      checkMatch(call, machine);
      return update(call, machine, true);
    },
  });
  gateway.add({
    method: 'GET',
    path: one,
    operation: 'VirtualMachines_Get',
    policy: 'LowCostGet',
    handler: (call) => {
      const machine = find(call);
      return {
        status: 200,
        body: machineView(machine, call.url.searchParams.get('$expand') ?? ''),
        headers: { etag: machine.etag },
      };
    },
  });
  gateway.add({
    method: 'GET',
    path: `${one}/instanceview`,
    operation: 'VirtualMachines_InstanceView',
    policy: 'LowCostGet',
    handler: (call) => ({ status: 200, body: instanceView(find(call)) }),
  });
  gateway.add({
    method: 'DELETE',
    path: one,
    operation: 'VirtualMachines_Delete',
    policy: 'DeleteVM',
    handler(call) {
      const machine = state.machines.get(idOf(call));
      if (machine === undefined) return { status: 204 };
      checkMatch(call, machine);
      const current = operations.current(machine.id);
      if (current?.action.kind === 'deleteMachine') {
        // One that is stuck is begun anew, as a second DELETE does.
        if (current.dueAt !== undefined) return { status: 202, headers: operationHeaders(state, call, current) };
      }
      operations.preempt(machine.id);
      life.halt(machine);
      const deleting: MachineRecord = { ...machine, provisioningState: 'Deleting', booted: false };
      if (machine.power === 'running' || machine.power === 'starting') deleting.power = 'stopping';
      state.saveMachine(deleting);
      life.record(machine, 'deleteAccepted');
      return {
        status: 202,
        headers: start(call, machine, { kind: 'deleteMachine' }, latencies.sample('deleteMachine')),
      };
    },
  });

  function list(call: Call, select: (machine: Readonly<MachineRecord>) => boolean): Answer {
    const statusOnly = call.url.searchParams.get('statusOnly') === 'true';
    const expand = call.url.searchParams.get('$expand') ?? '';
    const filter = call.url.searchParams.get('$filter');
    if (filter !== null || expand !== '') {
      throw new ArmError(501, {
        code: 'NotEmulated',
        message:
          '$filter and $expand of a list of virtual machines are for scale sets, which the embedded cloud does not emulate.',
      });
    }
    function* chosen(): Generator<Readonly<MachineRecord>> {
      for (const machine of listed(state, call, state.machines)) if (select(machine)) yield machine;
    }
    const { items, nextLink } = page(chosen(), call.url, call.origin, pageSize);
    const value = items.map((machine) => (statusOnly ? machineStatusView(machine) : machineView(machine)));
    return { status: 200, body: { value, ...(nextLink === undefined ? {} : { nextLink }) } };
  }
  gateway.add({
    method: 'GET',
    path: group,
    operation: 'VirtualMachines_List',
    policy: 'HighCostGet',
    handler(call) {
      const wanted = groupOf(state, call).name.toLowerCase();
      return list(call, (machine) => machine.resourceGroup.toLowerCase() === wanted);
    },
  });
  gateway.add({
    method: 'GET',
    path: '/subscriptions/:subscription/providers/microsoft.compute/virtualmachines',
    operation: 'VirtualMachines_ListAll',
    policy: 'HighCostGet',
    handler: (call) => list(call, () => true),
  });
  gateway.add({
    method: 'GET',
    path: '/subscriptions/:subscription/providers/microsoft.compute/locations/:location/virtualmachines',
    operation: 'VirtualMachines_ListByLocation',
    policy: 'HighCostGet',
    handler: (call) => list(call, (machine) => machine.location === call.param('location').toLowerCase()),
  });

  /** An action that stops the machine's processes at once and ends in another power state later. */
  function action(
    name: string,
    operation: string,
    policy: 'UpdateVM' | 'DeleteVM',
    run: (
      call: Call,
      machine: Readonly<MachineRecord>,
    ) => { action: OperationAction; durationMs: number; power?: PowerState; halts?: boolean | 'shutdown' },
  ): void {
    gateway.add({
      method: 'POST',
      path: `${one}/${name.toLowerCase()}`,
      operation: `VirtualMachines_${operation}`,
      policy,
      handler(call) {
        const machine = find(call);
        const current = operations.current(machine.id);
        if (machine.provisioningState !== 'Deleting' && current?.action.kind === `${name}Machine`) {
          return { status: 202, headers: operationHeaders(state, call, current) };
        }
        checkFree(machine, name);
        const { action: begun, durationMs, power, halts } = run(call, machine);
        if (halts !== undefined && halts !== false) life.halt(machine, halts === 'shutdown' ? halts : undefined);
        life.accepted(machine, begun);
        const latest = state.machines.get(machine.id) ?? machine;
        state.saveMachine({
          ...latest,
          provisioningState: 'Updating',
          ...(power === undefined ? {} : { power }),
          ...(halts === undefined || halts === false ? {} : { booted: false }),
        });
        return { status: 202, headers: start(call, machine, begun, durationMs) };
      },
    });
  }
  action('deallocate', 'Deallocate', 'DeleteVM', (_call, machine) => {
    const osDisk = objectAt(machine.properties['storageProfile'], 'osDisk');
    if (objectAt(osDisk, 'diffDiskSettings') !== undefined) {
      throw operationNotAllowed(
        "Operation 'deallocate' is not supported for VMs or VM Scale Set instances using an ephemeral OS disk.",
      );
    }
    return {
      action: { kind: 'deallocateMachine' },
      durationMs: latencies.sample('deallocateMachine'),
      power: 'deallocating',
      halts: 'shutdown',
    };
  });
  action('powerOff', 'PowerOff', 'UpdateVM', (call) => ({
    action: { kind: 'powerOffMachine' },
    durationMs: latencies.sample('deallocateMachine'),
    power: 'stopping',
    halts: call.url.searchParams.get('skipShutdown') === 'true' ? true : 'shutdown',
  }));
  action('start', 'Start', 'UpdateVM', (_call, machine) => {
    if (machine.power === 'running') return { action: { kind: 'startMachine' }, durationMs: updateMs() };
    const size = vmSizeOf(machine.vmSize);
    if (!machine.allocated && size !== undefined) {
      // The machine itself already counts; its cores do not while it is deallocated.
      state.quota.check(machine.location, size, machine.spot, { ...size, cores: 0, family: size.family });
      state.saveMachine({ ...machine, allocated: true });
    }
    return { action: { kind: 'startMachine' }, durationMs: latencies.sample('startMachine'), power: 'starting' };
  });
  for (const name of ['restart', 'redeploy'] as const) {
    action(name, name === 'restart' ? 'Restart' : 'Redeploy', 'UpdateVM', (_call, machine) => {
      refuseDeallocated(name, machine);
      return {
        action: { kind: `${name}Machine` },
        durationMs: latencies.sample('startMachine'),
        power: 'starting',
        halts: true,
      };
    });
  }
  action('reapply', 'Reapply', 'UpdateVM', () => ({ action: { kind: 'reapplyMachine' }, durationMs: updateMs() }));
  action('reimage', 'Reimage', 'UpdateVM', (call, machine) => {
    refuseDeallocated('reimage', machine);
    const customData = checkCustomData(objectAt(call.body, 'osProfile'));
    return {
      action: { kind: 'reimageMachine', ...(customData === undefined ? {} : { customData }) },
      durationMs: latencies.sample('reimageMachine'),
      power: 'starting',
      halts: true,
    };
  });
  gateway.add({
    method: 'POST',
    path: `${one}/simulateeviction`,
    operation: 'VirtualMachines_SimulateEviction',
    policy: 'DeleteVM',
    handler(call) {
      const machine = find(call);
      if (!machine.spot)
        throw operationNotAllowed(
          `Operation 'simulateEviction' is not allowed on VM '${machine.name}' since it is not a Spot Virtual Machine.`,
        );
      life.evictLater(machine);
      return { status: 204 };
    },
  });
}

import { Hono } from 'hono';
import type { CloudContext, Guest, Handler } from '../core/context.ts';
import type { CloudIdentity } from '../core/facts.ts';
import { createEntra } from '../entra/app.ts';
import type { Tokens } from '../entra/tokens.ts';
import type { CapacityLimit } from './capacity.ts';
import { addCatalogueRoutes } from './catalogue.ts';
import { createGateway } from './gateway.ts';
import { createMachineLife } from './machines/life.ts';
import { addMachineRoutes } from './machines/routes.ts';
import type { MachineParts } from './machines/routes.ts';
import { createOperations } from './operations.ts';
import type { QuotaLimit } from './quota.ts';
import type { OperationRecord } from './records.ts';
import { addResourceRoutes, completeDeletion } from './resources.ts';
import { addScopeRoutes } from './scopes.ts';
import { addTagRoutes } from './tags.ts';
import { createArmState } from './state.ts';
import { createAddressBook } from './subnets.ts';

/** The embedded Azure Resource Manager, with the sign-in service on the same port. */
export interface Arm {
  handler: Handler;
  /** Machines by power state. */
  counts(): Record<string, number>;
  /**
   * Changes a machine without a call: as somebody at the portal stops it, or as the platform evicts it, at once or
   * (`evictLater`) after the notice of a scheduled event.
   */
  disturb(machineName: string, what: 'stop' | 'evict' | 'evictLater'): boolean;
  quotas(): QuotaLimit[];
  setQuota(limit: QuotaLimit): void;
  capacities(): CapacityLimit[];
  /** Sets how many machines there is room for; without a number there is room without end. */
  setCapacity(limit: Omit<CapacityLimit, 'machines'> & { machines?: number }): void;
  strictThrottling: boolean;
  resume(): void;
}

/** The Azure side of the cloud over what `context.store` holds. */
export function createArm(
  context: CloudContext,
  identity: CloudIdentity,
  tokens: Tokens,
  guest: Guest,
  strictThrottling: boolean,
): Arm {
  const state = createArmState(context, identity, tokens, guest, strictThrottling);
  const addresses = createAddressBook(state);
  const life = createMachineLife(state, addresses);

  function complete(operation: Readonly<OperationRecord>): OperationRecord['error'] | undefined {
    if (operation.action.kind === 'deleteResource') completeDeletion(parts, operation.resourceId);
    else if (operation.action.kind === 'deleteResourceGroup') removeGroup(operation.resourceId);
    else return life.complete(operation);
    return undefined;
  }
  function removeGroup(id: string): void {
    const prefix = `${id.toLowerCase()}/`;
    for (const machine of state.machines.values()) {
      if (!machine.id.toLowerCase().startsWith(prefix)) continue;
      operations.preempt(machine.id);
      life.remove(machine);
    }
    for (const record of state.resources.values()) {
      if (record.id.toLowerCase().startsWith(prefix)) completeDeletion(parts, record.id);
    }
    state.groups.delete(id);
  }
  const operations = createOperations(state, complete, life.fail);
  const parts: MachineParts = { state, operations, addresses, life };

  const app = new Hono({ getPath: (request) => new URL(request.url).pathname.toLowerCase().replace(/(?<=.)\/$/, '') });
  const gateway = createGateway(state, app);
  addScopeRoutes(gateway, parts);
  addTagRoutes(gateway, state);
  addMachineRoutes(gateway, parts);
  addResourceRoutes(gateway, parts);
  addCatalogueRoutes(gateway, state);
  app.route('/', createEntra(context, identity, tokens));
  app.notFound((c) => gateway.refuse(c));
  app.onError((error) => {
    throw error;
  });

  return {
    handler: (request) => app.fetch(request),
    counts() {
      const counts: Record<string, number> = {};
      for (const { power } of state.machines.values()) counts[power] = (counts[power] ?? 0) + 1;
      return counts;
    },
    disturb(machineName, what) {
      for (const machine of state.machines.values()) {
        if (machine.name.toLowerCase() !== machineName.toLowerCase()) continue;
        life[what](machine);
        return true;
      }
      return false;
    },
    quotas: () => state.quota.limits(),
    setQuota: (limit) => state.quota.setLimit(limit),
    capacities: () => state.capacity.limits(),
    setCapacity({ machines, ...limit }) {
      if (machines === undefined) state.capacity.removeLimit(limit);
      else state.capacity.setLimit({ ...limit, machines });
    },
    get strictThrottling() {
      return state.throttle.strict;
    },
    set strictThrottling(strict) {
      state.throttle.strict = strict;
    },
    resume() {
      operations.resume();
      life.resume();
    },
  };
}

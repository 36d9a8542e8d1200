import type { Collection } from '../core/context.ts';
import type { MachineRecord } from './records.ts';
import { locations, vmSizeOf, vmSizes } from './skus.ts';
import type { VmSize } from './skus.ts';
import type { Table } from './table.ts';
import { operationNotAllowed } from './errors.ts';

/** Limits of a subscription that nobody has set: room for 1,500 machines of two cores of one family. */
const defaultLimits = { cores: 20_000, family: 10_000, lowPriorityCores: 10_000, virtualMachines: 25_000 };

/** A limit that the control interface set. */
export interface QuotaLimit {
  location: string;
  /** `cores`, `lowPriorityCores`, `virtualMachines` or a family such as `standardDADSv5Family`. */
  name: string;
  limit: number;
}

/** The compute quota: counted from the machines that there are, so that it cannot drift from them. */
export interface Quota {
  /** Throws 409 when a machine of that size would exceed a limit. `resize` is the size whose cores it gives back. */
  check(location: string, vmSize: VmSize, spot: boolean, resize?: VmSize): void;
  usages(location: string): unknown[];
  setLimit(limit: QuotaLimit): void;
  limits(): QuotaLimit[];
  /** Keeps the running count. Called with the record before and after each change of a machine. */
  account(before: Readonly<MachineRecord> | undefined, after: Readonly<MachineRecord> | undefined): void;
}

const families = [...new Set(vmSizes.map((known) => known.family))];

/** What a quota is called in a refusal. Source: the messages that Azure's own tooling matches on. */
function title(name: string): string {
  if (name === 'cores') return 'Total Regional Cores';
  if (name === 'lowPriorityCores') return 'LowPriorityCores';
  if (name === 'virtualMachines') return 'Virtual Machines';
  return `${name} Cores`;
}

/** Counts over `machines`, with limits kept in `limits`. */
export function createQuota(machines: Table<MachineRecord>, limits: Collection<QuotaLimit>): Quota {
  const used = new Map<string, number>();
  const key = (location: string, name: string): string => `${location}/${name}`.toLowerCase();
  const add = (location: string, name: string, amount: number): void => {
    const at = key(location, name);
    used.set(at, (used.get(at) ?? 0) + amount);
  };
  const count = (machine: Readonly<MachineRecord>, sign: 1 | -1): void => {
    add(machine.location, 'virtualMachines', sign);
    const vmSize = vmSizeOf(machine.vmSize);
    if (!machine.allocated || vmSize === undefined) return;
    if (machine.spot) return add(machine.location, 'lowPriorityCores', sign * vmSize.cores);
    add(machine.location, 'cores', sign * vmSize.cores);
    add(machine.location, vmSize.family, sign * vmSize.cores);
  };
  for (const machine of machines.values()) count(machine, 1);

  const usage = (location: string, name: string): number => used.get(key(location, name)) ?? 0;
  const limitOf = (location: string, name: string): number =>
    limits.get(key(location, name))?.limit ??
    (name in defaultLimits ? defaultLimits[name as keyof typeof defaultLimits] : defaultLimits.family);

  function demand(location: string, name: string, amount: number): void {
    const [limit, current] = [limitOf(location, name), usage(location, name)];
    if (amount <= 0 || current + amount <= limit) return;
    throw operationNotAllowed(
      `Operation could not be completed as it results in exceeding approved ${title(name)} quota. Additional details - ` +
        `Deployment Model: Resource Manager, Location: ${location}, Current Limit: ${String(limit)}, ` +
        `Current Usage: ${String(current)}, Additional Required: ${String(amount)}, ` +
        `(Minimum) New Limit Required: ${String(current + amount)}. Submit a request for Quota increase at ` +
        `https://aka.ms/ProdportalCRP/ by specifying parameters listed in the 'Details' section for deployment to succeed. ` +
        `Please read more about quota limits at https://docs.microsoft.com/en-us/azure/azure-supportability/per-vm-quota-requests`,
    );
  }

  return {
    check(location, vmSize, spot, resize) {
      const amount = vmSize.cores - (resize?.cores ?? 0);
      if (resize === undefined) demand(location, 'virtualMachines', 1);
      if (spot) return demand(location, 'lowPriorityCores', amount);
      demand(location, 'cores', amount);
      demand(location, vmSize.family, resize?.family === vmSize.family ? amount : vmSize.cores);
    },
    usages(location) {
      const line = (name: string, localizedValue: string): unknown => ({
        unit: 'Count',
        currentValue: usage(location, name),
        limit: limitOf(location, name),
        name: { value: name, localizedValue },
      });
      return [
        line('cores', 'Total Regional vCPUs'),
        line('virtualMachines', 'Virtual Machines'),
        line('lowPriorityCores', 'Total Regional Spot vCPUs'),
        ...families.map((family) => line(family, `${family.replace(/^standard|Family$/g, '')} Family vCPUs`)),
      ];
    },
    setLimit(limit) {
      if (!locations.some((known) => known.name === limit.location))
        throw new RangeError(`No region ${limit.location}.`);
      limits.put(key(limit.location, limit.name), limit);
    },
    limits: () => limits.values(),
    account(before, after) {
      if (before !== undefined) count(before, -1);
      if (after !== undefined) count(after, 1);
    },
  };
}

import type { Breach } from '../../domain/invariants/account.ts';
import type { LedgerEntry } from '../../emulator/core/context.ts';
import { registrationsLeft, resourcesLeft } from '../support/ledger-checks.ts';
import type { Stack } from '../support/stack.ts';

type JobEntry = Extract<LedgerEntry, { kind: 'job' }>;

/** What the ledger of the cloud says against the product, once everything is deleted. */
export async function ledgerBreaches(stack: Stack, maximum: ReadonlyMap<string, number>): Promise<Breach[]> {
  const breaches: Breach[] = [];
  const breach = (invariant: string, subject: string, message: string, at = Date.now()) =>
    breaches.push({ invariant, at, subject, message });
  for (const id of await resourcesLeft(stack)) breach('noLeak', id, 'A resource is left.');
  for (const name of await registrationsLeft(stack)) breach('noLeak', name, 'A registration is left.');

  const events = Map.groupBy(await stack.ledger('job'), ({ requestId }) => requestId);
  const jobsOf = new Map<string, Set<number>>();
  for (const [requestId, entries] of events) {
    const finished = entries.filter(({ event }) => event === 'finished');
    if (finished.length > 1) breach('noDoubleRun', `job ${requestId}`, `It finished ${finished.length} times.`);
    const machines = new Set(received(entries).map(({ machineId }) => machineId));
    if (machines.size > 1) breach('noDoubleRun', `job ${requestId}`, `${machines.size} machines received it.`);
    for (const machine of machines) {
      if (machine) jobsOf.set(machine, (jobsOf.get(machine) ?? new Set()).add(requestId));
    }
  }
  for (const [machine, jobs] of jobsOf) {
    if (jobs.size > 1) breach('oneCleanImagePerJob', machine, `It ran the jobs ${[...jobs].join(', ')}.`);
  }

  const now = new Map<string, Set<string>>();
  const poolOf = new Map<string, string>();
  for (const { id, event, tags, at } of await stack.ledger('machine')) {
    if (event === 'createAccepted') poolOf.set(id, tags['odp-pool'] ?? '');
    const pool = poolOf.get(id) ?? '';
    const machines = now.get(pool) ?? new Set();
    now.set(pool, machines);
    if (event === 'createAccepted') machines.add(id);
    if (event === 'deleted' || event === 'evicted') machines.delete(id);
    const most = maximum.get(pool);
    if (event === 'createAccepted' && most !== undefined && machines.size > most) {
      breach('cap', pool, `It has ${machines.size} machines and may have ${most}.`, at);
    }
  }
  return breaches;
}

function received(entries: readonly JobEntry[]): JobEntry[] {
  return entries.filter(({ event }) => event === 'received');
}

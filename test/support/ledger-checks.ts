import { tagNames } from '../../domain/names.ts';
import type { LedgerEntry } from '../../emulator/core/context.ts';
import type { Stack } from './stack.ts';

/**
 * What must hold whatever happened, read from the embedded cloud's own ledger and not from anything that the product
 * says of itself.
 */

type JobEntry = Extract<LedgerEntry, { kind: 'job' }>;

/** Jobs by request id, in the order of their events. */
export async function jobEvents(stack: Stack): Promise<Map<number, JobEntry[]>> {
  const events = new Map<number, JobEntry[]>();
  for (const entry of await stack.ledger('job')) {
    events.set(entry.requestId, [...(events.get(entry.requestId) ?? []), entry]);
  }
  return events;
}

/** Jobs that did not end well, and machines that ran more than one job: both must be empty. */
export async function brokenPromises(stack: Stack): Promise<string[]> {
  const broken: string[] = [];
  const jobsOfMachine = new Map<string, number>();
  for (const [requestId, events] of await jobEvents(stack)) {
    const finished = events.filter(({ event }) => event === 'finished');
    if (finished.length !== 1) broken.push(`job ${requestId} finished ${finished.length} times`);
    if (finished[0]?.result !== 'succeeded') broken.push(`job ${requestId} ended as ${finished[0]?.result}`);
    for (const { machineId } of events.filter(({ event }) => event === 'received')) {
      if (machineId) jobsOfMachine.set(machineId, (jobsOfMachine.get(machineId) ?? 0) + 1);
    }
  }
  for (const [machine, jobs] of jobsOfMachine) if (jobs > 1) broken.push(`${machine} ran ${jobs} jobs`);
  return broken;
}

/** Resources that the product made and that exist now: machines, disks, network interfaces. */
export async function resourcesLeft(stack: Stack): Promise<string[]> {
  const alive = new Set<string>();
  for (const { id, event, tags } of await stack.ledger('resource')) {
    if (event === 'created' && tagNames.installation in tags) alive.add(id);
    if (event === 'deleted') alive.delete(id);
  }
  for (const { id, event } of await stack.ledger('machine')) {
    if (event === 'createAccepted') alive.add(id);
    if (event === 'deleted' || event === 'evicted') alive.delete(id);
  }
  return [...alive];
}

/** Registrations that exist now, placeholders left out. */
export async function registrationsLeft(stack: Stack): Promise<string[]> {
  const alive = new Set<string>();
  for (const { name, event } of await stack.ledger('registration')) {
    if (event === 'removed') alive.delete(name);
    else alive.add(name);
  }
  return [...alive].filter((name) => !name.includes('-placeholder-'));
}

/** Calls of the controller by operation name. */
export async function controllerCalls(stack: Stack): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { caller, operation } of await stack.ledger('call')) {
    if (caller === 'controller') counts[operation] = (counts[operation] ?? 0) + 1;
  }
  return counts;
}

import { restorePoller, type VirtualMachine } from '@azure/arm-compute';
import { OutsideError, toApplicationFailure } from '../errors.ts';
import { captured } from './capture.ts';
import type { AzureClients } from './clients.ts';
import { findMachine, isStatus, type MachineReference, type OnAccepted } from './machines.ts';

/** What can be done to a machine's power, as failures name the calls. */
const calls = { deallocate: 'virtualMachines.deallocate', start: 'virtualMachines.start' } as const;

export type PowerVerb = keyof typeof calls;

/** The power state in which each ends. */
const ends: Record<PowerVerb, string> = { deallocate: 'PowerState/deallocated', start: 'PowerState/running' };

/** Longest wait for the power state to show what an operation has done; milliseconds. */
const showsWithinMs = 10 * 60_000;

/**
 * Deallocates or starts a machine and waits until it is. Doing it to a machine that is so already changes nothing. The
 * disks and the network interface stay.
 *
 * @param poller of an earlier attempt, whose operation is waited for instead of another one being sent
 * @returns false when the machine is gone
 */
export async function changePower(
  clients: AzureClients,
  reference: MachineReference,
  verb: PowerVerb,
  { poller, signal, onAccepted }: { poller: string | undefined; signal: AbortSignal; onAccepted: OnAccepted },
): Promise<boolean> {
  try {
    if (poller === undefined) await submit(clients, reference, verb, signal, onAccepted);
    else await resume(clients, reference, verb, poller, signal);
  } catch (error) {
    // Machine gone, or operation forgotten: the look below tells.
    if (!isStatus(error, 404)) throw error;
  }
  return await awaitPower(clients, reference, verb, signal);
}

async function submit(
  clients: AzureClients,
  { subscriptionId, resourceGroup, name }: MachineReference,
  verb: PowerVerb,
  signal: AbortSignal,
  onAccepted: OnAccepted,
): Promise<void> {
  await captured(
    calls[verb],
    async () => {
      const { virtualMachines } = clients.compute(subscriptionId);
      const options = { abortSignal: signal, updateIntervalInMs: clients.pollIntervalMs };
      const poller =
        verb === 'deallocate'
          ? virtualMachines.deallocate(resourceGroup, name, options)
          : virtualMachines.start(resourceGroup, name, options);
      await poller.submitted();
      onAccepted(await poller.serialize());
      if (!poller.isDone) await clients.clock.sleep(2 * clients.pollIntervalMs, signal);
      await poller.pollUntilDone({ abortSignal: signal });
    },
    signal,
  );
}

async function resume(
  clients: AzureClients,
  { subscriptionId }: MachineReference,
  verb: PowerVerb,
  poller: string,
  signal: AbortSignal,
): Promise<void> {
  const client = clients.compute(subscriptionId);
  const options = { updateIntervalInMs: clients.pollIntervalMs, abortSignal: signal };
  await captured(
    calls[verb],
    () =>
      (verb === 'deallocate'
        ? restorePoller(client, poller, client.virtualMachines.deallocate, options)
        : restorePoller(client, poller, client.virtualMachines.start, options)
      ).pollUntilDone({ abortSignal: signal }),
    signal,
  );
}

/** Waits until the machine's power state is what the operation leads to: an operation that nobody knows may have failed. */
async function awaitPower(
  clients: AzureClients,
  reference: MachineReference,
  verb: PowerVerb,
  signal: AbortSignal,
): Promise<boolean> {
  const startedAt = clients.clock.now();
  for (;;) {
    const machine = await findMachine(clients, reference, signal, { instanceView: true });
    if (!machine) return false;
    const power = powerOf(machine);
    if (power === ends[verb].toLowerCase()) return true;
    if (clients.clock.now() - startedAt > showsWithinMs) throw stillOtherwise(reference, verb, power);
    await clients.clock.sleep(Math.max(clients.pollIntervalMs, (clients.clock.now() - startedAt) / 10), signal);
  }
}

function powerOf({ instanceView }: VirtualMachine): string {
  const codes = (instanceView?.statuses ?? []).map(({ code }) => code?.toLowerCase() ?? '');
  return codes.find((code) => code.startsWith('powerstate/')) ?? 'unknown';
}

function stillOtherwise({ name }: MachineReference, verb: PowerVerb, power: string): OutsideError {
  return new OutsideError({
    service: 'Azure',
    accepted: true,
    codes: ['OperationFailed'],
    message: `The machine ${name} is ${power} after ${calls[verb]} has ended.`,
  });
}

/** A start that Azure accepted and then failed, for want of capacity for example, is not tried again: another machine is. */
export function finalStart(error: unknown): unknown {
  if (error instanceof OutsideError && error.evidence.accepted) {
    return toApplicationFailure(error, calls.start, { final: true });
  }
  return error;
}

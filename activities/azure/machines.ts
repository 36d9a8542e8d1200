import { restorePoller, type VirtualMachine } from '@azure/arm-compute';
import { OutsideError, toApplicationFailure } from '../errors.ts';
import { captured } from './capture.ts';
import type { AzureClients } from './clients.ts';
import { carriesAll } from './tags.ts';

/** Where one machine is, or would be. */
export interface MachineReference {
  subscriptionId: string;
  resourceGroup: string;
  name: string;
}

/** Calls as failures name them. */
export const calls = {
  create: 'virtualMachines.createOrUpdate',
  get: 'virtualMachines.get',
  delete: 'virtualMachines.delete',
} as const;

/** In which network interfaces are read. */
const networkApiVersion = '2024-05-01';

/** Noted as soon as Azure has accepted an operation, so that a later attempt resumes it. */
export type OnAccepted = (poller: string) => void;

/** The machine of this name, whoever it belongs to; undefined when there is none. */
export async function findMachine(
  clients: AzureClients,
  { subscriptionId, resourceGroup, name }: MachineReference,
  signal: AbortSignal,
  expand: { instanceView: boolean } = { instanceView: false },
): Promise<VirtualMachine | undefined> {
  try {
    return await captured(
      calls.get,
      () =>
        clients.compute(subscriptionId).virtualMachines.get(resourceGroup, name, {
          abortSignal: signal,
          ...(expand.instanceView ? { expand: 'instanceView' } : {}),
        }),
      signal,
    );
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

/**
 * Whether a machine is the one that `own` names: by its tags, or, where somebody overwrote them, by those of its network
 * interface, which came into being with it. A name alone never proves ownership.
 */
export async function isOwn(
  clients: AzureClients,
  machine: VirtualMachine,
  own: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<boolean> {
  if (carriesAll(machine.tags, own)) return true;
  for (const { id } of machine.networkProfile?.networkInterfaces ?? []) {
    const [, , subscriptionId = ''] = id?.split('/') ?? [];
    const path = `${id}?api-version=${networkApiVersion}`;
    const { status, body } = await clients.call('resources.get', 'GET', subscriptionId, path, signal);
    if (status !== 404 && carriesAll((body as { tags?: Record<string, string> }).tags, own)) return true;
  }
  return false;
}

/**
 * Creates a machine and waits until Azure reports it created. Create-only: a machine of that name that exists already
 * is left as it is and the call fails with status 409 or 412.
 *
 * @param requestId the same for every attempt, so that Azure's own logs show them as one
 */
export async function createMachine(
  clients: AzureClients,
  { subscriptionId, resourceGroup, name }: MachineReference,
  body: VirtualMachine,
  { requestId, signal, onAccepted }: { requestId: string; signal: AbortSignal; onAccepted: OnAccepted },
): Promise<VirtualMachine> {
  return await finalWhenAccepted(() =>
    captured(
      calls.create,
      async () => {
        const poller = clients.compute(subscriptionId).virtualMachines.createOrUpdate(resourceGroup, name, body, {
          ifNoneMatch: '*',
          abortSignal: signal,
          updateIntervalInMs: clients.pollIntervalMs,
          requestOptions: { headers: { 'x-ms-client-request-id': requestId } },
        });
        await poller.submitted();
        onAccepted(await poller.serialize());
        if (!poller.isDone) await firstLook(clients, signal);
        return await poller.pollUntilDone({ abortSignal: signal });
      },
      signal,
    ),
  );
}

/** Goes on waiting for a create that an earlier attempt sent; by name where Azure has forgotten the operation. */
export async function resumeCreate(
  clients: AzureClients,
  reference: MachineReference,
  poller: string,
  signal: AbortSignal,
): Promise<VirtualMachine> {
  const client = clients.compute(reference.subscriptionId);
  try {
    return await finalWhenAccepted(() =>
      captured(
        calls.create,
        () =>
          restorePoller(client, poller, client.virtualMachines.createOrUpdate, {
            updateIntervalInMs: clients.pollIntervalMs,
            abortSignal: signal,
          }).pollUntilDone({ abortSignal: signal }),
        signal,
      ),
    );
  } catch (error) {
    if (isStatus(error, 404)) return await awaitCreated(clients, reference, signal);
    throw error;
  }
}

/** Waits for a machine whose create call somebody else sent, or whose answer was lost, by looking at the machine. */
export async function awaitCreated(
  clients: AzureClients,
  reference: MachineReference,
  signal: AbortSignal,
): Promise<VirtualMachine> {
  const startedAt = clients.clock.now();
  for (;;) {
    const machine = await findMachine(clients, reference, signal);
    if (!machine) throw gone(reference);
    switch (machine.provisioningState?.toLowerCase()) {
      case 'succeeded':
        return machine;
      case 'failed':
      case 'canceled':
        throw toApplicationFailure(await createFailure(clients, reference, signal), calls.create, { final: true });
      case 'deleting':
        throw toApplicationFailure(foreignEnd(reference), calls.create, { final: true });
      default:
        await clients.clock.sleep(nextLookMs(clients, clients.clock.now() - startedAt), signal);
    }
  }
}

/**
 * Deletes a machine at once, without waiting for its operating system: what runs on it has ended or is given up. Its
 * disks and network interface go with it. Succeeds when there is none. Only a look at the machine proves that it is gone.
 */
export async function deleteMachine(
  clients: AzureClients,
  { subscriptionId, resourceGroup, name }: MachineReference,
  { signal, onAccepted }: { signal: AbortSignal; onAccepted: OnAccepted },
): Promise<void> {
  try {
    await captured(
      calls.delete,
      async () => {
        const poller = clients.compute(subscriptionId).virtualMachines.delete(resourceGroup, name, {
          forceDeletion: true,
          abortSignal: signal,
          updateIntervalInMs: clients.pollIntervalMs,
        });
        await poller.submitted();
        onAccepted(await poller.serialize());
        if (!poller.isDone) await firstLook(clients, signal);
        await poller.pollUntilDone({ abortSignal: signal });
      },
      signal,
    );
  } catch (error) {
    // Azure itself answers 204 for a machine that is gone; its resource group gone, or an operation forgotten, is a 404.
    if (!isStatus(error, 404)) throw error;
  }
}

/** Goes on waiting for a delete that an earlier attempt sent. Its end is judged by looking at the machine. */
export async function resumeDelete(
  clients: AzureClients,
  { subscriptionId }: MachineReference,
  poller: string,
  signal: AbortSignal,
): Promise<void> {
  const client = clients.compute(subscriptionId);
  try {
    await captured(
      calls.delete,
      () =>
        restorePoller(client, poller, client.virtualMachines.delete, {
          updateIntervalInMs: clients.pollIntervalMs,
          abortSignal: signal,
        }).pollUntilDone({ abortSignal: signal }),
      signal,
    );
  } catch (error) {
    const over = error instanceof OutsideError && (error.evidence.accepted === true || error.evidence.status === 404);
    if (!over) throw error;
  }
}

/** Whether a deletion of it is under way. */
export function isDeleting({ provisioningState }: VirtualMachine): boolean {
  return provisioningState?.toLowerCase() === 'deleting';
}

/**
 * Waits until nobody finds the machine any more, whoever deletes it. Answers whether it is gone: false when it is not
 * being deleted, or when that takes longer than any deletion does, so that it is stuck and must be asked for again.
 */
export async function awaitGone(
  clients: AzureClients,
  reference: MachineReference,
  signal: AbortSignal,
): Promise<boolean> {
  const startedAt = clients.clock.now();
  for (;;) {
    const machine = await findMachine(clients, reference, signal);
    if (!machine) return true;
    const waited = clients.clock.now() - startedAt;
    if (!isDeleting(machine) || waited > stuckDeletionMs) return false;
    await clients.clock.sleep(nextLookMs(clients, waited), signal);
  }
}

/** No deletion takes this long; what does is begun anew. */
const stuckDeletionMs = 5 * 60_000;

/** Azure allows 12 reads of one machine a minute, and 36 at once: who waits for long looks less and less often. */
const longestLookMs = 30_000;

function nextLookMs({ pollIntervalMs }: AzureClients, waitedMs: number): number {
  return Math.max(pollIntervalMs, Math.min(longestLookMs, waitedMs / 10));
}

/**
 * The SDK looks at once and then as often as Azure says, every ten seconds. No machine comes or goes at once, and reads
 * are counted too.
 */
function firstLook({ clock, pollIntervalMs }: AzureClients, signal: AbortSignal): Promise<void> {
  return clock.sleep(2 * pollIntervalMs, signal);
}

/** Whether an outside service refused with one of these statuses. */
export function isStatus(error: unknown, ...statuses: number[]): boolean {
  return error instanceof OutsideError && statuses.includes(error.evidence.status ?? 0);
}

/** A create that Azure accepted and then failed leaves a broken machine: trying again could only meet that one. */
async function finalWhenAccepted<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OutsideError && error.evidence.accepted) {
      throw toApplicationFailure(error, calls.create, { final: true });
    }
    throw error;
  }
}

function gone({ name }: MachineReference): OutsideError {
  return new OutsideError({
    service: 'Azure',
    status: 404,
    codes: ['ResourceNotFound'],
    message: `The machine ${name} is gone.`,
  });
}

function foreignEnd({ name }: MachineReference): OutsideError {
  return new OutsideError({
    service: 'Azure',
    codes: ['OperationPreempted'],
    message: `The machine ${name} is being deleted while it is created.`,
  });
}

/** Why a create failed whose operation nobody can ask any more: `ProvisioningState/failed/<code>` in the instance view. */
async function createFailure(
  clients: AzureClients,
  reference: MachineReference,
  signal: AbortSignal,
): Promise<OutsideError> {
  const machine = await findMachine(clients, reference, signal, { instanceView: true });
  const statuses = machine?.instanceView?.statuses ?? [];
  const failed = statuses.find(({ code }) => code?.toLowerCase().startsWith('provisioningstate/failed'));
  const code = failed?.code?.split('/')[2];
  return new OutsideError({
    service: 'Azure',
    accepted: true,
    codes: [code ?? 'OperationFailed'],
    message: failed?.message ?? `The machine ${reference.name} is in the state ${machine?.provisioningState ?? 'gone'}`,
  });
}

import type { AzureClients } from './azure/clients.ts';
import { withProgress, type Progress } from './azure/heartbeat.ts';
import { findMachine, isDeleting, isOwn, type MachineReference } from './azure/machines.ts';
import { changePower, finalStart } from './azure/power.ts';
import { ownTags } from './azure/tags.ts';
import { classified } from './errors.ts';
import type { AgentActivities, AgentRegistrar, ParkInput, ParkOutcome, WakeOutcome } from './interfaces.ts';

/** What both remember from attempt to attempt. */
interface PowerChange {
  /** State of the SDK's poller; empty when that operation has failed. */
  poller: string;
  startSentAt: number;
}

/** The activities that park the machine of a stateful agent and wake it. */
export function createParkingActivities({
  azure,
  registrar,
}: {
  azure: AzureClients;
  registrar: AgentRegistrar;
}): Pick<AgentActivities, 'parkAgent' | 'wakeAgent'> {
  const isThere = async (
    { identity, workflowId }: ParkInput,
    reference: MachineReference,
    signal: AbortSignal,
  ): Promise<boolean> => {
    const machine = await findMachine(azure, reference, signal);
    if (!machine || isDeleting(machine)) return false;
    return await isOwn(azure, machine, ownTags(identity, workflowId), signal);
  };

  const park = async (
    input: ParkInput,
    progress: Progress<PowerChange>,
    signal: AbortSignal,
  ): Promise<{ outcome: ParkOutcome }> => {
    const { identity, registrationId, machine } = input;
    const reference = { ...machine, name: identity.agent };
    const poller = progress.value.poller || undefined;
    if (poller === undefined) {
      // The commit point: from here on no job can come, and none came before.
      const withdrawn = await classified('Agents_Update', () => registrar.withdraw(identity, registrationId));
      if (withdrawn !== 'withdrawn') return { outcome: withdrawn };
      if (!(await isThere(input, reference, signal))) return { outcome: 'gone' };
      await azure.pace('deletes', machine.subscriptionId, signal);
    }
    try {
      const onAccepted = (accepted: string) => progress.note({ poller: accepted });
      const parked = await changePower(azure, reference, 'deallocate', { poller, signal, onAccepted });
      return { outcome: parked ? 'parked' : 'gone' };
    } catch (error) {
      // The next attempt sends another operation: one that has failed will not end otherwise.
      if (!signal.aborted && poller !== undefined) progress.note({ poller: '' });
      throw error;
    }
  };

  const wake = async (input: ParkInput, progress: Progress<PowerChange>, signal: AbortSignal): Promise<WakeOutcome> => {
    const { identity, registrationId, machine } = input;
    const reference = { ...machine, name: identity.agent };
    const poller = progress.value.poller || undefined;
    if (poller === undefined) {
      if (!(await isThere(input, reference, signal))) return { outcome: 'gone' };
      await azure.pace('writes', machine.subscriptionId, signal);
    }
    const startSentAt = progress.value.startSentAt ?? azure.clock.now();
    progress.note({ startSentAt });
    try {
      const onAccepted = (accepted: string) => progress.note({ poller: accepted });
      if (!(await changePower(azure, reference, 'start', { poller, signal, onAccepted }))) return { outcome: 'gone' };
    } catch (error) {
      throw finalStart(error);
    }
    const runningAt = azure.clock.now();
    // Only now: an agent that is enabled and never comes up would look as if it were away for a moment.
    const admitted = await classified('Agents_Update', () => registrar.admit(identity, registrationId));
    return admitted === 'gone' ? { outcome: 'gone' } : { outcome: 'woken', startSentAt, runningAt };
  };

  return {
    parkAgent: (input) =>
      classified('virtualMachines.deallocate', () =>
        withProgress<PowerChange, { outcome: ParkOutcome }>((progress, signal) => park(input, progress, signal)),
      ),
    wakeAgent: (input) =>
      classified('virtualMachines.start', () =>
        withProgress<PowerChange, WakeOutcome>((progress, signal) => wake(input, progress, signal)),
      ),
  };
}

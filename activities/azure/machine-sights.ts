import type { VirtualMachine } from '@azure/arm-compute';
import type { MachineSight } from '../../domain/messages.ts';
import type { MachineSights } from '../interfaces.ts';
import { captured } from './capture.ts';
import { urgently, type AzureClients } from './clients.ts';
import { isDeleting } from './machines.ts';

interface Subscription {
  /** When the last look began; milliseconds since the epoch. */
  askedAt: number;
  asking: boolean;
  /** The last looks that succeeded, the latest first. */
  seen: { at: number; states: Map<string, MachineSight['state']> }[];
  problem?: string;
}

/**
 * Looks for machines with the one list that has their power states (`statusOnly=true`), and only while somebody asks:
 * a pool whose agents all speak costs no call. What is lost when the process ends is the time of the last look.
 *
 * @param betweenLooksMs one list of a subscription in so long, however many agents fall silent
 */
export function createMachineSights(clients: AzureClients, betweenLooksMs: number): MachineSights {
  const subscriptions = new Map<string, Subscription>();

  async function ask(subscriptionId: string, subscription: Subscription): Promise<void> {
    const at = clients.clock.now();
    Object.assign(subscription, { askedAt: at, asking: true });
    try {
      const states = await urgently(() => listStates(clients, subscriptionId));
      subscription.seen = [{ at, states }, ...subscription.seen.slice(0, 1)];
    } catch (error) {
      subscription.problem = error instanceof Error ? error.message : String(error);
    } finally {
      subscription.asking = false;
    }
  }

  return {
    look(subscriptionId, silent) {
      const key = subscriptionId.toLowerCase();
      const subscription = subscriptions.get(key) ?? { askedAt: -Infinity, asking: false, seen: [] };
      subscriptions.set(key, subscription);
      const { seen, problem } = subscription;
      delete subscription.problem;
      const sights = new Map<string, MachineSight>();
      for (const [name, since] of silent) {
        const [last, before] = seen.filter(({ at }) => at >= since);
        // A list that does not show a machine may be old; two in a row are not.
        const state =
          last?.states.get(name.toLowerCase()) ?? (before?.states.has(name.toLowerCase()) === false && 'gone');
        if (last && state) sights.set(name, { state, subscriptionId, at: last.at });
      }
      if (silent.size > 0 && !subscription.asking && clients.clock.now() - subscription.askedAt >= betweenLooksMs) {
        void ask(subscriptionId, subscription);
      }
      return problem === undefined ? { sights } : { sights, problem };
    },
  };
}

/** A page that fails fails the whole: a machine that is not on the pages that came is not gone. */
async function listStates(clients: AzureClients, subscriptionId: string): Promise<Map<string, MachineSight['state']>> {
  return await captured('virtualMachines.listAll', async () => {
    const states = new Map<string, MachineSight['state']>();
    for await (const machine of clients.compute(subscriptionId).virtualMachines.listAll({ statusOnly: 'true' })) {
      if (machine.name !== undefined) states.set(machine.name.toLowerCase(), stateOf(machine));
    }
    return states;
  });
}

/** One that is on its way down is as good as down; one without a power state is taken for running. */
function stateOf(machine: VirtualMachine): MachineSight['state'] {
  if (isDeleting(machine)) return 'gone';
  const codes = machine.instanceView?.statuses?.map(({ code }) => code?.toLowerCase() ?? '') ?? [];
  switch (codes.find((code) => code.startsWith('powerstate/'))?.slice('powerstate/'.length)) {
    case 'deallocating':
    case 'deallocated':
      return 'deallocated';
    case 'stopping':
    case 'stopped':
      return 'stopped';
    default:
      return 'running';
  }
}

import { createHash } from 'node:crypto';
import { activityInfo } from '@temporalio/activity';
import type { VirtualMachine } from '@azure/arm-compute';
import { defaultAgentPackages, type AgentPackage } from '../domain/agent-package.ts';
import { createParkingActivities } from './agent-parking.ts';
import type { ProxyCredential } from './azure/bootstrap/proxy-files.ts';
import type { AzureClients } from './azure/clients.ts';
import { customData } from './azure/custom-data.ts';
import { withProgress, type Progress } from './azure/heartbeat.ts';
import { createKeyStock, type KeyStock } from './azure/key-stock.ts';
import { removeLeftovers } from './azure/leftovers.ts';
import { machineBody, throwawaySshPublicKey } from './azure/machine-body.ts';
import {
  awaitCreated,
  awaitGone,
  calls,
  createMachine,
  deleteMachine,
  findMachine,
  isDeleting,
  isOwn,
  isStatus,
  resumeCreate,
  resumeDelete,
  type MachineReference,
} from './azure/machines.ts';
import { carriesAll, keyTagName, machineTags, ownTags, tagValue } from './azure/tags.ts';
import { classified, OutsideError, ownFailure } from './errors.ts';
import type {
  AgentActivities,
  AgentRegistrar,
  ProvisionedAgent,
  ProvisionInput,
  ReturnInput,
  ReturnOutcome,
} from './interfaces.ts';

/** What the two activities need. */
export interface AgentActivitiesOptions {
  azure: AzureClients;
  registrar: AgentRegistrar;
  /** Ready-made key pairs; a stock of its own when absent. */
  keys?: KeyStock;
  /** The agent's software for images without it; by default Microsoft's own. */
  agentPackage?: AgentPackage;
  /** Reads a credential that a pool names. Called when a machine is made, and never for another reason. */
  proxyCredential?(name: string): ProxyCredential;
}

/** What `provisionAgent` remembers from attempt to attempt. */
interface Provisioning {
  /** Fingerprint of the key that the registration was last made with. */
  key: string;
  registrationId: number;
  createSentAt: number;
  /** State of the SDK's poller. */
  poller: string;
}

/** What `returnAgent` remembers from attempt to attempt. */
interface Returning {
  poller: string;
}

/** The activities that make and remove an agent: its registration in Azure DevOps and its machine in Azure. */
export function createAgentActivities(options: AgentActivitiesOptions): AgentActivities {
  const { azure, registrar, keys = createKeyStock(), agentPackage = defaultAgentPackages.linux } = options;

  const provision = async (
    input: ProvisionInput,
    progress: Progress<Provisioning>,
    signal: AbortSignal,
    attempt: number,
  ): Promise<ProvisionedAgent> => {
    const { identity, machine, image, workflowId, stateful = false } = input;
    const reference = machineReference(identity.agent, machine);
    const own = ownTags(identity, workflowId);

    const finished = (
      made: VirtualMachine,
      { registrationId, createSentAt }: { registrationId: number; createSentAt: number },
    ): ProvisionedAgent => ({
      registrationId,
      resourceId: made.id ?? '',
      createSentAt,
      runningAt: azure.clock.now(),
      ...(made.priority === 'Spot' ? { spot: true as const } : {}),
    });

    const adopt = async (existing: VirtualMachine): Promise<ProvisionedAgent> => {
      if (!carriesAll(existing.tags, own)) throw foreignMachine(reference);
      // Two attempts at once may each have registered: the machine then holds a key that the server has replaced.
      const { key } = progress.value;
      if (key !== undefined && tagValue(existing.tags, keyTagName) !== key) throw keyReplaced(reference);
      const registrationId =
        progress.value.registrationId ??
        (await classified('Agents_List', () => registrar.find(identity)))?.registrationId;
      if (registrationId === undefined) throw registrationGone(reference);
      const createSentAt = progress.value.createSentAt ?? existing.timeCreated?.getTime() ?? azure.clock.now();
      return finished(await awaitCreated(azure, reference, signal), { registrationId, createSentAt });
    };

    const { poller, registrationId: knownRegistration, createSentAt: sentBefore } = progress.value;
    if (poller !== undefined && knownRegistration !== undefined && sentBefore !== undefined) {
      const made = await resumeCreate(azure, reference, poller, signal);
      return finished(made, { registrationId: knownRegistration, createSentAt: sentBefore });
    }
    // A first attempt needs no look: the create-only call itself tells.
    if (attempt > 1) {
      const existing = await findMachine(azure, reference, signal);
      if (existing) return await adopt(existing);
    }

    if (image.operatingSystem !== 'Linux') throw notLinux(image);
    // Before anything is made: a credential that is not there fails here.
    const proxyCredential = machine.proxy?.credential && options.proxyCredential?.(machine.proxy.credential);
    const key = await keys.take();
    progress.note({ key: key.fingerprint });
    const registration = await classified('Agents_Add', () =>
      registrar.register(identity, key.publicKey, { ImageOverride: image.name }),
    );
    progress.note({ registrationId: registration.registrationId });
    const body = machineBody({
      identity,
      machine,
      image: image.reference,
      tags: machineTags(machine.tags, own, key.fingerprint),
      customData: customData({
        identity,
        machine,
        image,
        registration,
        key,
        agentPackage,
        once: !stateful,
        ...(proxyCredential && { proxyCredential }),
      }),
      sshPublicKey: throwawaySshPublicKey(),
    });
    await azure.pace('writes', machine.subscriptionId, signal);
    const createSentAt = azure.clock.now();
    progress.note({ createSentAt });
    try {
      const made = await createMachine(azure, reference, body, {
        requestId: requestId(),
        signal,
        onAccepted: (accepted) => progress.note({ poller: accepted }),
      });
      return finished(made, { registrationId: registration.registrationId, createSentAt });
    } catch (error) {
      // Accepted: the next attempt resumes. Refused for any other reason than being there: nothing was made.
      if (progress.value.poller !== undefined || signal.aborted) throw error;
      if (!isStatus(error, 409, 412) && !isLost(error)) throw error;
      const existing = await findMachine(azure, reference, signal);
      if (existing) return await adopt(existing);
      throw error;
    }
  };

  const giveBack = async (
    { identity, workflowId, machine, registrationId }: ReturnInput,
    progress: Progress<Returning>,
    signal: AbortSignal,
  ): Promise<ReturnOutcome> => {
    // The commit point: as long as the server keeps the agent for a job, nothing of it is touched.
    const deregistered = await classified('Agents_Delete', () => registrar.deregister(identity, registrationId));
    if (deregistered === 'busy') return { outcome: 'busy' };
    const reference = machineReference(identity.agent, machine);
    const own = ownTags(identity, workflowId);
    if (progress.value.poller !== undefined) await resumeDelete(azure, reference, progress.value.poller, signal);
    const existing = await findMachine(azure, reference, signal);
    if (existing && (await isOwn(azure, existing, own, signal))) {
      // Somebody else's deletion, or an earlier attempt's, is waited for; one that is stuck is begun anew.
      let gone = isDeleting(existing) && (await awaitGone(azure, reference, signal));
      while (!gone) {
        await azure.pace('deletes', machine.subscriptionId, signal);
        await deleteMachine(azure, reference, {
          signal,
          onAccepted: (poller) => progress.note({ poller }),
        });
        gone = await awaitGone(azure, reference, signal);
      }
    }
    await removeLeftovers(azure, machine.subscriptionId, own, signal);
    return { outcome: 'returned' };
  };

  return {
    ...createParkingActivities({ azure, registrar }),
    provisionAgent: (input) =>
      classified(calls.create, () =>
        withProgress<Provisioning, ProvisionedAgent>((progress, signal, attempt) =>
          provision(input, progress, signal, attempt),
        ),
      ),
    returnAgent: (input) =>
      classified(calls.delete, () =>
        withProgress<Returning, ReturnOutcome>((progress, signal) => giveBack(input, progress, signal)),
      ),
  };
}

function machineReference(name: string, { subscriptionId, resourceGroup }: ReturnInput['machine']): MachineReference {
  return { subscriptionId, resourceGroup, name };
}

function isLost(error: unknown): boolean {
  return error instanceof OutsideError && error.evidence.service === 'network';
}

/** One id for every attempt of this activity, as Azure wants it: a UUID. */
function requestId(): string {
  const { workflowExecution, activityId } = activityInfo();
  const hash = createHash('sha256')
    .update(`${workflowExecution?.workflowId ?? ''}/${workflowExecution?.runId ?? ''}/${activityId}`)
    .digest('hex');
  return [hash.slice(0, 8), hash.slice(8, 12), hash.slice(12, 16), hash.slice(16, 20), hash.slice(20, 32)].join('-');
}

function foreignMachine({ name, resourceGroup }: MachineReference) {
  const message = `A machine named ${name} is in the resource group ${resourceGroup} and does not carry the tags of this agent.`;
  return ownFailure('ForeignMachine', message, calls.create);
}

function notLinux({ name, operatingSystem }: ProvisionInput['image']) {
  const message = `The image '${name}' runs ${operatingSystem}; machines are started by cloud-init, which needs Linux.`;
  return ownFailure('OperatingSystemNotSupported', message);
}

function keyReplaced({ name }: MachineReference) {
  const message = `Two attempts registered ${name} at the same time, and its machine holds the key that the other one replaced.`;
  return ownFailure('AgentKeyReplaced', message, calls.create);
}

function registrationGone({ name }: MachineReference) {
  const message = `The machine ${name} exists, and Azure DevOps does not know its agent any more.`;
  return ownFailure('RegistrationLost', message, 'Agents_List');
}

import { backOff } from './retry-rules.ts';
import type { OwnError } from './surfaced-error.ts';

/** What this system's activities and workflows find by themselves. */
export const ownErrors = {
  InvalidPool: {
    class: 'configuration',
    when: 'A pool document, or what it needs, is wrong. The details are the error body of Azure Resource Manager with every violation.',
    where: '`apply`, `resolvePool`, `checkMachine`, `checkOrganization`, `prepareAgentPool`',
    hint: 'Correct the document and apply it again.',
  },
  PoolIsBeingDeleted: {
    class: 'conflict',
    when: 'A document, or a verb such as purge or drain, came for a pool that is being deleted.',
    where: '`apply`, `purge`, `drain`, `resume`, `release`',
    retried: false,
    hint: 'Wait until the pool is gone; a document can then be applied again.',
  },
  PoolNotCreated: {
    class: 'conflict',
    when: 'A verb came for a pool of which no document was accepted yet.',
    where: '`purge`, `drain`, `resume`, `release`',
    retried: false,
    hint: 'Apply a document first.',
  },
  InvalidRequest: {
    class: 'configuration',
    when: 'What a verb was given is wrong, such as the name of an agent that is not there. The details name every violation.',
    where: '`purge`, `drain`, `release`',
    hint: 'Correct what the details name, then ask again. Nothing was done.',
  },
  ApplyFailed: {
    class: 'transient',
    when: 'A check of a document did not end in time, or was cancelled. Nothing was changed.',
    where: '`apply`',
    retried: false,
    hint: 'Look whether a worker runs for every task queue, then apply the document again.',
  },
  NothingToApprove: {
    class: 'conflict',
    when: 'An approval came to an audit that does not wait for one.',
    where: '`approve`',
    retried: false,
    hint: 'Look at what the audit does with `odp audit show`.',
  },
  ForeignMachine: {
    class: 'conflict',
    when: 'A machine of the agent’s name exists without its tags.',
    where: '`provisionAgent`',
    retried: false,
    hint: 'It was left as it is. Give the machines of this installation a resource group of their own.',
  },
  AgentKeyReplaced: {
    class: 'lost',
    when: 'Two attempts registered the agent at once, and its machine holds the key that the other one replaced.',
    where: '`provisionAgent`',
    retried: false,
    hint: 'The machine could never connect; it is returned and the pool creates another.',
  },
  RegistrationLost: {
    class: 'lost',
    when: 'The machine exists, and Azure DevOps does not know its agent any more.',
    where: '`provisionAgent`',
    retried: false,
    hint: 'The machine could never connect; it is returned and the pool creates another.',
  },
  OperatingSystemNotSupported: {
    class: 'configuration',
    when: 'The image is not a Linux image.',
    where: '`provisionAgent`',
    hint: 'Choose a Linux image.',
  },
  CustomDataTooLarge: {
    class: 'configuration',
    when: 'The first start of a machine needs more custom data than Azure takes.',
    where: '`provisionAgent`',
    hint: 'Shorten the work folder and the names of the pool.',
  },
  RegistrationIncomplete: {
    class: 'transient',
    when: 'Azure DevOps registered an agent and answered without what it needs to connect.',
    where: '`provisionAgent`',
    hint: 'The agent is registered anew.',
  },
  AgentDidNotConnect: {
    class: 'lost',
    when: 'A machine was created, and its agent was never online within 45 minutes.',
    where: '`agent`',
    retried: false,
    hint: 'Look at the boot diagnostics of the image and at the way from its subnet to Azure DevOps.',
  },
  LeftoversRemain: {
    class: 'conflict',
    when: 'A resource that carries the tags of a returned agent could not be removed.',
    where: '`returnAgent`',
    retryAfterMs: backOff.leftovers,
    hint: 'Look for locks on the resources that the message names, or remove them by hand.',
  },
  AgentPoolBusy: {
    class: 'conflict',
    when: 'A job still runs on an agent of an agent pool that is to be removed.',
    where: '`removeAgentPool`',
    retryAfterMs: backOff.busyAgentPool,
    hint: 'The agent pool is removed when the job has ended.',
  },
  AgentPoolNotListed: {
    class: 'transient',
    when: 'Azure DevOps made an agent pool and does not list it yet.',
    where: '`prepareAgentPool`',
    hint: 'Azure DevOps’ lists may lag by seconds.',
  },
  QueueNameTaken: {
    class: 'conflict',
    when: 'A project has a queue of the pool’s name that belongs to another agent pool.',
    where: '`prepareAgentPool`',
    hint: 'Rename or remove that queue in the project’s settings, or choose another alias for the pool.',
  },
  SecretNotFound: {
    class: 'configuration',
    when: 'A secret that the installation document refers to is not there. The reference is named, never the value.',
    where: 'worker and command line',
    hint: 'Put it where the installation document says, readable by the process, or correct the document.',
  },
  WorkerShutdown: {
    class: 'transient',
    when: 'The worker that observes an organisation shuts down. Another one goes on.',
    where: '`observeOrganization`',
    hint: 'Nothing is to be done while another worker runs.',
  },
  TimedOut: {
    class: 'transient',
    when: 'An activity did not end, or did not heartbeat, in time.',
    where: 'every workflow',
    hint: 'Look whether a worker runs for its task queue, and at that worker’s log.',
  },
  Unexpected: {
    class: 'transient',
    when: 'No outside service said this: most likely a fault of this system.',
    where: 'everywhere',
    hint: 'This is most likely a fault of this system; the worker’s log has the stack.',
  },
} as const satisfies Record<string, OwnError>;

/** A code for what this system itself found. */
export type OwnErrorCode = keyof typeof ownErrors;

import { backOff } from './retry-rules.ts';
import type { SurfacedError } from './surfaced-error.ts';

/**
 * What this system calls the refusals of Azure, Microsoft Entra ID, Azure DevOps, the engine and the network. Which
 * answers of theirs mean which code is in `activities/errors/`.
 */
export const outsideErrors = {
  // Azure
  Throttled: {
    class: 'throttled',
    retryAfterMs: backOff.throttled,
    hint: 'The service asks for fewer calls; they are spaced out.',
  },
  ForeignAddress: {
    class: 'configuration',
    hint: 'Look at resourceManagerEndpoint in the installation document: the answers of Azure must point to the same host.',
  },
  QuotaIsZero: {
    class: 'quota',
    retryAfterMs: backOff.zeroQuota,
    hint: 'This subscription has no quota for this size here. Ask for a quota increase, or choose another size.',
  },
  QuotaExceeded: {
    class: 'quota',
    retryAfterMs: backOff.quota,
    hint: 'The quota of this subscription and region is used up. Ask for an increase, or lower the maximum concurrency.',
  },
  SpotNotAvailable: {
    class: 'capacity',
    retryAfterMs: backOff.spotSku,
    hint: 'There is no spot capacity of this size here now. Regular machines or another size may have some.',
  },
  SkuNotAvailable: {
    class: 'capacity',
    retryAfterMs: backOff.sku,
    hint: 'This size is not offered to this subscription in this region. Choose another size or region.',
  },
  AllocationFailed: {
    class: 'capacity',
    retryAfterMs: backOff.allocation,
    hint: 'Azure has no room for this size in this region or zone now. Another size, zone or region may have some.',
  },
  OSProvisioningFailed: {
    class: 'configuration',
    hint: 'The operating system did not report ready. Look at the boot diagnostics; most often the image is not generalised or has no guest agent.',
  },
  ExtensionFailed: {
    class: 'configuration',
    hint: 'An extension of the machine failed. Its own log on the machine says why.',
  },
  SubnetIsFull: {
    class: 'capacity',
    retryAfterMs: backOff.subnet,
    hint: 'The subnet has no free address. Use a larger subnet, or lower the maximum concurrency.',
  },
  NetworkInterfaceReserved: {
    class: 'conflict',
    retryAfterMs: backOff.reservedNetworkInterface,
    hint: 'Azure keeps a network interface reserved for 180 seconds after its machine is gone.',
  },
  ImageNotFound: {
    class: 'configuration',
    hint: 'Name an image that exists in this region and that this identity may read.',
  },
  MarketplaceTermsNotAccepted: {
    class: 'configuration',
    hint: 'Accept the terms of the marketplace image in this subscription, or use an image without a plan.',
  },
  DisallowedByPolicy: {
    class: 'configuration',
    hint: 'An Azure Policy refuses this machine. Its assignment is named in the message.',
  },
  ScopeLocked: {
    class: 'configuration',
    hint: 'Remove the lock from the resource group of the machines.',
  },
  ProviderNotRegistered: {
    class: 'configuration',
    hint: 'Register the resource provider that the message names in this subscription.',
  },
  SubscriptionNotUsable: {
    class: 'configuration',
    hint: 'Name a subscription that exists, is enabled and that this identity may see.',
  },
  ResourceGroupNotFound: {
    class: 'configuration',
    hint: 'Create the resource group, or name one that exists.',
  },
  ResourceGroupBeingDeleted: {
    class: 'configuration',
    hint: 'Wait until the resource group is gone and create it anew, or name another.',
  },
  AuthorizationFailed: {
    class: 'permission',
    hint: 'Give this identity the role of docs/security.md on the scope that the message names.',
  },
  OperationPreempted: {
    class: 'conflict',
    hint: 'A later operation on the same resource ended this one.',
  },
  AnotherOperationInProgress: {
    class: 'conflict',
    retryAfterMs: backOff.busyResource,
    hint: 'Another operation holds the resource.',
  },
  ResourceNotFound: {
    class: 'lost',
    hint: 'Something that the call needs is gone.',
  },
  Conflict: {
    class: 'conflict',
    retryAfterMs: backOff.busyResource,
    hint: 'The resource is in another state than expected.',
  },
  RequestRefused: {
    class: 'configuration',
    hint: 'Change what the message names.',
  },
  AzureUnavailable: {
    class: 'transient',
    hint: 'A fault on the side of Azure.',
  },
  AzureOperationFailed: {
    class: 'transient',
    hint: 'Azure gives no known reason.',
  },

  // Microsoft Entra ID
  CredentialInvalid: {
    class: 'permission',
    hint: 'No token could be had, or Azure does not accept it. Look at the tenant, the client id and the secret in the installation document.',
  },
  CredentialExpired: {
    class: 'permission',
    hint: 'The client secret has expired. Make a new one and put it where the installation document points.',
  },
  EntraUnavailable: {
    class: 'transient',
    hint: 'A fault on the side of Entra ID.',
  },
  EntraUnreachable: {
    class: 'transient',
    hint: 'Look at the way from this worker to the authority host, and at its name in the installation document.',
  },

  // Azure DevOps
  AzureDevOpsCredentialInvalid: {
    class: 'permission',
    hint: 'Azure DevOps does not accept the credential. Look at the organisation in the installation document.',
  },
  AzureDevOpsAuthorizationFailed: {
    class: 'permission',
    hint: 'Make this identity Administrator of the agent pool, and of the organisation’s pools where a pool is to be created; let it edit builds in the projects, and queue them where lost jobs are to be run again.',
  },
  AzureDevOpsNotFound: {
    class: 'configuration',
    hint: 'Name an organisation, project or agent pool that exists and that this identity may see.',
  },
  AzureDevOpsConflict: {
    class: 'conflict',
    hint: 'Another change came first.',
  },
  AzureDevOpsRefused: {
    class: 'configuration',
    hint: 'Change what the message names.',
  },
  AzureDevOpsUnavailable: {
    class: 'transient',
    hint: 'A fault on the side of Azure DevOps.',
  },

  // The engine
  EngineBusy: {
    class: 'throttled',
    retryAfterMs: backOff.throttled,
    hint: 'The engine asks for fewer calls. Look at the limits of its namespace.',
  },
  EngineUnavailable: {
    class: 'transient',
    hint: 'Look at the engine and at the way from this worker to it.',
  },
  EngineRefused: {
    class: 'configuration',
    hint: 'Look at the namespace, its search attributes and the credential of the engine in the installation document.',
  },

  // The network
  CertificateNotTrusted: {
    class: 'configuration',
    hint: 'Name the certificate authority in the installation document (caCertificateFile), or look for a proxy in between.',
  },
  NameNotResolved: {
    class: 'transient',
    hint: 'Look at the endpoint in the installation document and at the DNS of this worker.',
  },
  Unreachable: {
    class: 'transient',
    hint: 'Look at the way from this worker to the endpoint.',
  },
  // After the request left, nobody knows whether it took effect: names make asking again harmless.
  ResponseLost: {
    class: 'lost',
    hint: 'The connection ended before the answer; whether the call took effect is looked up by name.',
  },
} as const satisfies Record<string, SurfacedError>;

/** A code for what an outside service said. */
export type OutsideErrorCode = keyof typeof outsideErrors;

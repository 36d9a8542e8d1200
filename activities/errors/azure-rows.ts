import type { CallName } from './calls.ts';
import type { ServiceRow } from './row.ts';

const create: readonly CallName[] = ['virtualMachines.createOrUpdate'];
const writes: readonly CallName[] = ['virtualMachines.createOrUpdate', 'tags.updateAtScope'];
const deletes: readonly CallName[] = ['virtualMachines.delete', 'resources.delete'];
const changes: readonly CallName[] = [...writes, ...deletes];

const quotaText =
  /Cores quota|quota limit|LowPriorityCores|Submit a request for Quota increase|exceeding (?:approved )?\S* ?quota/i;

/** The refusals of Azure Resource Manager and its resource providers. The first row that matches decides. */
export const azureRows: readonly ServiceRow[] = [
  // Compute's 429 carries the same outer code as a refused quota (OperationNotAllowed), so the status goes first.
  { status: [429], code: 'Throttled' },
  { codes: ['ForeignAddress'], code: 'ForeignAddress' },
  { text: /Current Limit: 0\b/i, calls: create, code: 'QuotaIsZero' },
  {
    codes: ['QuotaExceeded', 'OperationNotAllowed', 'ResourceQuotaExceeded'],
    text: quotaText,
    calls: create,
    code: 'QuotaExceeded',
  },
  { codes: ['QuotaExceeded', 'ResourceQuotaExceeded'], calls: create, code: 'QuotaExceeded' },
  { codes: ['SkuNotAvailable'], text: /spot|low.?priority/i, calls: create, code: 'SpotNotAvailable' },
  { codes: ['SkuNotAvailable', 'NotAvailableForSubscription'], calls: create, code: 'SkuNotAvailable' },
  {
    codes: [
      'AllocationFailed',
      'ZonalAllocationFailed',
      'OverconstrainedAllocationRequest',
      'OverconstrainedZonalAllocationRequest',
    ],
    calls: create,
    code: 'AllocationFailed',
  },
  {
    codes: ['OSProvisioningTimedOut', 'OSProvisioningInternalError', 'OSProvisioningClientError'],
    calls: create,
    code: 'OSProvisioningFailed',
  },
  {
    codes: [
      'VMExtensionProvisioningError',
      'VMExtensionHandlerNonTransientError',
      'VMExtensionProvisioningTimeout',
      'VMExtensionManagementInternalError',
    ],
    calls: create,
    code: 'ExtensionFailed',
  },
  { codes: ['SubnetIsFull', 'InsufficientSubnetSize'], calls: create, code: 'SubnetIsFull' },
  {
    codes: ['NicReservedForAnotherVm'],
    calls: ['virtualMachines.createOrUpdate', 'resources.delete'],
    code: 'NetworkInterfaceReserved',
  },
  {
    codes: ['ImageNotFound', 'PlatformImageNotFound', 'GalleryImageNotFound'],
    calls: create,
    code: 'ImageNotFound',
  },
  {
    codes: ['MarketplacePurchaseEligibilityFailed', 'ResourcePurchaseValidationFailed'],
    calls: create,
    code: 'MarketplaceTermsNotAccepted',
  },
  { codes: ['RequestDisallowedByPolicy', 'RequestDisallowedByAzure'], calls: changes, code: 'DisallowedByPolicy' },
  { codes: ['ScopeLocked'], calls: changes, code: 'ScopeLocked' },
  { codes: ['MissingSubscriptionRegistration'], code: 'ProviderNotRegistered' },
  {
    codes: ['SubscriptionNotFound', 'InvalidSubscriptionId', 'ReadOnlyDisabledSubscription'],
    code: 'SubscriptionNotUsable',
  },
  { codes: ['ResourceGroupNotFound'], calls: create, code: 'ResourceGroupNotFound' },
  { codes: ['ResourceGroupBeingDeleted'], calls: writes, code: 'ResourceGroupBeingDeleted' },
  {
    codes: ['AuthorizationFailed', 'LinkedAuthorizationFailed', 'LinkedAccessCheckFailed'],
    code: 'AuthorizationFailed',
  },
  {
    codes: [
      'InvalidAuthenticationToken',
      'InvalidAuthenticationTokenTenant',
      'ExpiredAuthenticationToken',
      'AuthenticationFailed',
    ],
    code: 'CredentialInvalid',
  },
  { codes: ['OperationPreempted', 'OperationCanceled', 'Canceled'], calls: changes, code: 'OperationPreempted' },
  {
    codes: [
      'AnotherOperationInProgress',
      'RetryableErrorDueToAnotherOperation',
      'AttachDiskWhileBeingDetached',
      'ReferencedResourceNotProvisioned',
      'InUseSubnetCannotBeDeleted',
      // Its machine is still being deleted: the interface goes a moment later.
      'NicInUse',
    ],
    calls: changes,
    code: 'AnotherOperationInProgress',
  },
  {
    codes: [
      'InternalServerError',
      'InternalExecutionError',
      'ServerTimeout',
      'InternalOperationError',
      'NetworkingInternalOperationError',
    ],
    code: 'AzureUnavailable',
  },
  {
    codes: [
      'InvalidParameter',
      'PropertyChangeNotAllowed',
      'InvalidRequestContent',
      'InvalidRequestFormat',
      'BadRequest',
      'InvalidTemplate',
      'UnsupportedForceDeletionResourceTypeInQueryString',
      'LocationNotAvailableForResourceType',
      'InvalidResourceReference',
      'NotEmulated',
    ],
    code: 'RequestRefused',
  },
  { status: [401], code: 'CredentialInvalid' },
  { status: [403], code: 'AuthorizationFailed' },
  { status: [404], code: 'ResourceNotFound' },
  { status: [409, 412], code: 'Conflict' },
  { status: [408, [500, 599]], code: 'AzureUnavailable' },
  { status: [[400, 499]], code: 'RequestRefused' },
  { code: 'AzureOperationFailed' },
];

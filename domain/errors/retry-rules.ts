import type { FailureClass } from '../failure.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/**
 * How long creating again would only repeat a failure. Sources: the back-off times of karpenter-provider-azure and
 * azure-sdk-for-go-extensions for quota, allocation and SKU; `NicReservedForAnotherVm` says 180 seconds itself.
 */
export const backOff = {
  /** A family's quota is used up; machines of others end within minutes. */
  quota: 10 * minute,
  /** A quota of zero changes only when somebody asks Microsoft. */
  zeroQuota: hour,
  /** No capacity in the region or zone. */
  allocation: hour,
  /** No spot capacity of this size. */
  spotSku: hour,
  /** The size is closed to this subscription here. */
  sku: 23 * hour,
  /** A network interface stays reserved this long after its machine is gone. */
  reservedNetworkInterface: 3 * minute,
  /** A full subnet empties as machines go. */
  subnet: 10 * minute,
  /** Throttled without a `Retry-After`: the buckets of Azure Resource Manager refill within twenty seconds. */
  throttled: 10 * second,
  /** Another operation holds the resource. */
  busyResource: 10 * second,
  /** A job that keeps an agent pool may run for days; its end is seen within this. */
  busyAgentPool: 30 * second,
  /** A lock or a foreign resource keeps a leftover; only people change that. */
  leftovers: minute,
} as const;

/** The one retry rule of a class: whether the engine tries the same call again by itself. */
export const retriedByEngine: Readonly<Record<FailureClass, boolean>> = {
  throttled: true,
  /** Another size, zone or time may serve: the workflow gives this machine up and the pool decides. */
  capacity: false,
  quota: false,
  /** Only an operator or a team can mend it. */
  configuration: false,
  permission: false,
  /** The answer or the thing is gone: asking again tells. */
  lost: true,
  conflict: true,
  transient: true,
};

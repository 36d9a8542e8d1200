import type { SurfacedErrorCode } from '../error-catalogue.ts';
import { backOff } from '../errors/retry-rules.ts';
import type { Place } from './place.ts';

/** What of a refused attempt a refusal speaks about. What is not named does not matter to it. */
export type ScopePart = 'image' | 'vmSize' | 'zone' | 'priority' | 'location' | 'subnetId';

/** One kind of refusal: what it closes, and for how long. */
export interface RefusalRule {
  code: SurfacedErrorCode;
  /** Only where Azure's own code is one of these. */
  azureCodes?: readonly string[];
  /** Only where the message says this. */
  text?: RegExp;
  /** Only for machines of this priority. */
  priority?: Place['priority'];
  closes: readonly ScopePart[];
  /** Milliseconds. */
  ttlMs: number;
  /** Where scope and time come from, and why the scope is no wider. */
  source: string;
}

/** One machine as it was asked for. */
const candidate: readonly ScopePart[] = ['vmSize', 'zone', 'priority', 'location'];

/** Only people change a policy, a right or a request that is wrong; they see the cause within this. */
const byPeople = 10 * 60_000;

const karpenter = 'karpenter-provider-azure and azure-sdk-for-go-extensions';

const quotas: readonly { text?: RegExp; closes: readonly ScopePart[]; source: string }[] = [
  {
    text: /LowPriorityCores|Low.?Priority|Total Regional Spot/i,
    closes: ['priority', 'location'],
    source: 'One quota of a region counts Spot machines of every size',
  },
  {
    text: /Total Regional/i,
    closes: ['priority', 'location'],
    source: 'One quota of a region counts regular machines of every size; Spot has its own',
  },
  {
    // The message begins with the name of our own call, which has these words too.
    text: /approved Virtual ?Machines\b/i,
    closes: ['location'],
    source: 'One quota of a region counts all machines',
  },
  {
    closes: ['vmSize', 'priority', 'location'],
    source: 'The quota of a family; the sizes of a pool are each of another series, so the size stands for the family',
  },
];

/**
 * Which refusal of a create closes what, and for how long. The first that matches decides. A failure without a row says
 * nothing about the place: it holds the image, as in a pool that has only one place.
 */
export const refusalRules: readonly RefusalRule[] = [
  ...quotas.map((quota): RefusalRule => ({
    code: 'QuotaIsZero',
    ...quota,
    ttlMs: backOff.zeroQuota,
    source: `${quota.source}. One hour: ${karpenter}.`,
  })),
  ...quotas.map((quota): RefusalRule => ({
    code: 'QuotaExceeded',
    ...quota,
    ttlMs: backOff.quota,
    source: `${quota.source}. Ten minutes: ${karpenter}.`,
  })),
  {
    code: 'SpotNotAvailable',
    closes: candidate,
    ttlMs: backOff.spotSku,
    source: `No Spot capacity of this size here. One hour: ${karpenter}.`,
  },
  {
    code: 'SkuNotAvailable',
    priority: 'Spot',
    closes: candidate,
    ttlMs: backOff.spotSku,
    source: `Azure says the same for "no Spot capacity". One hour: ${karpenter}.`,
  },
  {
    code: 'SkuNotAvailable',
    closes: candidate,
    ttlMs: backOff.sku,
    source: `The size is closed to this subscription in this zone or region. 23 hours: ${karpenter}.`,
  },
  {
    code: 'AllocationFailed',
    azureCodes: ['ZonalAllocationFailed', 'OverconstrainedZonalAllocationRequest'],
    closes: candidate,
    ttlMs: backOff.allocation,
    source: `This zone only: others may have room (karpenter-provider-azure #43, #892). One hour: ${karpenter}.`,
  },
  {
    code: 'AllocationFailed',
    azureCodes: ['OverconstrainedAllocationRequest'],
    closes: candidate,
    ttlMs: backOff.allocation,
    source: `This set of constraints only: size, zone and priority together (karpenter-provider-azure #892). One hour: ${karpenter}.`,
  },
  {
    code: 'AllocationFailed',
    closes: candidate,
    ttlMs: backOff.allocation,
    source: `A machine without a zone may fail where one in a zone has room (skypilot #10145). One hour: ${karpenter}.`,
  },
  {
    code: 'SubnetIsFull',
    closes: ['location', 'subnetId'],
    ttlMs: backOff.subnet,
    source: 'Every size takes one address of this subnet. Addresses come back as machines go.',
  },
  {
    code: 'AuthorizationFailed',
    closes: ['location', 'subnetId'],
    ttlMs: byPeople,
    source: 'The right to join a subnet is given subnet by subnet.',
  },
  {
    code: 'ImageNotFound',
    closes: ['image', 'location'],
    ttlMs: byPeople,
    source: 'Images are replicated region by region.',
  },
  {
    code: 'DisallowedByPolicy',
    closes: ['vmSize', 'priority', 'location'],
    ttlMs: byPeople,
    source: 'Policies allow sizes and regions, and may forbid Spot.',
  },
  {
    code: 'RequestRefused',
    closes: ['image', ...candidate],
    ttlMs: byPeople,
    source: 'This very request: the image may not fit the size, as with NVMe disk controllers.',
  },
];

/** A failed create, as far as the rules need it. */
export interface Refusal {
  code: string;
  /** Azure's own code. */
  azureCode?: string;
  message: string;
}

/** The rule for a refusal at a place; undefined where it says nothing about the place. */
export function refusalRule({ code, azureCode, message }: Refusal, place: Place): RefusalRule | undefined {
  return refusalRules.find(
    (rule) =>
      rule.code === code &&
      (rule.azureCodes === undefined || (azureCode !== undefined && rule.azureCodes.includes(azureCode))) &&
      (rule.text?.test(message) ?? true) &&
      (rule.priority ?? place.priority) === place.priority,
  );
}

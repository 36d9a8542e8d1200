import type { Clock } from '../core/context.ts';
import { ArmError } from './errors.ts';

/** A token bucket: `capacity` calls at once, `perSecond` more each second. */
interface BucketRule {
  capacity: number;
  perSecond: number;
}

/**
 * Limits of Resource Manager per subscription, principal and kind of call. Source: "Understand how Azure Resource Manager
 * throttles requests": reads 250 + 25/s, writes and deletes 200 + 10/s each.
 */
const gateRules = {
  reads: { capacity: 250, perSecond: 25 },
  writes: { capacity: 200, perSecond: 10 },
  deletes: { capacity: 200, perSecond: 10 },
} as const satisfies Record<string, BucketRule>;

/** Groups of calls that Microsoft.Compute limits together. */
export type ComputePolicy = 'PutVM' | 'UpdateVM' | 'DeleteVM' | 'LowCostGet' | 'HighCostGet' | 'GetOperation';

const perMinute = (refill: number, capacity: number): BucketRule => ({ capacity, perSecond: refill / 60 });

/** Source: "Compute throttling limits" of Microsoft's documentation; per minute, refill and maximum. */
const computeRules: Record<ComputePolicy, { resource?: BucketRule; subscription: BucketRule }> = {
  PutVM: { resource: perMinute(4, 12), subscription: perMinute(500, 1500) },
  UpdateVM: { resource: perMinute(4, 12), subscription: perMinute(500, 1500) },
  DeleteVM: { resource: perMinute(4, 12), subscription: perMinute(500, 1500) },
  LowCostGet: { resource: perMinute(12, 36), subscription: perMinute(8000, 24_000) },
  HighCostGet: { subscription: perMinute(300, 900) },
  GetOperation: { resource: perMinute(15, 45), subscription: perMinute(5000, 15_000) },
};

/** Buckets of single machines that are kept; a bucket that is forgotten is full again. */
const rememberedBuckets = 50_000;

/** What a call draws on. */
export interface ThrottledCall {
  method: string;
  subscriptionId: string;
  principalId: string;
  location: string;
  compute?: { policy: ComputePolicy; resource: string | undefined };
}

/** Counts calls, and refuses them when `strict`. */
export interface Throttle {
  /** The headers that tell what is left, or throws 429. */
  take(call: ThrottledCall): Record<string, string>;
  strict: boolean;
}

/** Buckets that follow `clock`; when the cloud is `scale` times as slow, they fill that much slower. */
export function createThrottle(clock: Clock, scale: () => number, strict: boolean): Throttle {
  const buckets = new Map<string, { left: number; at: number }>();

  function bucketOf(key: string, rule: BucketRule): { left: number; at: number } {
    const now = clock.now();
    let bucket = buckets.get(key);
    if (bucket === undefined) {
      if (buckets.size >= rememberedBuckets) buckets.clear();
      bucket = { left: rule.capacity, at: now };
      buckets.set(key, bucket);
    } else {
      const seconds = (now - bucket.at) / 1000 / scale();
      bucket.left = Math.min(rule.capacity, bucket.left + seconds * rule.perSecond);
      bucket.at = now;
    }
    return bucket;
  }

  /** Seconds until the bucket holds one call, by the cloud's clock; at least the one that the header can express. */
  const wait = (bucket: { left: number }, rule: BucketRule): number =>
    Math.max(1, Math.ceil(((1 - bucket.left) / rule.perSecond) * scale()));

  const throttle: Throttle = {
    strict,
    take({ method, subscriptionId, principalId, location, compute }) {
      const kind = method === 'GET' || method === 'HEAD' ? 'reads' : method === 'DELETE' ? 'deletes' : 'writes';
      const gateRule = gateRules[kind];
      const gate = bucketOf(`${kind}/${subscriptionId}/${principalId}`, gateRule);
      const header = `x-ms-ratelimit-remaining-subscription-${kind}`;
      if (gate.left < 1 && throttle.strict) {
        const seconds = String(wait(gate, gateRule));
        throw new ArmError(
          429,
          {
            code: 'SubscriptionRequestsThrottled',
            message: `Number of requests for subscription '${subscriptionId}' and operation '${kind}' exceeded the backend storage limit. Please try again after '${seconds}' seconds.`,
          },
          { 'retry-after': seconds, [header]: '0' },
        );
      }
      const drawn = [gate];
      const remaining: string[] = [];
      if (compute !== undefined) {
        const rules = computeRules[compute.policy];
        const wanted: [string, BucketRule, string][] = [
          [
            `${compute.policy}/${subscriptionId}/${location}`,
            rules.subscription,
            `${compute.policy}SubscriptionMaximum`,
          ],
        ];
        if (rules.resource !== undefined && compute.resource !== undefined) {
          wanted.push([`${compute.policy}/${compute.resource}`, rules.resource, `${compute.policy}ResourceMaximum`]);
        }
        for (const [key, rule, name] of wanted) {
          const bucket = bucketOf(key, rule);
          if (bucket.left < 1 && throttle.strict)
            throw computeThrottled(clock, name, rule, wait(bucket, rule), header, gate.left);
          drawn.push(bucket);
          remaining.push(`Microsoft.Compute/${name};${String(Math.max(0, Math.floor(bucket.left - 1)))}`);
        }
      }
      for (const bucket of drawn) bucket.left = Math.max(0, bucket.left - 1);
      return {
        [header]: String(Math.max(0, Math.floor(gate.left))),
        [header.replace('subscription-', 'subscription-global-')]: String(Math.max(0, Math.floor(gate.left)) * 15),
        ...(remaining.length > 0 ? { 'x-ms-ratelimit-remaining-resource': remaining.join(',') } : {}),
      };
    },
  };
  return throttle;
}

function computeThrottled(
  clock: Clock,
  group: string,
  rule: BucketRule,
  seconds: number,
  header: string,
  left: number,
): ArmError {
  const now = clock.now();
  return new ArmError(
    429,
    {
      code: 'OperationNotAllowed',
      message: 'The server rejected the request because too many requests have been received for this subscription.',
      details: [
        {
          code: 'TooManyRequests',
          target: group,
          message: JSON.stringify({
            operationGroup: group,
            startTime: new Date(now - 60_000).toISOString(),
            endTime: new Date(now).toISOString(),
            allowedRequestCount: rule.capacity,
            measuredRequestCount: rule.capacity + 1,
          }),
        },
      ],
    },
    {
      'retry-after': String(seconds),
      'x-ms-ratelimit-remaining-resource': `Microsoft.Compute/${group};0`,
      [header]: String(Math.floor(left)),
    },
  );
}

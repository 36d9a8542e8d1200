import { z } from 'zod';
import { subnetIdPattern } from '../arm-id.ts';
import { int, text } from '../validation/bounded.ts';
import { list, timeSpanOfAWeek } from './primitives.ts';

/**
 * `properties.operatorProfile`: what a pool can have only because its machines are in the operator's own subscription.
 * The product's resource model has no such block; an api-version of ours carries it.
 */

const spot = z.strictObject({
  maximumPrice: z
    .number()
    .positive('It must be more than 0; leave it out to pay up to the regular price.')
    .max(10_000, 'It must be at most 10,000.')
    .exactOptional()
    .describe('The most that an hour of a machine may cost, in US dollars; absent: up to the regular price.'),
  fallback: z
    .enum(['Regular', 'None'])
    .exactOptional()
    .meta({ description: 'What to take where no spot machine is to be had.', default: 'Regular' }),
});

const region = z.strictObject({
  location: text(90)
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9 -]*$/, 'It must be the name of a region, such as westeurope.')
    .describe('A further region, such as northeurope.'),
  subnetId: text(2_048)
    .regex(
      subnetIdPattern,
      'It must be the ARM id of a subnet: /subscriptions/…/resourceGroups/…/providers/Microsoft.Network/virtualNetworks/…/subnets/….',
    )
    .describe('Subnet of the machines in that region.'),
});

const proxy = z.strictObject({
  url: text(2_048)
    .refine((url) => URL.canParse(url) && /^https?:\/\/[^/@]+\/?$/.test(url), {
      error: 'It must be http://HOST:PORT or https://HOST:PORT, without user and path.',
    })
    .describe('Address of the proxy.'),
  credential: text(100)
    .exactOptional()
    .describe('Name of a proxy credential in the installation; the document never holds a password.'),
  bypass: z
    .array(text(500))
    .max(100, 'It must have at most 100 items.')
    .exactOptional()
    .describe('Regular expressions of addresses that are reached without the proxy.'),
});

/** Checked by hand, so that the JSON schema names no format that editors do not know. */
const addressPrefix = z.union([z.cidrv4(), z.cidrv6()]);

const outbound = z.strictObject({
  serviceTags: z
    .array(text(100).regex(/^[A-Za-z][A-Za-z0-9.]*$/, 'It must be a service tag, such as AzureDevOps.'))
    .max(50, 'It must have at most 50 items.')
    .exactOptional()
    .describe('Service tags that the machines may reach.'),
  addressPrefixes: z
    .array(
      text(64).refine(
        (prefix) => addressPrefix.safeParse(prefix).success,
        'It must be an address prefix, such as 20.42.0.0/16.',
      ),
    )
    .max(200, 'It must have at most 200 items.')
    .exactOptional()
    .describe('Address prefixes that the machines may reach.'),
});

const retainedFailures = z.strictObject({
  count: int(1, 10).describe('The most machines that are kept at one time.'),
  timeSpan: timeSpanOfAWeek()
    .exactOptional()
    .meta({ description: 'How long each is kept, d.hh:mm:ss.', default: '1.00:00:00' }),
});

export const operatorProfile = z.strictObject({
  recycle: z.enum(['Replace', 'Reimage']).exactOptional().meta({
    description: 'How a stateless machine becomes clean for standby: a new one, or its disk anew.',
    default: 'Replace',
  }),
  park: z.boolean().exactOptional().meta({
    description: 'A stateful machine that nobody needs is deallocated, and its disks are kept.',
    default: false,
  }),
  spot: spot.exactOptional().describe('Machines at the spot price, which Azure may evict.'),
  zones: list(z.enum(['1', '2', '3']), 3)
    .exactOptional()
    .describe('Availability zones, in order of preference.'),
  regions: list(region, 10)
    .exactOptional()
    .describe('Further regions, in order of preference, for when the first has no capacity or quota.'),
  proxy: proxy.exactOptional().describe('Proxy that agents and their jobs use.'),
  outbound: outbound.exactOptional().describe('The only addresses that the machines of an isolated network may reach.'),
  retainedFailures: retainedFailures
    .exactOptional()
    .describe('Machines whose start or agent failed are kept for inspection.'),
  retryLostJobs: z
    .boolean()
    .exactOptional()
    .meta({ description: 'The stage of a job that lost its machine is run once more.', default: false }),
});

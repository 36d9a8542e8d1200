import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { callSites, refusals, type CallSite, type Refusal } from '../../activities/errors/call-sites.ts';
import { calls } from '../../activities/errors/calls.ts';
import type { OutsideService } from '../../activities/errors/outside-error.ts';
import { isRetried, type SurfacedErrorCode } from '../../domain/error-catalogue.ts';
import type { Fault } from '../../emulator/core/context.ts';
import { canMeet, isTriedAgain } from '../../scripts/errors-reference.ts';
import { closeCloud, cloud } from './activities-azure-support.ts';
import { startAzureDevOps, type TestAzureDevOps } from './activities-devops-support.ts';
import { scenarioOf, startRefusingActivities, type RefusingEngine } from './errors-scenarios.ts';
import { canaries, expectFailure } from './errors-support.ts';

/**
 * Every call site of the catalogue × every kind of refusal. The embedded cloud refuses exactly that operation; the
 * activity, with the real SDK inside, must end as the catalogue says.
 */

let devops: TestAzureDevOps;
let engine: RefusingEngine;
beforeAll(async () => {
  devops = await startAzureDevOps();
  engine = await startRefusingActivities();
});
beforeEach(() => {
  cloud.context.faults.clear();
  devops.faults.clear();
});
afterAll(async () => {
  await engine.close();
  await devops.close();
  closeCloud();
});

interface Sample {
  effect: Fault['effect'];
  /** The same for the engine: a gRPC status, or a cut connection. */
  grpc?: number | 'cut';
  code: SurfacedErrorCode;
  retryAfterMs?: number;
}

const reject = (status: number, code: string, message = 'Refused.', retryAfterSeconds?: number): Fault['effect'] => ({
  kind: 'reject',
  status,
  code,
  message: `${message} ${canaries}`,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});
const lost: Fault['effect'] = { kind: 'loseResponse' };
const quota = 'exceeding approved standardDADSv5Family Cores quota. Current Limit: 10.';

/** One typical refusal of each kind, and the code that the error table gives it. */
const samples: Partial<Record<OutsideService, Partial<Record<Refusal, Sample>>>> = {
  Azure: {
    throttled: { effect: reject(429, 'TooManyRequests', '', 7), code: 'Throttled', retryAfterMs: 7_000 },
    quota: { effect: reject(409, 'OperationNotAllowed', quota), code: 'QuotaExceeded' },
    capacity: { effect: reject(409, 'SkuNotAvailable'), code: 'SkuNotAvailable' },
    configuration: { effect: reject(400, 'InvalidParameter'), code: 'RequestRefused' },
    credential: { effect: reject(401, 'InvalidAuthenticationToken'), code: 'CredentialInvalid' },
    permission: { effect: reject(403, 'AuthorizationFailed'), code: 'AuthorizationFailed' },
    notFound: { effect: reject(404, 'ResourceNotFound'), code: 'ResourceNotFound' },
    lost: { effect: lost, code: 'ResponseLost' },
    conflict: { effect: reject(409, 'AnotherOperationInProgress'), code: 'AnotherOperationInProgress' },
    transient: { effect: reject(503, 'ServiceUnavailable'), code: 'AzureUnavailable' },
  },
  'Azure DevOps': {
    throttled: { effect: reject(429, 'RequestBlockedException', '', 7), code: 'Throttled', retryAfterMs: 7_000 },
    configuration: { effect: reject(400, 'VssPropertyValidationException'), code: 'AzureDevOpsRefused' },
    credential: { effect: reject(401, 'UnauthorizedRequestException'), code: 'AzureDevOpsCredentialInvalid' },
    permission: { effect: reject(403, 'AccessDeniedException'), code: 'AzureDevOpsAuthorizationFailed' },
    notFound: { effect: reject(404, 'NotFoundException'), code: 'AzureDevOpsNotFound' },
    lost: { effect: lost, code: 'ResponseLost' },
    conflict: { effect: reject(409, 'ConflictException'), code: 'AzureDevOpsConflict' },
    transient: { effect: reject(503, 'ServiceUnavailable'), code: 'AzureDevOpsUnavailable' },
  },
  Temporal: {
    throttled: { effect: lost, grpc: 8, code: 'EngineBusy' },
    configuration: { effect: lost, grpc: 3, code: 'EngineRefused' },
    credential: { effect: lost, grpc: 16, code: 'EngineRefused' },
    permission: { effect: lost, grpc: 7, code: 'EngineRefused' },
    notFound: { effect: lost, grpc: 5, code: 'EngineRefused' },
    lost: { effect: lost, grpc: 'cut', code: 'EngineUnavailable' },
    conflict: { effect: lost, grpc: 10, code: 'EngineUnavailable' },
    transient: { effect: lost, grpc: 14, code: 'EngineUnavailable' },
  },
};

const siteName = ({ activity, operation, retry }: CallSite) => `${activity}${retry ? ' again' : ''}: ${operation}`;

/** Puts the refusal in place. A conflict stays: who answers it by asking again must come to an end all the same. */
function refuse({ activity, call, operation }: CallSite, refusal: Refusal, { effect, grpc }: Sample): void {
  const times = refusal === 'conflict' && activity !== 'observeOrganization' ? {} : { times: 1 };
  if (grpc !== undefined) engine.answer(grpc === 'cut' ? 'cut' : { status: grpc, message: canaries });
  else if (calls[call].service === 'Azure') {
    cloud.context.faults.add({ match: { service: 'arm', operation }, effect, ...times });
  } else devops.faults.add({ match: { operation }, effect, ...times });
}

const cases = callSites.flatMap((site) =>
  refusals
    .filter((refusal) => canMeet(site, refusal))
    .map((refusal) => ({
      name: `${siteName(site)} refused as ${refusal}: ${site.handled?.[refusal]?.end ?? 'fails'}`,
      site,
      refusal,
    })),
);

describe('a call that is refused', () => {
  test.each(cases)('$name', async ({ site, refusal }) => {
    const sample = samples[calls[site.call].service]?.[refusal];
    if (!sample) throw new Error(`no sample of ${refusal} for ${site.call}`);
    const run = await scenarioOf(site, { devops, engine }, refusal);
    refuse(site, refusal, sample);
    const error = await run().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const met = [...cloud.context.faults.list(), ...devops.faults.list()].filter(({ times }) => times !== undefined);
    expect(met).toEqual([]);

    const end = site.handled?.[refusal]?.end ?? sample.code;
    if (end === 'succeeds') return expect(error).toBeUndefined();
    if (end === 'InvalidPool') return expect(error).toMatchObject({ type: 'InvalidPool', nonRetryable: true });
    const own = site.handled?.[refusal]?.end !== undefined;
    const { retryAfterMs } = sample;
    const asSaid = own || retryAfterMs === undefined ? {} : { retryAfterMs };
    expectFailure(error, { code: end, ...(own ? {} : { call: site.call }), ...asSaid, hint: 'any' });
    if (!own) expect(isRetried(sample.code)).toBe(isTriedAgain(site, refusal));
    expect(error).toBeInstanceOf(ApplicationFailure);
  });
});

test('every operation that an activity calls is among the call sites', async () => {
  const known = new Map(Map.groupBy(callSites, ({ activity }) => activity));
  // Sign-in and the bootstrap of the clients, which ask once for many calls.
  const shared =
    /^(Token_Create|OpenIdConfiguration_Get|Keys_List|Locations_List|Locations_ListAll|ResourceAreas_\w+)$/;
  for (const [activity, sites] of known) {
    if (calls[sites[0]!.call].service === 'Temporal') continue;
    const operations = new Set(sites.map(({ operation }) => operation));
    for (const site of sites) {
      const run = await scenarioOf(site, { devops, engine });
      const before = [cloud, devops].map(({ context }) => context.ledger.entries('call').length);
      await run();
      const called = [cloud, devops].flatMap(({ context }, index) =>
        context.ledger.entries('call').slice(before[index]),
      );
      const unknown = called
        .map(({ operation }) => operation)
        .filter((name) => !operations.has(name) && !shared.test(name));
      expect(`${activity}: ${[...new Set(unknown)].join(', ')}`).toBe(`${activity}: `);
    }
  }
});

import { afterAll, describe, expect, test } from '@jest/globals';
import { createAgentActivities } from '../../activities/agent.ts';
import { mergeTags } from '../../activities/audit/cloud.ts';
import { classified, rowOf } from '../../activities/errors.ts';
import type { CallName } from '../../activities/errors/calls.ts';
import type { Evidence } from '../../activities/errors/outside-error.ts';
import type { ErrorRow } from '../../activities/errors/row.ts';
import { errorTable } from '../../activities/errors/table.ts';
import type { ProvisionInput } from '../../activities/interfaces.ts';
import type { Fault } from '../../emulator/core/context.ts';
import { describeMatch } from '../../scripts/errors-reference.ts';
import { inProcessTransport } from '../support/azure-in-process.ts';
import { createAzureClients } from '../../activities/azure/clients.ts';
import {
  addFault,
  attempt,
  azureOf,
  closeCloud,
  cloud,
  keys,
  machinePath,
  newInput,
  ownTags,
  putNetworkInterface,
  registrar,
} from './activities-azure-support.ts';
import { canaries, canary, expectFailure } from './errors-support.ts';

/**
 * Every refusal of Azure in the error table, provoked at every call that can meet it: the embedded cloud refuses, the
 * real SDK reads, the real activity fails. The cases are made from the table; a code without a sample here fails.
 */

afterAll(closeCloud);

/** How a code arrives: with an HTTP status, or late, as the end of an operation that Azure had accepted. */
type Arrival = number | 'late';

/** By code. The statuses are those of `docs/reference/errors.md`' sources; where none is known, the likely one. */
const arrivals: Readonly<Record<string, readonly Arrival[]>> = {
  QuotaExceeded: [409, 'late'],
  OperationNotAllowed: [409],
  ResourceQuotaExceeded: [409],
  SkuNotAvailable: [409],
  NotAvailableForSubscription: [409],
  AllocationFailed: [409, 'late'],
  ZonalAllocationFailed: [409, 'late'],
  OverconstrainedAllocationRequest: ['late'],
  OverconstrainedZonalAllocationRequest: ['late'],
  OSProvisioningTimedOut: ['late'],
  OSProvisioningInternalError: ['late'],
  OSProvisioningClientError: ['late'],
  VMExtensionProvisioningError: ['late'],
  VMExtensionHandlerNonTransientError: ['late'],
  VMExtensionProvisioningTimeout: ['late'],
  VMExtensionManagementInternalError: ['late'],
  SubnetIsFull: [400, 'late'],
  InsufficientSubnetSize: [400],
  NicReservedForAnotherVm: [400],
  ImageNotFound: [404],
  PlatformImageNotFound: [404],
  GalleryImageNotFound: [404],
  MarketplacePurchaseEligibilityFailed: [400],
  ResourcePurchaseValidationFailed: [400],
  RequestDisallowedByPolicy: [403],
  RequestDisallowedByAzure: [403],
  ScopeLocked: [409],
  MissingSubscriptionRegistration: [409],
  SubscriptionNotFound: [404],
  InvalidSubscriptionId: [400],
  ReadOnlyDisabledSubscription: [409],
  ResourceGroupNotFound: [404],
  ResourceGroupBeingDeleted: [409],
  AuthorizationFailed: [403],
  LinkedAuthorizationFailed: [403],
  LinkedAccessCheckFailed: [400],
  InvalidAuthenticationToken: [401],
  InvalidAuthenticationTokenTenant: [401],
  ExpiredAuthenticationToken: [401],
  AuthenticationFailed: [401],
  OperationPreempted: [409, 'late'],
  OperationCanceled: [409],
  Canceled: [409],
  AnotherOperationInProgress: [409],
  RetryableErrorDueToAnotherOperation: [409],
  AttachDiskWhileBeingDetached: [409],
  ReferencedResourceNotProvisioned: [409],
  InUseSubnetCannotBeDeleted: [400],
  NicInUse: [400],
  InternalServerError: [500],
  InternalExecutionError: [500, 'late'],
  ServerTimeout: [500],
  InternalOperationError: [500],
  NetworkingInternalOperationError: [500, 'late'],
  InvalidParameter: [400],
  PropertyChangeNotAllowed: [409],
  InvalidRequestContent: [400],
  InvalidRequestFormat: [400],
  BadRequest: [400],
  InvalidTemplate: [400],
  UnsupportedForceDeletionResourceTypeInQueryString: [400],
  LocationNotAvailableForResourceType: [400],
  InvalidResourceReference: [400],
  NotEmulated: [501],
};

/** What the message says where the row looks at it. */
const texts: Partial<Record<ErrorRow['code'], string>> = {
  QuotaIsZero: 'exceeding approved standardDADSv5Family Cores quota. Current Limit: 0, Additional Required: 2.',
  QuotaExceeded: 'exceeding approved standardDADSv5Family Cores quota. Current Limit: 10, Additional Required: 2.',
  SpotNotAvailable: 'The requested Spot size is not available.',
};

interface Sample {
  call: CallName;
  arrival: Arrival;
  code: string;
  message: string;
}

/** The samples of one row: each code, each status, both ends of each range, at each call that can meet it. */
function samplesOf(row: ErrorRow): Sample[] {
  const { calls = ['virtualMachines.createOrUpdate'], codes, status, text, code } = row;
  const message = text ? (texts[code] ?? fail(`no text for ${describeMatch(row)}`)) : 'Refused.';
  const plain = (arrival: Arrival, given: string) => ({ arrival, code: given, message: `${message} ${canaries}` });
  const refused = codes
    ? codes.flatMap((given) => (arrivals[given] ?? fail(`no sample of ${given}`)).map((one) => plain(one, given)))
    : text
      ? [plain(409, 'OperationNotAllowed')]
      : (status ?? []).flat().map((one) => plain(one, 'NeverHeardOf'));
  if (!codes && !status && !text) return [{ call: 'virtualMachines.delete', ...plain('late', 'NeverHeardOf') }];
  return calls.flatMap((call) =>
    refused
      // Only machines come and go by operations here, and only a create can fail for its machine's sake.
      .filter(({ arrival }) => arrival !== 'late' || call === 'virtualMachines.createOrUpdate')
      .map((sample) => ({ call, ...sample })),
  );
}

function fail(reason: string): never {
  throw new Error(reason);
}

/** Whether this row decides: an earlier one may take the end of a range, such as 401 out of 400–499. */
function decides(row: ErrorRow, { arrival, code, message }: Sample): boolean {
  const evidence: Evidence = { service: 'Azure', codes: [code], message };
  if (arrival !== 'late') evidence.status = arrival;
  return rowOf(evidence) === row;
}

/** Runs the activity that makes the call on a machine of its own, with the fault in place; answers its failure. */
const provoke: Partial<Record<CallName, (fault: Fault['effect']) => Promise<unknown>>> = {
  async 'virtualMachines.createOrUpdate'(effect) {
    const input = newInput();
    addFault({ match: { method: 'PUT', path: machinePath(input) }, effect, times: 1 });
    const { provisionAgent } = createAgentActivities({ azure: azureOf(cloud), registrar: registrar(), keys });
    return (await attempt(provisionAgent, input)).error;
  },
  async 'virtualMachines.delete'(effect) {
    const input = await provisioned();
    addFault({ match: { method: 'DELETE', path: machinePath(input) }, effect, times: 1 });
    return await returned(input);
  },
  async 'resources.delete'(effect) {
    const input = newInput();
    const id = await putNetworkInterface(input, `${input.identity.agent}-leaked`, ownTags(input));
    addFault({ match: { method: 'DELETE', path: id }, effect, times: 1 });
    return await returned(input);
  },
  async 'tags.updateAtScope'(effect) {
    const input = await provisioned();
    const id = machinePath(input);
    addFault({
      match: { method: 'PATCH', path: `${id}/providers/Microsoft.Resources/tags/default` },
      effect,
      times: 1,
    });
    const write = () => mergeTags(azureOf(cloud), id, ownTags(input), new AbortController().signal);
    return await classified('Audit_RestoreTags', write).then(
      () => undefined,
      (error: unknown) => error,
    );
  },
};

async function provisioned(): Promise<ProvisionInput> {
  const input = newInput();
  const { provisionAgent } = createAgentActivities({ azure: azureOf(cloud), registrar: registrar(), keys });
  const { error } = await attempt(provisionAgent, input);
  if (error) throw error as Error;
  return input;
}

async function returned(input: ProvisionInput): Promise<unknown> {
  const { returnAgent } = createAgentActivities({ azure: azureOf(cloud), registrar: registrar(), keys });
  return (await attempt(returnAgent, input)).error;
}

const rows = errorTable.filter(({ service }) => service === 'Azure');

/** Provoked below, by an answer that no fault of the cloud can give. */
const provokedApart = ['ForeignAddress'];

const cases = rows
  .filter(({ codes }) => !provokedApart.some((code) => codes?.includes(code)))
  .flatMap((row) =>
    samplesOf(row)
      .filter((sample) => decides(row, sample))
      .map((sample) => ({ row, sample, name: `${sample.call}: ${sample.arrival} ${sample.code}` })),
  );

describe('every refusal of Azure', () => {
  test('has a sample that its row decides', () => {
    const without = rows.filter((row) => !cases.some((one) => one.row === row));
    expect(without.map(({ codes }) => codes)).toEqual(provokedApart.map((code) => [code]));
  });

  test.concurrent.each(cases)('$name is $row.code', async ({ row, sample }) => {
    const { call, arrival, code, message } = sample;
    const error = await provoke[call]?.(
      arrival === 'late'
        ? { kind: 'longRunningOperation', outcome: 'failed', code, message }
        : { kind: 'reject', status: arrival, code, message },
    );
    const accepted = arrival === 'late' && call === 'virtualMachines.createOrUpdate';
    expectFailure(error, { code: row.code, call, hint: row.hint, accepted });
  });

  test('names its own time to wait, which wins', async () => {
    const create = provoke['virtualMachines.createOrUpdate'];
    for (const [status, code] of [
      [429, 'Throttled'],
      [503, 'AzureUnavailable'],
      [409, 'Conflict'],
    ] as const) {
      const error = await create?.({ kind: 'reject', status, code: 'Other', message: canaries, retryAfterSeconds: 7 });
      expectFailure(error, { code, retryAfterMs: 7_000 });
    }
  });

  test('ForeignAddress: an answer that points to another host gets no token', async () => {
    const transport = inProcessTransport(cloud.arm);
    const tokens: string[] = [];
    const azure = createAzureClients({
      endpoint: cloud.facts.arm,
      scope: 'https://management.azure.com/.default',
      credential: {
        getToken: () =>
          Promise.resolve({
            token: cloud.token('https://management.azure.com/'),
            expiresOnTimestamp: Date.now() + 3_600_000,
          }),
      },
      userAgent: 'test',
      pollIntervalMs: 10,
      httpClient: {
        async sendRequest(request) {
          if (request.url.startsWith('https://attacker.invalid'))
            tokens.push(request.headers.get('authorization') ?? '');
          const answer = await transport.sendRequest(request);
          if (answer.headers.has('azure-asyncoperation')) {
            answer.headers.set('azure-asyncoperation', `https://attacker.invalid/operations/1?sig=${canary}`);
          }
          return answer;
        },
      },
    });
    const { provisionAgent } = createAgentActivities({ azure, registrar: registrar(), keys });
    expectFailure((await attempt(provisionAgent, newInput())).error, { code: 'ForeignAddress' });
    expect(tokens).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { RestError, createHttpHeaders, createPipelineRequest } from '@azure/core-rest-pipeline';
import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import fc from 'fast-check';
import {
  classified,
  failureOf,
  found,
  invalidPool,
  OutsideError,
  toApplicationFailure,
} from '../../activities/errors.ts';
import { parseRetryAfter, redacted } from '../../activities/errors/evidence.ts';
import type { Evidence } from '../../activities/errors/outside-error.ts';
import { surfacedErrors } from '../../domain/error-catalogue.ts';
import { errorTable } from '../../activities/errors/table.ts';
import { errorsReference } from '../../scripts/errors-reference.ts';

const azure = (evidence: Partial<Evidence>) =>
  toApplicationFailure(new OutsideError({ service: 'Azure', codes: [], message: 'm', ...evidence }), 'call');

const quotaMessage =
  'Operation could not be completed as it results in exceeding approved standardDADSv5Family Cores quota. ' +
  'Additional details - Deployment Model: Resource Manager, Location: westeurope, Current Limit: 10, Current Usage: 10, Additional Required: 2.';

describe('the error table', () => {
  test.each([
    [{ status: 409, codes: ['OperationNotAllowed'], message: quotaMessage }, 'QuotaExceeded', 600_000],
    [{ status: 409, codes: ['OperationNotAllowed', 'QuotaExceeded'], message: 'no words' }, 'QuotaExceeded', 600_000],
    [
      { status: 409, codes: ['OperationNotAllowed'], message: quotaMessage.replace('Limit: 10', 'Limit: 0') },
      'QuotaIsZero',
      3_600_000,
    ],
    [{ status: 409, codes: ['SkuNotAvailable'], message: 'no' }, 'SkuNotAvailable', 23 * 3_600_000],
    [{ status: 409, codes: ['SkuNotAvailable'], message: 'no Spot capacity' }, 'SpotNotAvailable', 3_600_000],
    [{ accepted: true, codes: ['AllocationFailed'] }, 'AllocationFailed', 3_600_000],
    [{ accepted: true, codes: ['OuterCode', 'ZonalAllocationFailed'] }, 'AllocationFailed', 3_600_000],
    [{ status: 400, codes: ['SubnetIsFull'] }, 'SubnetIsFull', 600_000],
    [{ status: 404, codes: ['PlatformImageNotFound'] }, 'ImageNotFound', 0],
    [{ status: 403, codes: ['AuthorizationFailed'] }, 'AuthorizationFailed', 0],
    [{ status: 401, codes: [] }, 'CredentialInvalid', 0],
    [{ status: 403, codes: ['RequestDisallowedByPolicy'] }, 'DisallowedByPolicy', 0],
    [{ status: 400, codes: ['SomethingNew'] }, 'RequestRefused', 0],
  ] satisfies [Partial<Evidence>, string, number][])('gives up and holds back: %j is %s', (evidence, code, holdMs) => {
    const failure = azure(evidence);
    expect(failure.type).toBe(code);
    expect(failure.nonRetryable).toBe(true);
    expect(failureOf(failure)?.retryAfterMs).toBe(holdMs);
  });

  test.each([
    [{ status: 409, codes: ['AnotherOperationInProgress'] }, 'AnotherOperationInProgress'],
    [{ status: 400, codes: ['NicInUse'] }, 'AnotherOperationInProgress'],
    [{ status: 400, codes: ['NicReservedForAnotherVm'] }, 'NetworkInterfaceReserved'],
    [{ status: 409, codes: ['Conflict'] }, 'Conflict'],
    [{ status: 503, codes: [] }, 'AzureUnavailable'],
    [{ status: 500, codes: ['InternalServerError'] }, 'AzureUnavailable'],
    [{ codes: ['NeverHeardOf'] }, 'AzureOperationFailed'],
  ] satisfies [Partial<Evidence>, string][])('lets the engine try again: %j is %s', (evidence, code) => {
    const failure = azure(evidence);
    expect(failure.type).toBe(code);
    expect(failure.nonRetryable).toBe(false);
  });

  test('tells a throttled create from a refused quota by the status alone', () => {
    const failure = azure({ status: 429, codes: ['OperationNotAllowed', 'TooManyRequests'], retryAfterMs: 17_000 });
    expect(failure.type).toBe('Throttled');
    expect(failure.nonRetryable).toBe(false);
    expect(failure.nextRetryDelay).toBe(17_000);
    expect(failure.category).toBe(ApplicationFailureCategory.BENIGN);
  });

  test('waits ten seconds when a throttled answer has no Retry-After', () => {
    expect(azure({ status: 429 }).nextRetryDelay).toBe(10_000);
  });

  test('has a row for every refusal of every service', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('Azure', 'Microsoft Entra ID', 'Azure DevOps', 'network'),
        fc.option(fc.integer({ min: 300, max: 599 }), { nil: undefined }),
        fc.array(fc.string(), { maxLength: 3 }),
        fc.string(),
        (service, status, codes, message) => {
          const given: Evidence = { service, codes, message };
          if (status !== undefined) given.status = status;
          const failure = toApplicationFailure(new OutsideError(given), 'call');
          expect(failure.type).not.toBe('Unexpected');
          expect(failureOf(failure)?.code).toBe(failure.type);
        },
      ),
    );
  });

  test('names what would be right in every row, and repeats no match', () => {
    const seen = new Set<string>();
    for (const { service, status, codes, text, hint, code } of errorTable) {
      expect(hint ?? surfacedErrors[code].hint).toMatch(/^[A-Z].*\.$/);
      const key = JSON.stringify([service, status, codes, text?.source]);
      expect(seen.has(key)).toBe(false);
      seen.add(key);
    }
  });

  test('is what docs/reference/errors.md shows: node scripts/generate-errors.ts brings it up to date', () => {
    expect(readFileSync(join(__dirname, '../../docs/reference/errors.md'), 'utf8')).toBe(errorsReference());
  });
});

describe('toApplicationFailure', () => {
  test('says what, where, what would be right and what happens next', () => {
    const { message } = azure({ status: 409, codes: ['OperationNotAllowed'], message: quotaMessage });
    expect(message).toContain('call was refused by Azure (409 OperationNotAllowed)');
    expect(message).toContain('standardDADSv5Family');
    expect(message).toContain('Ask for an increase');
    expect(message).toContain('Not tried again within 10 minutes.');
  });

  test('keeps a failure that was classified before', () => {
    const first = azure({ status: 503 });
    expect(toApplicationFailure(first, 'other')).toBe(first);
  });

  test('tries nothing again when the caller knows that it cannot help', () => {
    const error = new OutsideError({ service: 'Azure', accepted: true, codes: ['InternalServerError'], message: 'm' });
    expect(toApplicationFailure(error, 'call', { final: true }).nonRetryable).toBe(true);
  });

  test('reads an error of the Azure SDK with its Retry-After', () => {
    const request = createPipelineRequest({ url: 'https://management.azure.com/x?sig=s3cret' });
    const headers = createHttpHeaders({ 'retry-after': '3' });
    const error = new RestError('slow', {
      statusCode: 429,
      code: 'TooManyRequests',
      request,
      response: { request, headers, status: 429 },
    });
    const failure = toApplicationFailure(error, 'call');
    expect(failure.type).toBe('Throttled');
    expect(failure.nextRetryDelay).toBe(3_000);
  });

  test.each([
    ['ECONNREFUSED', 'Unreachable', 'transient'],
    ['ENOTFOUND', 'NameNotResolved', 'transient'],
    ['ECONNRESET', 'ResponseLost', 'lost'],
    ['ETIMEDOUT', 'ResponseLost', 'lost'],
    ['CERT_HAS_EXPIRED', 'CertificateNotTrusted', 'configuration'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'CertificateNotTrusted', 'configuration'],
  ])('calls a socket that ended in %s %s', (code, surfaced, kind) => {
    const plain = Object.assign(new Error('x'), { code });
    for (const error of [plain, new TypeError('fetch failed', { cause: plain }), new RestError('x', { code })]) {
      const failure = toApplicationFailure(error, 'call');
      expect(failure.type).toBe(surfaced);
      expect(failureOf(failure)?.class).toBe(kind);
    }
  });

  test('reads a refused credential of Entra ID', () => {
    const error = Object.assign(
      new Error('invalid_client: AADSTS7000215: Invalid client secret provided. Trace ID: 1'),
      {
        name: 'AuthenticationError',
        statusCode: 401,
      },
    );
    const failure = toApplicationFailure(error, 'virtualMachines.get');
    expect(failure.type).toBe('CredentialInvalid');
    expect(failure.message).toContain('Microsoft Entra ID');
  });

  test('reads a throttled and a refused call of azure-devops-node-api', () => {
    const throttled = Object.assign(new Error('TF400733: The request has been canceled'), {
      statusCode: 429,
      rateLimit: { retryAfter: 12 },
    });
    expect(toApplicationFailure(throttled, 'agents.list').nextRetryDelay).toBe(12_000);
    const refused = Object.assign(new Error('Access denied'), { statusCode: 403 });
    expect(toApplicationFailure(refused, 'agents.add').type).toBe('AzureDevOpsAuthorizationFailed');
  });

  test('makes the null of a 404 of azure-devops-node-api an error', () => {
    expect(found({ id: 1 }, 'agent pool 1')).toEqual({ id: 1 });
    expect(() => found(null, 'agent pool 7')).toThrow('There is no agent pool 7');
    expect(
      toApplicationFailure(new OutsideError({ service: 'Azure DevOps', status: 404, codes: [], message: 'm' }), 'c')
        .type,
    ).toBe('AzureDevOpsNotFound');
  });

  test('calls everything else unexpected and lets the engine try again', () => {
    for (const error of [new TypeError('x is undefined'), 'text', undefined, { odd: true }]) {
      const failure = toApplicationFailure(error, 'call');
      expect(failure.type).toBe('Unexpected');
      expect(failure.nonRetryable).toBe(false);
    }
  });

  test('never lets a secret out', () => {
    const secret = fc.stringMatching(/^[a-zA-Z0-9]{52}$/);
    fc.assert(
      fc.property(secret, fc.string(), (token, noise) => {
        for (const text of [
          `${noise} ${token} ${noise}`,
          `GET https://h.example/p?api-version=1&sig=${token} failed`,
          `Authorization: Bearer ${token}`,
          `https://user:${token}@h.example/p`,
          `token eyJ${token}.${token}.${token}`,
        ]) {
          const failure = azure({ status: 400, message: text });
          expect(JSON.stringify([failure.message, failure.details])).not.toContain(token);
        }
      }),
    );
  });

  test('leaves resource ids and names readable', () => {
    const id =
      '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/agents/providers/Microsoft.Compute/virtualMachines/abcdef012000001';
    expect(redacted(`cannot create ${id}`)).toContain(id);
  });
});

describe('classified', () => {
  test('lets a cancellation pass', async () => {
    const cancelled = new CancelledFailure('CANCELLED');
    await expect(classified('call', () => Promise.reject(cancelled))).rejects.toBe(cancelled);
  });

  test('lets nothing out that is not an ApplicationFailure', async () => {
    await expect(classified('call', () => Promise.reject(new Error('x')))).rejects.toBeInstanceOf(ApplicationFailure);
  });
});

test('an invalid pool carries every violation in the error body of Azure Resource Manager', () => {
  const failure = invalidPool(
    [
      { path: 'properties.a', rule: 'Required', message: 'Give a.' },
      { path: 'properties.b', rule: 'OutOfRange', message: 'Give less.' },
    ],
    'build',
  );
  expect(failure.type).toBe('InvalidPool');
  expect(failure.nonRetryable).toBe(true);
  expect(failure.details?.[0]).toMatchObject({
    error: { code: 'InvalidPool', target: 'build', details: [{ target: 'properties.a' }, { target: 'properties.b' }] },
  });
});

test('Retry-After is read as seconds and as a date', () => {
  const now = Date.UTC(2026, 0, 1);
  expect(parseRetryAfter('7', now)).toBe(7_000);
  expect(parseRetryAfter(new Date(now + 5_000).toUTCString(), now)).toBe(5_000);
  expect(parseRetryAfter(new Date(now - 5_000).toUTCString(), now)).toBe(0);
  expect(parseRetryAfter('soon', now)).toBeUndefined();
});

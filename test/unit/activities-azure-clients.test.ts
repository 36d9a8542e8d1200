import { describe, expect, test } from '@jest/globals';
import { createHttpHeaders, type PipelineRequest } from '@azure/core-rest-pipeline';
import { createAzureClients, type AzureClients } from '../../activities/azure/clients.ts';
import { createMachine, type MachineReference } from '../../activities/azure/machines.ts';
import { failureOf, toApplicationFailure } from '../../activities/errors.ts';

const endpoint = 'https://arm.invalid';
const reference: MachineReference = { subscriptionId: 's', resourceGroup: 'agents', name: 'a' };

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Answers of a service that no cloud gives on purpose: hostile, broken or unusual ones. */
function scripted(answer: (request: PipelineRequest, count: number) => Answer): {
  azure: AzureClients;
  requests: PipelineRequest[];
} {
  const requests: PipelineRequest[] = [];
  const azure = createAzureClients({
    endpoint,
    scope: `${endpoint}/.default`,
    credential: { getToken: () => Promise.resolve({ token: 'a-token', expiresOnTimestamp: Date.now() + 3_600_000 }) },
    userAgent: 'test/1',
    pollIntervalMs: 1,
    httpClient: {
      sendRequest(request) {
        requests.push(request);
        const { status, headers = {}, body } = answer(request, requests.length);
        const bodyAsText = body === undefined ? '' : JSON.stringify(body);
        return Promise.resolve({ request, status, headers: createHttpHeaders(headers), bodyAsText });
      },
    },
  });
  return { azure, requests };
}

async function create(azure: AzureClients): Promise<unknown> {
  try {
    await createMachine(
      azure,
      reference,
      { location: 'westeurope' },
      {
        requestId: '00000000-0000-0000-0000-000000000009',
        signal: new AbortController().signal,
        onAccepted: () => {},
      },
    );
    return undefined;
  } catch (error) {
    return toApplicationFailure(error, 'create');
  }
}

const accepted = (address: string): Answer => ({
  status: 201,
  headers: { 'azure-asyncoperation': address },
  body: { name: 'a', properties: { provisioningState: 'Creating' } },
});

describe('the clients of Azure', () => {
  test('never send the token to a host that an answer names', async () => {
    const { azure, requests } = scripted(() => accepted('https://attacker.invalid/operations/1?api-version=1'));
    const failure = await create(azure);
    expect(failureOf(failure)).toMatchObject({ code: 'ForeignAddress', class: 'configuration' });
    expect(requests.every(({ url }) => new URL(url).host === 'arm.invalid')).toBe(true);
  });

  test('follow no redirect to another host', async () => {
    const { azure, requests } = scripted(() => ({ status: 307, headers: { location: 'https://attacker.invalid/' } }));
    await expect(azure.call('c', 'GET', 's', '/x?api-version=1')).rejects.toThrow();
    expect(requests.every(({ url }) => new URL(url).host === 'arm.invalid')).toBe(true);
  });

  test('retry nothing by themselves', async () => {
    for (const status of [429, 500, 503]) {
      const { azure, requests } = scripted(() => ({ status, headers: { 'retry-after': '1' }, body: {} }));
      await create(azure);
      expect(requests).toHaveLength(1);
    }
  });

  test('tell themselves, their request id and that they only create', async () => {
    const { azure, requests } = scripted(() => ({ status: 400, body: {} }));
    await create(azure);
    const headers = requests[0]?.headers;
    expect(headers?.get('user-agent')).toMatch(/^test\/1 /);
    expect(headers?.get('x-ms-client-request-id')).toBe('00000000-0000-0000-0000-000000000009');
    expect(headers?.get('if-none-match')).toBe('*');
    expect(headers?.get('authorization')).toBe('Bearer a-token');
  });

  test('keep the details of a refused create call, which the SDK drops', async () => {
    const { azure } = scripted(() => ({
      status: 409,
      body: {
        error: { code: 'OperationNotAllowed', message: 'no', details: [{ code: 'QuotaExceeded', message: 'because' }] },
      },
    }));
    const failure = await create(azure);
    expect(failureOf(failure)).toMatchObject({ code: 'QuotaExceeded' });
    expect(failureOf(failure)?.message).toContain('because');
  });

  test('keep the inner error of an operation that failed late, and give it up', async () => {
    const { azure } = scripted((_, count) =>
      count === 1
        ? accepted(`${endpoint}/operations/1?api-version=1`)
        : {
            status: 200,
            body: {
              status: 'Failed',
              error: {
                code: 'Outer',
                message: 'outer',
                innererror: { code: 'ZonalAllocationFailed', message: 'inner' },
              },
            },
          },
    );
    const failure = await create(azure);
    expect(failureOf(failure)).toMatchObject({ code: 'AllocationFailed', class: 'capacity' });
    expect(failure).toMatchObject({ nonRetryable: true });
  });

  test('keep the reason of an operation that was cancelled', async () => {
    const { azure } = scripted((_, count) =>
      count === 1 ? accepted(`${endpoint}/operations/1?api-version=1`) : { status: 200, body: { status: 'Canceled' } },
    );
    expect(failureOf(await create(azure))).toMatchObject({ code: 'OperationPreempted' });
  });

  test('show no query of an address in a failure', async () => {
    const { azure } = scripted(() => ({
      status: 500,
      body: { error: { code: 'InternalServerError', message: 'see https://arm.invalid/x?sig=topsecret' } },
    }));
    expect(((await create(azure)) as Error).message).not.toContain('topsecret');
  });
});

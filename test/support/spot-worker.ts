import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createDefaultHttpClient, type HttpClient } from '@azure/core-rest-pipeline';
import { createAzureCredential } from '../../activities/azure/credential.ts';
import { parseInstallation } from '../../domain/installation.ts';
import { readSecret } from '../../workers/secrets.ts';
import { startWorkers } from '../../workers/workers.ts';

/**
 * The worker process in a subscription whose policy makes every machine a spot machine: the create call is changed on
 * its way to Azure.
 */
async function main(): Promise<void> {
  const { installation: file } = parseArgs({ options: { installation: { type: 'string' } } }).values;
  if (!file) throw new Error('needs --installation FILE');
  const parsed = parseInstallation(JSON.parse(await readFile(file, 'utf8')));
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  const { installation } = parsed;
  const azure = { credential: createAzureCredential(installation.azure, readSecret), httpClient: spotPolicy() };
  const { finished } = await startWorkers(installation, { azure });
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
  await finished;
}

function spotPolicy(): HttpClient {
  const client = createDefaultHttpClient();
  return {
    sendRequest(request) {
      if (
        request.method === 'PUT' &&
        typeof request.body === 'string' &&
        /\/virtualMachines\/[^/?]+\?/.test(request.url)
      ) {
        const body = JSON.parse(request.body) as { properties: Record<string, unknown> };
        Object.assign(body.properties, { priority: 'Spot', evictionPolicy: 'Delete' });
        request.body = JSON.stringify(body);
        request.headers.set('content-length', String(Buffer.byteLength(request.body)));
      }
      return client.sendRequest(request);
    },
  };
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);

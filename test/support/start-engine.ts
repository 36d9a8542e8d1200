import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { startTestEngine, stopTestEngine } from './engine-process.ts';
import { resolveTimeSkippingServer } from './time-skipping-server.ts';
import { variables } from './variables.ts';

/** Jest calls this once per run: one engine, one workflow bundle, one look for the time-skipping server. */
// oxlint-disable-next-line import/no-default-export -- jest's global set-up must be the default export
export default async function startEngine(): Promise<void> {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  const folder = (process.env[variables.folder] ??= await mkdtemp(join(tmpdir(), 'odp-test-')));
  try {
    await prepare(folder, log);
  } catch (error) {
    await stopTestEngine(folder);
    throw error;
  }
}

async function prepare(folder: string, log: (line: string) => void): Promise<void> {
  const { address, namespace } = await startTestEngine(folder, log);
  process.env[variables.address] = address;
  process.env[variables.namespace] = namespace;

  const { code } = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
    logger: new DefaultLogger('WARN'),
  });
  const codePath = join(folder, 'workflows.js');
  await writeFile(codePath, code);
  process.env[variables.bundle] = codePath;

  const server = await resolveTimeSkippingServer(folder, process.env, log);
  if ('path' in server) {
    process.env[variables.timeSkippingServer] = server.path;
    return;
  }
  process.env[variables.timeSkippingReason] = server.reason;
  log(`time-skipping tests are skipped: ${server.reason}`);
}

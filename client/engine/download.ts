/**
 * A process of its own that lets Temporal's SDK download a server: `node download.ts dev-server|time-skipping FOLDER`.
 * The SDK has no call that only downloads, so the server is started once and stopped. Being a process of its own, it can
 * be ended when the network hangs, and the SDK's native runtime does not stay behind in the caller.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';

/** Ten years: what was downloaded is kept until somebody deletes it. */
const forEverMs = 10 * 365 * 86_400_000;

const [kind, downloadDir] = process.argv.slice(2);
if ((kind !== 'dev-server' && kind !== 'time-skipping') || !downloadDir) {
  process.stderr.write('usage: node download.ts dev-server|time-skipping FOLDER\n');
  process.exit(2);
}
try {
  const server = { executable: { type: 'cached-download' as const, downloadDir, ttl: forEverMs } };
  const environment = await (kind === 'dev-server'
    ? TestWorkflowEnvironment.createLocal({ server })
    : TestWorkflowEnvironment.createTimeSkipping({ server }));
  await environment.teardown();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

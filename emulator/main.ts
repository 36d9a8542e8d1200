import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { serveCloud } from './serve.ts';

/** The embedded cloud as a process. Standard output carries one line, when it accepts calls; all else is on standard error. */

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function wholeNumber(name: string, value: string, most: number): number {
  const parsed = Number(value);
  if (!Number.isSafeInteger(parsed) || parsed < 0 || parsed > most) {
    fail(`--${name} must be a whole number from 0 to ${String(most)}; it is '${value}'.`);
  }
  return parsed;
}

function read() {
  try {
    return parseArgs({
      options: {
        state: { type: 'string' },
        host: { type: 'string', default: '127.0.0.1' },
        'arm-port': { type: 'string', default: '0' },
        'azure-devops-port': { type: 'string', default: '0' },
        'control-port': { type: 'string', default: '0' },
        scale: { type: 'string', default: '1' },
        seed: { type: 'string', default: '1' },
        'strict-throttling': { type: 'string', default: 'on' },
        'azure-devops-url': { type: 'string' },
        'job-lock-ms': { type: 'string' },
        machines: { type: 'string', default: 'simulated' },
      },
    }).values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

const flags = read();
if (flags.state === undefined) {
  fail('--state DIR is required: the folder that keeps the state, the certificates and the secrets of the cloud.');
}
const scale = Number(flags.scale);
if (!(scale > 0) || !Number.isFinite(scale)) fail(`--scale must be a number above 0; it is '${flags.scale}'.`);
const strict = flags['strict-throttling'];
if (strict !== 'on' && strict !== 'off') fail(`--strict-throttling must be on or off; it is '${strict}'.`);

const [kind, names = '*', ...more] = flags.machines.split(':');
if ((kind !== 'simulated' && kind !== 'process') || names === '' || more.length > 0) {
  fail(`--machines must be simulated, process or process:NAMES; it is '${flags.machines}'.`);
}

const lock = flags['job-lock-ms'];
const url = flags['azure-devops-url'];
if (url !== undefined && !URL.canParse(url)) fail(`--azure-devops-url must be a URL; it is '${url}'.`);

const served = await serveCloud({
  state: resolve(flags.state),
  host: flags.host,
  armPort: wholeNumber('arm-port', flags['arm-port'], 65_535),
  azureDevOpsPort: wholeNumber('azure-devops-port', flags['azure-devops-port'], 65_535),
  controlPort: wholeNumber('control-port', flags['control-port'], 65_535),
  scale,
  seed: wholeNumber('seed', flags.seed, Number.MAX_SAFE_INTEGER),
  strictThrottling: strict === 'on',
  ...(kind === 'process' ? { processMachines: names } : {}),
  ...(lock === undefined ? {} : { jobLockMs: wholeNumber('job-lock-ms', lock, Number.MAX_SAFE_INTEGER) }),
  ...(url === undefined ? {} : { azureDevOpsUrl: url.replace(/\/+$/, '') }),
}).catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));

let closing = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (closing) return;
    closing = true;
    void served.close().then(() => process.exit(0));
  });
}
// Whoever started the cloud may be gone by the time it has something to say.
process.stdout.on('error', () => {});
process.stdout.write(`${JSON.stringify({ ready: true, ...served.facts })}\n`);

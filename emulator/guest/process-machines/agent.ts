import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { randomInt } from 'node:crypto';
import { createChance } from '../../core/chance.ts';
import { createRealClock } from '../../core/clock.ts';
import type { BootedMachine, MachineContext } from '../../core/context.ts';
import { createLatencies } from '../../core/latencies.ts';
import { configurationOf } from '../configuration.ts';
import { connect, CredentialRefused } from '../connection.ts';
import { listen } from '../listener.ts';
import type { ProcessRecord } from '../process.ts';
import { createScriptRunner, parseEnvironment } from './script.ts';

/**
 * The agent of a machine that is a process: `run.sh` starts it in the agent's folder. It has nothing but the files that
 * the first boot wrote there, and speaks to Azure DevOps over HTTP like any other agent.
 */

const folder = process.cwd();
const fileOf = (name: string): Buffer | undefined =>
  existsSync(join(folder, name)) ? readFileSync(join(folder, name)) : undefined;
const named = (name: string): string => process.env[name] ?? '';

function say(text: string): void {
  process.stdout.write(`${new Date().toISOString()} ${text}\n`);
}

const scale = Number(named('EMULATED_SCALE')) || 1;
const clock = createRealClock();
const chance = createChance(randomInt(2 ** 31));
const context: MachineContext = { clock, chance, latencies: createLatencies(chance, scale) };
const machine: BootedMachine = {
  id: named('EMULATED_MACHINE_ID'),
  name: named('EMULATED_MACHINE_NAME'),
  vmSize: '',
  location: '',
  privateIpAddress: named('EMULATED_ADDRESS'),
};
const configuration = configurationOf({ folder, once: process.argv.includes('--once') }, fileOf);
const workFolder = isAbsolute(configuration.workFolder)
  ? join(named('BOOTSTRAP_ROOT'), configuration.workFolder)
  : join(folder, configuration.workFolder);
const runScript = createScriptRunner({
  workFolder,
  agentName: configuration.agentName,
  environment: { ...process.env, ...parseEnvironment(fileOf('.env')?.toString() ?? '') },
  uuid: () => chance.uuid(),
});
const state: ProcessRecord = { machineId: machine.id, startAt: clock.now(), lastMessageId: 0 };
const { signal } = new AbortController();
const connection = connect(context, (request) => fetch(request), machine, configuration, signal);

for (;;) {
  try {
    await listen({
      context,
      machine,
      configuration,
      connection,
      signal,
      process: state,
      save: (changes) => void Object.assign(state, changes),
      started: () => say('Listening for Jobs'),
      runScript,
    });
    say('The agent has ended.');
    process.exit(0);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    if (error instanceof CredentialRefused) process.exit(1);
    // `run.sh` starts a listener again that ended with a retryable error.
    await connection.pause();
  }
}

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { port, positiveInteger, positiveNumber } from '../arguments.ts';
import { example, type CommandContext } from '../context.ts';
import { runUp, type UpOptions } from './run-up.ts';

/** `odp up`: everything on this machine, with an emulated cloud. */
export function addUpCommand(program: Command, context: CommandContext): void {
  program
    .command('up')
    .description('Run everything on this machine, with an emulated Azure and Azure DevOps, and show it at work')
    .option('--state <dir>', 'folder that holds everything; start again with the same one to go on', '.odp')
    .option('--temporal-port <port>', "the engine's port", port, 7233)
    .option('--ui-port <port>', "port of Temporal's Web UI", port, 8233)
    .option('--arm-port <port>', 'port of the embedded Azure Resource Manager', port, 8443)
    .option('--azure-devops-port <port>', 'port of the embedded Azure DevOps', port, 8081)
    .option('--control-port <port>', "port of the embedded cloud's control interface", port, 8082)
    .option('--temporal <path>', 'the temporal command to run; by default found or fetched')
    .option('--scale <factor>', "the embedded cloud's latencies as a factor of real ones", positiveNumber, 0.2)
    .option(
      '--machines <kind>',
      'what machines are: simulated, process (they run here, without isolation), or process:NAMES with * for any text',
      'simulated',
    )
    .option('--workers <n>', 'worker processes', positiveInteger, 1)
    .option('--no-workload', 'do not queue the sample jobs')
    .option('--exit-when-done', 'end when the sample has run and only standby agents are left', false)
    .addHelpText('after', example('odp up', 'odp up --state /tmp/trial --temporal-port 17233 --no-workload'))
    .action(async (options: UpOptions) => {
      await runUp({ ...options, state: resolve(options.state) }, context);
    });
}

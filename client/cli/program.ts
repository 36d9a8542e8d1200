import { readFileSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { addAgentCommands } from './commands/agent.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addJobCommands } from './commands/job.ts';
import { addPoolCommands } from './commands/pool.ts';
import { completionScript, shells, type Shell } from './completion.ts';
import { example, type CommandContext } from './context.ts';
import { outputFormats } from './output.ts';
import { projectFile } from './project-files.ts';
import { addUpCommand } from './up/command.ts';

function version(): string {
  const { version: number } = JSON.parse(readFileSync(projectFile('package.json'), 'utf8')) as { version: string };
  return number;
}

/** The whole tree of commands. Nothing is read, written or connected to before a command runs. */
export function createProgram(context: CommandContext): Command {
  const { io } = context;
  const program = new Command('odp')
    .description('Managed DevOps Pools, in your own Azure subscription')
    .version(version(), '--version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, '')),
      writeErr: (text) => io.err(text.replace(/\n$/, '')),
      getOutHelpWidth: () => Math.min(io.size().columns, 120),
      getErrHelpWidth: () => Math.min(io.size().columns, 120),
      getOutHasColors: () => io.colour,
      getErrHasColors: () => io.colour,
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('hint: add --help to see what it takes')
    .option('--installation <file>', 'installation document; by default $ODP_INSTALLATION, else .odp/installation.json')
    .addOption(new Option('-o, --output <format>', 'how to print data').choices(outputFormats).default('table'))
    .addHelpText('after', example('odp up', 'odp pool apply --filename samples/pool.yaml', 'odp job list --watch'));

  addUpCommand(program, context);
  addPoolCommands(program, context);
  addAgentCommands(program, context);
  addJobCommands(program, context);
  addAuditCommands(program, context);
  addDoctorCommand(program, context);

  program
    .command('completion')
    .description('Print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .addHelpText(
      'after',
      example('odp completion bash > /etc/bash_completion.d/odp', 'odp completion zsh > ~/.zfunc/_odp'),
    )
    .action((shell: Shell) => io.out(completionScript(shell, program).trimEnd()));

  return program;
}

import type { Command, Option } from 'commander';
import { exitCodes } from '../client/cli/errors.ts';
import type { Io } from '../client/cli/io.ts';
import { createProgram } from '../client/cli/program.ts';

/** Nothing is read or written while the tree of commands is walked. */
const noIo: Io = {
  out: () => undefined,
  err: () => undefined,
  raw: () => undefined,
  terminal: false,
  colour: false,
  size: () => ({ columns: 100, rows: 30 }),
  environment: {},
  read: () => Promise.resolve(''),
  signals: () => ({ stop: new AbortController().signal, kill: new AbortController().signal }),
};

const meanings: Record<keyof typeof exitCodes, string> = {
  ok: 'done',
  failure: 'failed; the reason is on standard error',
  usage: 'the command line is wrong',
  notFound: 'what was named does not exist',
  authentication: 'a credential is missing or was refused',
  conflict: 'something else stands in the way',
  interrupted: 'Ctrl-C ended it before its work was done',
};

/** The reference of the command line in Markdown, from the same tree that parses it. */
export function cliReference(): string {
  const program = createProgram({ io: noIo, now: () => 0 });
  return [
    '# Command line',
    '',
    'Made by `node scripts/generate-cli-reference.ts` from the commands themselves; a test compares the two.',
    '',
    'Data goes to standard output, everything else to standard error. An error is one line `error: …`, then one line per',
    'violation with its path, then `hint: …`. Colour is off with `NO_COLOR` and where no terminal is.',
    '',
    'Exit codes:',
    '',
    ...Object.entries(exitCodes).map(([name, code]) => `- \`${code}\`: ${meanings[name as keyof typeof exitCodes]}`),
    '',
    'Options of every command:',
    '',
    ...program.options.filter(({ long }) => long !== '--version').map(optionItem),
    '',
    ...leaves(program).flatMap(commandSection),
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function leaves(command: Command): Command[] {
  return command.commands.flatMap((child) => (child.commands.length > 0 ? leaves(child) : [child]));
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function commandSection(command: Command): string[] {
  const items = [
    ...command.registeredArguments.map(
      (argument) => `- \`<${argument.name()}>\`: ${withChoices(argument.description, argument.argChoices)}`,
    ),
    ...command.options.map(optionItem),
  ];
  return [
    `## ${pathOf(command)}`,
    '',
    `${command.description()}.`,
    '',
    ...items,
    ...(items.length === 0 ? [] : ['']),
    '```shell',
    ...examplesOf(command),
    '```',
    '',
  ];
}

function examplesOf(command: Command): string[] {
  let help = '';
  command.configureOutput({ ...command.configureOutput(), writeOut: (text) => void (help += text) });
  command.outputHelp();
  return [...help.matchAll(/^ {2}\$ (.+)$/gm)].map(([, line]) => line ?? '');
}

function optionItem({ flags, description, argChoices, mandatory, defaultValue, ...option }: Option): string {
  const shown = typeof defaultValue === 'string' || typeof defaultValue === 'number' ? `\`${defaultValue}\`` : '';
  const end = mandatory ? '; required' : shown && !('negate' in option && option.negate) ? `; by default ${shown}` : '';
  return `- \`${flags}\`: ${withChoices(description, argChoices)}${end}`;
}

function withChoices(description: string, choices: readonly string[] | undefined): string {
  return choices ? `${description}: ${choices.map((choice) => `\`${choice}\``).join(', ')}` : description;
}

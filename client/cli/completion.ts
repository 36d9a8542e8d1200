import type { Command } from 'commander';

/** The shells that completion is written for. */
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;

export type Shell = (typeof shells)[number];

/** What can follow one command: its subcommands, options and choices of arguments. */
export interface CompletionNode {
  /** The words that lead to it, without the program's name; empty for the program. */
  path: string[];
  words: { word: string; description: string }[];
}

/** Walks a tree of commands. The words of a node are in the order of its help. */
export function completionNodes(command: Command, path: string[] = []): CompletionNode[] {
  const global = path.length === 0 ? [] : rootOf(command).options;
  const words = [
    ...command.commands.map((child) => ({ word: child.name(), description: child.description() })),
    ...command.registeredArguments.flatMap(({ argChoices = [], description }) =>
      argChoices.map((word) => ({ word, description })),
    ),
    ...[...command.options, ...global].flatMap(({ long, description }) => (long ? [{ word: long, description }] : [])),
    { word: '--help', description: 'display help' },
  ];
  return [{ path, words }, ...command.commands.flatMap((child) => completionNodes(child, [...path, child.name()]))];
}

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command;
}

/** The completion script of a shell, made from the tree of commands, so that it can never lag behind it. */
export function completionScript(shell: Shell, program: Command): string {
  const name = program.name();
  const nodes = completionNodes(program);
  switch (shell) {
    case 'bash':
      return bash(name, nodes);
    case 'zsh':
      return `#compdef ${name}\nautoload -Uz bashcompinit && bashcompinit\n${bash(name, nodes)}`;
    case 'fish':
      return fish(name, nodes);
    case 'powershell':
      return powershell(name, nodes);
  }
}

/**
 * The words so far that are no options choose the node; a file name is completed where nothing else fits. Only what
 * bash 3.2 has, for that is what macOS brings.
 */
function bash(name: string, nodes: CompletionNode[]): string {
  const cases = nodes.map(({ path, words }) => {
    return `    '${path.join(' ')}') words='${words.map(({ word }) => word).join(' ')}' ;;`;
  });
  return `_${name}() {
  local word path='' words=''
  local current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
${nodes
  .filter(({ path }) => path.length > 0)
  .map(({ path }) => `      '${path.join(' ')}') path='${path.join(' ')}' ;;`)
  .join('\n')}
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`;
}

function fish(name: string, nodes: CompletionNode[]): string {
  const lines = nodes.flatMap(({ path, words }) => {
    const children = nodes
      .filter((node) => node.path.length === path.length + 1 && path.every((word, at) => node.path[at] === word))
      .map((node) => node.path.at(-1) ?? '');
    const conditions = path.map((word) => `__fish_seen_subcommand_from ${word}`);
    if (children.length > 0) conditions.push(`not __fish_seen_subcommand_from ${children.join(' ')}`);
    const condition = conditions.length === 0 ? '' : ` -n '${conditions.join('; and ')}'`;
    return words.map(({ word, description }) => {
      const text = `'${description.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
      return word.startsWith('--')
        ? `complete -c ${name}${condition} -l ${word.slice(2)} -d ${text}`
        : `complete -c ${name} -f${condition} -a ${word} -d ${text}`;
    });
  });
  return `${lines.join('\n')}\n`;
}

function powershell(name: string, nodes: CompletionNode[]): string {
  const entries = nodes.map(({ path, words }) => {
    return `    '${path.join(' ')}' = @(${words.map(({ word }) => `'${word}'`).join(', ')})`;
  });
  return `Register-ArgumentCompleter -Native -CommandName ${name} -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $nodes = @{
${entries.join('\n')}
  }
  $path = ''
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    $next = ("$path $element").Trim()
    if ($element.Extent.EndOffset -lt $cursorPosition -and $nodes.ContainsKey($next)) { $path = $next }
  }
  $nodes[$path] | Where-Object { $_ -like "$wordToComplete*" } |
    ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}
`;
}

import { posix } from 'node:path';
import type { FirstBoot } from './cloud-init.ts';

/** How the machine starts its agent. */
export interface Launch {
  /** The agent's folder. */
  folder: string;
  /** `run.sh --once`: one job, then exit. */
  once: boolean;
}

/** Commands that take `run.sh` as a file to look at or change, and do not run it. */
const readers = new Set([
  'test',
  '[',
  '[[',
  'chmod',
  'chown',
  'ls',
  'cp',
  'mv',
  'rm',
  'ln',
  'echo',
  'cat',
  'sed',
  'grep',
]);

/** What lets `systemctl` start a unit at once. */
const starts = new Set(['start', 'restart', '--now']);

/** How deep scripts that call scripts are followed. */
const deepest = 5;

/**
 * Reads from the commands of the first boot where and how the agent's `run.sh` is started: directly, through `sudo`,
 * `su`, `systemd-run` and the like, from a script that was written before, or by a systemd unit. This is no shell: it
 * knows words, `cd` and positional parameters, and that is what such commands are made of.
 */
export function findLaunch(boot: FirstBoot): Launch | undefined {
  for (const command of boot.commands) {
    const found = typeof command === 'string' ? inScript(command, '/', boot, 0) : inCommand(command, '/', boot, 0);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Reads what a later boot starts: cloud-init runs its commands on the first boot only, so it is what they enabled as a
 * systemd unit. `undefined`: nothing.
 */
export function findLaunchOfLaterBoot(boot: FirstBoot): Launch | undefined {
  for (const command of boot.commands) {
    for (const [program = '', ...words] of commandsOf(command, boot)) {
      if (posix.basename(program) !== 'systemctl' || !words.includes('enable')) continue;
      const found = inUnits(words, boot, 0, isWanted);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** A command, and those of the scripts that it has or names. */
function commandsOf(command: string | readonly string[], boot: FirstBoot): (readonly string[])[] {
  if (typeof command === 'string') return simpleCommands(command);
  const scripts = command.flatMap((word, index) => {
    const named = boot.files.get(posix.resolve('/', word))?.toString();
    return /\s/.test(word) ? [expand(word, command.slice(index + 1))] : named === undefined ? [] : [named];
  });
  return [command, ...scripts.flatMap(simpleCommands)];
}

/** Only a unit with an install section comes up by itself once it is enabled. */
function isWanted(unit: string): boolean {
  return /^WantedBy=/m.test(unit);
}

function inScript(script: string, folder: string, boot: FirstBoot, depth: number): Launch | undefined {
  let current = folder;
  for (const words of simpleCommands(script)) {
    if (words[0] === 'cd' && words[1] !== undefined) current = posix.resolve(current, words[1]);
    const found = inCommand(words, current, boot, depth);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inCommand(words: readonly string[], folder: string, boot: FirstBoot, depth: number): Launch | undefined {
  const [first = ''] = words;
  if (depth > deepest || readers.has(first)) return undefined;
  if (posix.basename(first) === 'systemctl') {
    return words.some((word) => starts.has(word)) ? inUnits(words.slice(1), boot, depth) : undefined;
  }
  const option = words.find((word) => word.startsWith('--working-directory='));
  const base = option === undefined ? folder : option.slice(option.indexOf('=') + 1);
  for (const [index, word] of words.entries()) {
    const path = posix.resolve(base, word);
    if (posix.basename(word) === 'run.sh') {
      return { folder: posix.dirname(path), once: words.slice(index + 1).includes('--once') };
    }
    const script = /\s/.test(word) ? expand(word, words.slice(index + 1)) : boot.files.get(path)?.toString();
    const found = script === undefined ? undefined : inScript(script, base, boot, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What `sh -c SCRIPT $0 $1 …` sees. */
function expand(script: string, parameters: readonly string[]): string {
  return script.replaceAll(/\$\{?(\d)\}?/g, (whole, digit: string) => parameters[Number(digit)] ?? whole);
}

function inUnits(
  words: readonly string[],
  boot: FirstBoot,
  depth: number,
  counts: (unit: string) => boolean = () => true,
): Launch | undefined {
  for (const word of words) {
    const name = word.endsWith('.service') ? word : `${word}.service`;
    for (const [path, content] of boot.files) {
      if (posix.basename(path) !== name || !path.includes('/systemd/')) continue;
      const unit = content.toString();
      if (!counts(unit)) continue;
      const folder = /^WorkingDirectory=(.+)$/m.exec(unit)?.[1]?.trim() ?? '/';
      const command = /^ExecStart=[-@:+!]*(.+)$/m.exec(unit)?.[1];
      const found = command === undefined ? undefined : inScript(command, folder, boot, depth + 1);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Splits a script into commands and each command into words; quotes hold words together. */
function simpleCommands(script: string): string[][] {
  const commands: string[][] = [[]];
  const pattern = /"((?:[^"\\]|\\.)*)"|'([^']*)'|(&&|\|\||[;&|\n(){}])|#.*|((?:[^\s"';&|(){}\\]|\\.)+)|\s+?/g;
  let joined = false;
  for (const match of script.replaceAll(/\\\n/g, ' ').matchAll(pattern)) {
    const [whole, double, single, separator, plain] = match;
    const word = double?.replaceAll(/\\(.)/g, '$1') ?? single ?? plain;
    const command = commands.at(-1) ?? [];
    if (separator !== undefined || whole === '\n') commands.push([]);
    else if (word !== undefined && joined) command.push(`${command.pop() ?? ''}${word}`);
    else if (word !== undefined) command.push(word);
    joined = word !== undefined;
  }
  return commands.filter((words) => words.length > 0);
}

/**
 * Performs the one edit that first boots make to files: what only the machine knows in place of a mark, `@mark@`, by
 * `sed` in a command or in a script that a command names. A mark for an address says so, and so does one for a version.
 */
export function fillMarks(boot: FirstBoot, { address, imageVersion }: { address: string; imageVersion: string }): void {
  for (const command of boot.commands) {
    const words = typeof command === 'string' ? [command] : command;
    const texts = words.map((word, index) =>
      /\s/.test(word)
        ? expand(word, words.slice(index + 1))
        : (boot.files.get(posix.normalize(word))?.toString() ?? ''),
    );
    for (const [edit] of texts.join('\n').matchAll(/sed -i .*/g)) {
      for (const [, , mark = ''] of edit.matchAll(/\bs([/|])(@[\w-]+@)\1/g)) {
        fill(boot, mark, /version/.test(mark) ? imageVersion : address);
      }
    }
  }
}

function fill(boot: FirstBoot, mark: string, value: string): void {
  for (const [path, content] of boot.files) {
    // A script keeps its own words.
    if (content.includes(mark) && !content.includes('sed -i')) {
      boot.files.set(path, Buffer.from(content.toString().replaceAll(mark, value)));
    }
  }
}

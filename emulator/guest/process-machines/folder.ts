import { spawn } from 'node:child_process';
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, posix } from 'node:path';
import type { BootedMachine } from '../../core/context.ts';
import { readCloudConfig } from '../cloud-init.ts';
import { standIns } from './commands.ts';

/** A machine as a folder: its files are under `root`, and what it says is in `console.log`. */
export interface MachineFolder {
  path: string;
  machine: BootedMachine;
  /** What every program of the machine has in its environment, and by which it is known to be one of its. */
  environment: NodeJS.ProcessEnv;
}

/** Where Azure's agent and cloud-init keep custom data on a disk. */
const customDataCopies = [
  '/var/lib/waagent/CustomData',
  '/var/lib/cloud/instances/emulated/user-data.txt',
  '/var/lib/cloud/instances/emulated/cloud-config.txt',
  '/var/lib/cloud/instances/emulated/obj.pkl',
];

/** Describes the folder of a machine; makes nothing. */
export function machineFolder(path: string, machine: BootedMachine, scale: number): MachineFolder {
  return {
    path,
    machine,
    environment: {
      PATH: [join(path, 'bin'), process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'].join(delimiter),
      HOME: join(path, 'root'),
      LANG: 'C.UTF-8',
      TMPDIR: join(path, 'tmp'),
      BOOTSTRAP_ROOT: join(path, 'root'),
      EMULATED_ADDRESS: machine.privateIpAddress,
      EMULATED_IMAGE_VERSION: machine.imageVersion ?? '',
      EMULATED_MACHINE_FOLDER: path,
      EMULATED_MACHINE_ID: machine.id,
      EMULATED_MACHINE_NAME: machine.name,
      EMULATED_SCALE: String(scale),
    },
  };
}

/** Makes the disk of a machine, as Azure hands it over. */
export function makeDisk({ path, machine }: MachineFolder): void {
  for (const folder of ['bin', 'tmp', 'root/etc']) mkdirSync(join(path, folder), { recursive: true, mode: 0o700 });
  for (const [name, script] of Object.entries(standIns)) {
    writeFileSync(join(path, 'bin', name), `#!/usr/bin/env bash\n${script}\n`, { mode: 0o755 });
  }
  for (const lun of machine.dataDiskLuns ?? []) writeFile(path, `/dev/disk/azure/scsi1/lun${String(lun)}`, '');
  for (const copy of customDataCopies) writeFile(path, copy, machine.customData ?? '', 0o600);
}

/**
 * Runs the machine's custom data as cloud-init does: files, then commands. Resolves with the names of the units that it
 * started; rejects with what went wrong.
 */
export async function firstBoot(folder: MachineFolder): Promise<string[]> {
  const { path, machine } = folder;
  if (machine.customData === undefined || machine.customData.trim() === '') return [];
  const { files, modes, commands } = readCloudConfig(machine.customData);
  for (const [name, content] of files) writeFile(path, name, content, modes?.get(name));
  for (const command of commands) {
    const words = typeof command === 'string' ? ['sh', '-c', command] : command;
    // A file that the custom data brought is found where it was put.
    const moved = words.map((word) => (files.has(posix.normalize(word)) ? join(path, 'root', word) : word));
    const code = await run(folder, moved);
    if (code !== 0) throw new Error(`A command of the first boot ended with ${String(code)}.`);
  }
  const list = join(path, 'started');
  return existsSync(list) ? [...new Set(readFileSync(list, 'utf8').trim().split('\n'))] : [];
}

/** Units that come up with the machine. */
export function enabledUnits(path: string, units: readonly string[]): string[] {
  return units.filter((unit) => existsSync(join(path, 'root/etc/systemd/system/multi-user.target.wants', unit)));
}

/** Starts a unit; answers when it has ended, and whether systemd starts it again then. */
export function startUnit(folder: MachineFolder, unit: string): { exited: Promise<number>; restarts: boolean } {
  const root = join(folder.path, 'root');
  const text = readFileSync(join(root, 'etc/systemd/system', unit), 'utf8');
  const value = (name: string): string => new RegExp(`^${name}=[-@:+!]*(.+)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const [program = '', ...words] = value('ExecStart').split(/\s+/);
  const exited = run(folder, [join(root, program), ...words], join(root, value('WorkingDirectory')));
  return { exited, restarts: value('Restart') === 'always' };
}

/** Runs a command with the environment of the machine and no terminal. */
function run(
  folder: MachineFolder,
  [program = '', ...words]: readonly string[],
  cwd = join(folder.path, 'root'),
): Promise<number> {
  const output = openSync(join(folder.path, 'console.log'), 'a', 0o600);
  const child = spawn(program, words, {
    cwd,
    // Ctrl-C in the cloud's terminal is not for the machine.
    detached: true,
    env: folder.environment,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 137));
  });
}

function writeFile(path: string, name: string, content: string | Buffer, mode = 0o644): void {
  const file = join(path, 'root', name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode });
  chmodSync(file, mode);
}

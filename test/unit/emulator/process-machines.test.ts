import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChance } from '../../../emulator/core/chance.ts';
import { createRealClock } from '../../../emulator/core/clock.ts';
import type { BootedMachine, Guest } from '../../../emulator/core/context.ts';
import { createFaults } from '../../../emulator/core/faults.ts';
import { createLatencies } from '../../../emulator/core/latencies.ts';
import { createLedger } from '../../../emulator/core/ledger.ts';
import { createMemoryStore } from '../../../emulator/core/store.ts';
import { chooseGuest } from '../../../emulator/guest/choose.ts';
import { createProcessGuest } from '../../../emulator/guest/process-machines/guest.ts';
import { processesOf } from '../../../emulator/guest/process-machines/kill.ts';
import { eventually } from '../../support/eventually.ts';

const folder = mkdtempSync(join(tmpdir(), 'odp-machines-'));
const clock = createRealClock();
const store = createMemoryStore();
const chance = createChance(1);
const ledger = createLedger(store.ledger);
const faults = createFaults(store, chance);
const addresses = { arm: '', entra: '', azureDevOps: '', control: '' };
const context = { clock, chance, store, ledger, faults, addresses, latencies: createLatencies(chance, 0.01) };
const open: Guest[] = [];

afterAll(() => {
  for (const guest of open) guest.close?.();
  clock.close();
  store.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

function newGuest(): Guest {
  const guest = createProcessGuest(context, folder);
  open.push(guest);
  return guest;
}

/** A machine whose program writes a line at each start, and has a child. */
function machineNamed(name: string, { once }: { once: boolean }): BootedMachine {
  const unit = ['[Service]', 'WorkingDirectory=/opt', 'ExecStart=/opt/run.sh', ...(once ? [] : ['Restart=always'])];
  const config = {
    write_files: [
      { path: '/opt/run.sh', permissions: '0755', content: '#!/bin/bash\necho start >> starts\nsleep 600 &\nwait\n' },
      { path: '/etc/systemd/system/program.service', content: `${unit.join('\n')}\n` },
    ],
    runcmd: [
      'echo boot >> "$BOOTSTRAP_ROOT/opt/boots"',
      ...(once ? [] : [['systemctl', 'enable', 'program.service']]),
      ['systemctl', 'start', 'program.service'],
    ],
  };
  return {
    id: `${folder}/id-of-${name}`,
    name,
    vmSize: 's',
    location: 'l',
    privateIpAddress: '10.0.0.4',
    customData: `#cloud-config\n${JSON.stringify(config)}\n`,
  };
}

const linesOf = (machine: BootedMachine, name: string): number =>
  readFileSync(join(folder, machine.name, 'root/opt', name), 'utf8')
    .trim()
    .split('\n').length;

async function expectLines(machine: BootedMachine, expected: { boots: number; starts: number }): Promise<void> {
  await eventually(async () => {
    expect({ boots: linesOf(machine, 'boots'), starts: linesOf(machine, 'starts') }).toEqual(expected);
    // The program and its child.
    expect(processesOf(machine.id).length).toBeGreaterThanOrEqual(2);
  });
}

test('a machine that stops and starts keeps its disk, and what is enabled starts again', async () => {
  const guest = newGuest();
  const machine = machineNamed('stateful', { once: false });
  guest.boot(machine);
  await expectLines(machine, { boots: 1, starts: 1 });
  guest.stop(machine.id);
  expect(processesOf(machine.id)).toEqual([]);
  guest.boot(machine);
  await expectLines(machine, { boots: 1, starts: 2 });
  guest.stop(machine.id);
});

test('what is not enabled does not start again', async () => {
  const guest = newGuest();
  const machine = machineNamed('stateless', { once: true });
  guest.boot(machine);
  await expectLines(machine, { boots: 1, starts: 1 });
  guest.stop(machine.id);
  guest.boot(machine);
  // A second machine that is booted after it and has started shows that the first had its turn.
  const other = machineNamed('other', { once: true });
  guest.boot(other);
  await expectLines(other, { boots: 1, starts: 1 });
  expect(linesOf(machine, 'starts')).toBe(1);
});

test('a disk that is made anew boots for the first time again', async () => {
  const guest = newGuest();
  const machine = machineNamed('reimaged', { once: true });
  guest.boot(machine);
  await expectLines(machine, { boots: 1, starts: 1 });
  guest.stop(machine.id);
  guest.wipe?.(machine.id);
  expect(existsSync(join(folder, machine.name))).toBe(false);
  guest.boot(machine);
  await expectLines(machine, { boots: 1, starts: 1 });
});

test('a cloud that comes back starts again what ran when it ended', async () => {
  const before = newGuest();
  const machine = machineNamed('resumed', { once: true });
  before.boot(machine);
  await expectLines(machine, { boots: 1, starts: 1 });
  before.close?.();
  expect(processesOf(machine.id)).toEqual([]);
  newGuest().boot(machine);
  await expectLines(machine, { boots: 1, starts: 2 });
});

test('a program that ends is started again only where its unit says so', async () => {
  const guest = newGuest();
  const [once, always] = [machineNamed('ends', { once: true }), machineNamed('returns', { once: false })];
  for (const machine of [once, always]) {
    guest.boot(machine);
    await expectLines(machine, { boots: 1, starts: 1 });
    for (const pid of processesOf(machine.id)) process.kill(pid, 'SIGKILL');
  }
  await expectLines(always, { boots: 1, starts: 2 });
  expect(linesOf(once, 'starts')).toBe(1);
  expect(processesOf(once.id)).toEqual([]);
});

test('a first boot that fails is an agent that was refused, and the console says why', async () => {
  const guest = newGuest();
  const machine = {
    ...machineNamed('broken', { once: true }),
    customData: '#cloud-config\nruncmd: ["echo why; exit 7"]',
  };
  guest.boot(machine);
  await eventually(async () => {
    const refused = ledger.entries('machine').filter(({ event }) => event === 'agentRefused');
    expect(refused.map(({ id }) => id)).toEqual([machine.id]);
  });
  expect(readFileSync(join(folder, 'broken/console.log'), 'utf8')).toBe('why\n');
});

test('machines are processes by their name, and every machine is told of its end', () => {
  const told: string[] = [];
  const named = (name: string): Guest => ({
    boot: (machine) => void told.push(`${name} boot ${machine.name}`),
    stop: (id) => void told.push(`${name} stop ${id}`),
  });
  const guest = chooseGuest('linux-*.1', named('process'), named('simulated'));
  for (const name of ['linux-a.1', 'LINUX-b.1', 'linux-ax1', 'x-linux-a.1']) {
    guest.boot({ ...machineNamed(name, { once: true }) });
  }
  guest.stop('x');
  expect(told).toEqual([
    'process boot linux-a.1',
    'process boot LINUX-b.1',
    'simulated boot linux-ax1',
    'simulated boot x-linux-a.1',
    'process stop x',
    'simulated stop x',
  ]);
});

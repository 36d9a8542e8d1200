import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scheduleOf } from '../schedule/schedule-of.ts';
import type { Schedule } from '../schedule/schedule.ts';

/** The command as people call it; what it runs is tested in `simulation.test.ts`. */
function simulate(...args: string[]) {
  const command = ['--disable-warning=ExperimentalWarning', 'test/simulation/main.ts', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return { status, stdout, stderr };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'odp-simulate-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

describe('the command', () => {
  test('says what it takes', () => {
    const { status, stdout } = simulate('--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/--seeds LIST/);
  });

  test('prints the schedule of a seed', () => {
    const { status, stdout } = simulate('--seed', '7', '--print');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(scheduleOf(7));
  });

  test('takes jobs from a trace', () => {
    const { jobs } = JSON.parse(
      simulate('--seed', '7', '--print', '--arrivals', 'samples/workload.csv').stdout,
    ) as Schedule;
    expect(jobs.length).toBeGreaterThan(0);
    expect(jobs).not.toEqual(scheduleOf(7).jobs);
  });

  test('reads a schedule alone, and one that was kept', () => {
    const schedule = scheduleOf(9);
    const kept = { invariant: 'cap', foundAt: 'x', note: 'y', schedule };
    for (const value of [schedule, kept]) {
      const { stdout } = simulate('--schedule', file('schedule.json', value), '--print');
      expect(JSON.parse(stdout)).toEqual(schedule);
    }
  });

  test.each([
    [['--seeds', 'many'], /"many" names no seeds/],
    [['--workers', '0'], /--workers must be a whole number from 1/],
    [['--no-such-option'], /Unknown option '--no-such-option'/],
    [['--schedule', 'no-such-file.json'], /no-such-file\.json/],
    [['--arrivals', 'no-such-file.csv'], /cannot be read/],
    [['--arrivals', 'package.json'], /is not valid/],
  ])('refuses %j and shows its usage', (args, message) => {
    const { status, stdout, stderr } = simulate(...args);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/usage: npm run simulate/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test.each([
    ['no JSON', '{', /JSON/],
    ['another version', { version: 2 }, /no schedule of version 1/],
  ])('refuses a file with %s', (_what, value, message) => {
    const { status, stderr } = simulate('--schedule', file('wrong.json', value));
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});

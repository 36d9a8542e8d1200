import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseInstallation } from '../../domain/installation.ts';
import { embeddedInstallationDocument, parseReadyLine } from '../../client/cli/up/embedded-cloud.ts';
import { isSettled, type Look, type LookedJob } from '../../client/cli/up/look.ts';
import { checkPorts } from '../../client/cli/up/ports.ts';
import { identityOf, startedAt, stopStaleProcesses, writeRecord } from '../../client/cli/up/process-record.ts';
import { createSupervisor } from '../../client/cli/up/supervise.ts';
import { changeLines, summaryLines, viewLines } from '../../client/cli/up/view.ts';
import { width } from '../../client/cli/render.ts';

const plain = { colour: false };
const never = new AbortController().signal;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odp-up-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('the ports', () => {
  test('that are taken are all named, with who needs them and the flag that changes them', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const needed = [
        { port, neededBy: 'the engine', flag: '--temporal-port' },
        { port: 1 + (port % 65_000), neededBy: 'a', flag: '--arm-port' },
        { port: 1 + (port % 65_000), neededBy: 'b', flag: '--control-port' },
      ];
      const error = await checkPorts(needed, '127.0.0.1').catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'PortTaken' });
      const messages = (error as { details: { message: string }[] }).details.map(({ message }) => message);
      expect(messages[0]).toBe(
        `port ${port}, which the engine needs: another process listens on it; choose another with --temporal-port`,
      );
      expect(messages.at(-1)).toContain('a was given it too; choose another with --control-port');
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    await expect(checkPorts([{ port, neededBy: 'x', flag: '--x' }], '127.0.0.1')).resolves.toBeUndefined();
  });
});

describe('processes of an earlier run', () => {
  const sleeper = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });

  test('are stopped when their supervisor is dead, and told', async () => {
    const [child, supervisor] = [sleeper(), sleeper()];
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    const dead = await identityOf(supervisor.pid ?? 0);
    await new Promise((resolve) => {
      supervisor.once('exit', resolve);
      supervisor.kill();
    });
    await writeRecord(folder, {
      supervisor: dead,
      children: [{ name: 'cloud', ...(await identityOf(child.pid ?? 0)) }],
    });
    const told: string[] = [];
    await stopStaleProcesses(folder, (line) => told.push(line));
    expect(await ended).toBe('SIGTERM');
    expect(told).toEqual([expect.stringContaining(`cloud of a run that ended is still there (process ${child.pid})`)]);
  });

  test('are not touched when only the process id is the same', async () => {
    const child = sleeper();
    const pid = child.pid ?? 0;
    await writeRecord(folder, {
      supervisor: { pid, startedAt: 'another start' },
      children: [
        { name: 'cloud', pid, startedAt: 'another start' },
        { name: 'worker', pid, startedAt: '' },
      ],
    });
    const told: string[] = [];
    await stopStaleProcesses(folder, (line) => told.push(line));
    expect(told).toEqual([]);
    expect(await startedAt(pid)).toBeDefined();
    child.kill();
  });

  test('stay while their supervisor lives; the second run is refused', async () => {
    const supervisor = sleeper();
    await writeRecord(folder, { supervisor: await identityOf(supervisor.pid ?? 0), children: [] });
    const refused = stopStaleProcesses(folder, () => undefined);
    await expect(refused).rejects.toMatchObject({ code: 'Conflict' });
    supervisor.kill();
  });

  test('are none where the record is missing or torn', async () => {
    await rm(join(folder, 'processes.json'), { force: true });
    await expect(stopStaleProcesses(folder, () => undefined)).resolves.toBeUndefined();
    await writeFile(join(folder, 'processes.json'), '{"supervisor":');
    await expect(stopStaleProcesses(folder, () => undefined)).resolves.toBeUndefined();
  });
});

describe('the supervisor', () => {
  test('starts a service again when it ends, and stops all in the reverse order of their start', async () => {
    const log: string[] = [];
    const running: (() => void)[] = [];
    const service = (name: string) => ({
      name,
      start: () => {
        log.push(`start ${name}`);
        let end = () => {};
        const exited = new Promise<string>((resolve) => (end = () => resolve('ended with code 1')));
        running.push(end);
        const stop = () => {
          log.push(`stop ${name}`);
          end();
          return Promise.resolve();
        };
        return Promise.resolve({ pid: process.pid, exited, stop });
      },
    });
    let restarted = () => {};
    const again = new Promise<void>((resolve) => (restarted = resolve));
    const report = (line: string) => {
      if (line.includes('runs again')) restarted();
    };
    const supervisor = createSupervisor(folder, { report, stop: never });
    await supervisor.add(service('engine'));
    await supervisor.add(service('cloud'));
    await supervisor.add(service('worker'));
    running[1]?.();
    await again;
    await supervisor.stop(never);
    expect(log).toEqual([
      'start engine',
      'start cloud',
      'start worker',
      'start cloud',
      'stop worker',
      'stop cloud',
      'stop engine',
    ]);
  });

  test('refuses to start anything after Ctrl-C', async () => {
    const supervisor = createSupervisor(folder, { report: () => undefined, stop: AbortSignal.abort() });
    const start = () => Promise.reject(new Error('must not start'));
    await expect(supervisor.add({ name: 'x', start })).rejects.toMatchObject({ code: 'Interrupted' });
  });
});

test('the embedded cloud’s first line makes a valid installation document without a secret in it', () => {
  const cloud = parseReadyLine({
    ready: true,
    arm: 'https://localhost:8443',
    entra: 'https://localhost:8443',
    azureDevOps: 'http://127.0.0.1:8081',
    control: 'http://127.0.0.1:8082',
    caCertificateFile: '.odp/cloud/ca.pem',
    tenantId: '00000000-0000-0000-0000-000000000001',
    clientId: '00000000-0000-0000-0000-000000000002',
    clientSecretFile: '.odp/cloud/secrets/client-secret',
    subscriptionId: '00000000-0000-0000-0000-000000000003',
    resourceGroup: 'agents',
    location: 'westeurope',
    subnetId:
      '/subscriptions/00000000-0000-0000-0000-000000000003/resourceGroups/agents/providers/Microsoft.Network/virtualNetworks/agents/subnets/default',
    organization: 'contoso',
    organizationUrl: 'http://127.0.0.1:8081/contoso',
    project: 'samples',
    personalAccessTokenFile: '.odp/cloud/secrets/azure-devops-token',
    pipeline: 'workload',
  });
  const document = embeddedInstallationDocument(cloud, { address: '127.0.0.1:7233', namespace: 'default' });
  expect(parseInstallation(document)).toHaveProperty('installation');
});

const job = (requestId: number, more: Partial<LookedJob> = {}): LookedJob => ({
  requestId,
  jobName: 'build',
  pool: 'sample',
  image: 'ubuntu',
  state: 'queued',
  agent: '',
  queuedAt: 1_000,
  waitMs: 4_000,
  legs: [],
  ...more,
});
const finished = { state: 'succeeded', agent: 'a1', startedAt: 5_000, finishedAt: 9_000 };

const look = (more: Partial<Look> = {}): Look => ({
  at: 10_000,
  pool: {
    pool: 'sample',
    status: 'Succeeded',
    totals: { requested: 3, returned: 1, failed: 0, jobs: 1, waitedMs: 4_000 },
    holds: [],
    lastPlan: {
      at: 9_000,
      commands: [{ kind: 'create', image: 'ubuntu', count: 2, reason: { code: 'Demand', message: '3 jobs wait.' } }],
      remarks: [],
    },
  },
  agents: [{ name: 'a1', image: 'ubuntu', state: 'Ready', since: 8_000, job: '' }],
  jobs: [job(2), job(1, { ...finished, legs: [{ name: 'booted', ms: 3_900 }] })],
  ...more,
});

describe('the live view', () => {
  const frame = { columns: 100, rows: 40, messages: ['the cloud runs again'], workload: '2 of 24 jobs queued' };

  test('shows the pool with its reason, agents, jobs with the legs of their waits, and totals', () => {
    expect(viewLines(look(), frame, plain)).toEqual([
      '',
      'pool sample  jobs: 1 queued, 0 running  agents: 1 (1 Ready)',
      'why: create 2 of ubuntu: 3 jobs wait.',
      '',
      'AGENT  IMAGE   STATE  SINCE  JOB',
      'a1     ubuntu  Ready   2.0s',
      '',
      'REQUEST  JOB    IMAGE   STATE      WAIT  OF WHICH',
      '      2  build  ubuntu  queued     4.0s',
      '      1  build  ubuntu  succeeded  4.0s  booted 3.9s',
      '',
      '2 of 24 jobs queued · 1 jobs finished · wait p50 4.0s, p95 4.0s · 3 machines so far',
      'Ctrl-C stops everything; what runs now is resumed.',
      'the cloud runs again',
    ]);
  });

  test('fits every terminal', () => {
    const sizes = fc.record({ columns: fc.integer({ min: 1, max: 200 }), rows: fc.integer({ min: 10, max: 60 }) });
    fc.assert(
      fc.property(sizes, fc.nat(30), fc.nat(30), (size, agents, jobs) => {
        const big = look({
          agents: Array.from({ length: agents }, (_, at) => ({
            name: `agent-${at}`,
            image: 'ubuntu',
            state: 'Ready',
            since: 0,
            job: 'x'.repeat(50),
          })),
          jobs: Array.from({ length: jobs }, (_, at) => job(at)),
        });
        const lines = viewLines(big, { ...frame, ...size }, { colour: true });
        expect(lines.length).toBeLessThan(size.rows);
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(size.columns);
      }),
    );
  });
});

describe('without a terminal', () => {
  test('what is under way is told first, then each change once', () => {
    const before = look({ jobs: [job(1)] });
    expect(changeLines(undefined, before)).toEqual(['job 1 (ubuntu) queued', 'agent a1 (ubuntu) Ready']);
    expect(changeLines(before, look())).toEqual([
      'job 1 (ubuntu) succeeded on a1, waited 4.0s (booted 3.9s)',
      'job 2 (ubuntu) queued',
    ]);
    expect(changeLines(look(), look())).toEqual([]);
    expect(changeLines(look(), look({ agents: [] }))).toEqual(['agent a1 (ubuntu) Returned']);
  });

  test('jobs that ended before the first look are not told', () => {
    expect(changeLines(undefined, look({ jobs: [job(1, finished)], agents: [] }))).toEqual([]);
  });
});

describe('the end of the sample', () => {
  const standby = { ...look().pool, specification: { standby: { count: 1, counts: 'total' } } } as Look['pool'];
  const done = look({ ...(standby ? { pool: standby } : {}), jobs: [job(1, finished)] });

  test('is when no job is left and only standby agents are, all ready', () => {
    expect(isSettled(done)).toBe(true);
    expect(isSettled({ ...done, jobs: [job(2), ...done.jobs] })).toBe(false);
    expect(isSettled({ ...done, agents: [] })).toBe(false);
    expect(isSettled({ ...done, agents: done.agents.map((agent) => ({ ...agent, state: 'Starting' })) })).toBe(false);
  });

  test('is summed up: jobs, waits, machines created, returned and left', () => {
    expect(summaryLines(done, 0)).toEqual([
      '1 jobs ran',
      'wait p50 4.0s, p95 4.0s',
      'machines: 3 created, 2 returned, 1 on standby',
      'machines left over: 0',
    ]);
  });
});

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDemand, satisfies } from '../../../emulator/azure-devops/demands.ts';
import { createPoolQueue, goesBefore } from '../../../emulator/azure-devops/queue.ts';
import type { AgentRecord, RequestRecord } from '../../../emulator/azure-devops/records.ts';
import { openTable } from '../../../emulator/azure-devops/table.ts';
import { createVirtualClock } from '../../../emulator/core/clock.ts';
import { createMemoryStore } from '../../../emulator/core/store.ts';
import { readCloudConfig } from '../../../emulator/guest/cloud-init.ts';
import { fillMarks, findLaunch, findLaunchOfLaterBoot } from '../../../emulator/guest/launch.ts';

const agent: AgentRecord = {
  id: 1,
  poolId: 1,
  name: 'agent-1',
  version: '4.260.0',
  osDescription: '',
  enabled: true,
  online: true,
  createdAt: 0,
  statusChangedAt: 0,
  maxParallelism: 1,
  systemCapabilities: { 'Agent.OS': 'Linux', docker: '/usr/bin/docker' },
  userCapabilities: { ImageOverride: 'ubuntu' },
  properties: {},
};

describe('demands', () => {
  test.each([
    ['docker', true],
    ['Docker -exists', true],
    ['npm', false],
    ['ImageOverride -equals ubuntu', true],
    ['imageoverride -equals Ubuntu', true],
    ['ImageOverride -equals windows', false],
    ['Agent.Version -gtVersion 2.182.1', true],
    ['Agent.Version -gtVersion 4.260.0', false],
    ['Agent.Version -gtVersion 4.259.99', true],
    ['Agent.Version -gtVersion 10.0', false],
  ])('%s: %s', (demand, expected) => {
    expect(satisfies(agent, [parseDemand(demand)])).toBe(expected);
  });
});

describe('the queue of a pool', () => {
  test('gives jobs in the order of priority and age, whatever order they came in and whatever was taken out', () => {
    const one = fc.record({
      priority: fc.integer({ min: 1, max: 5 }),
      demands: fc.subarray(['a', 'b']),
      leaves: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 40 }), (jobs) => {
        const queue = createPoolQueue();
        const all = jobs.map(({ priority, demands, leaves }, id) => ({
          request: request(id, priority, demands),
          leaves,
        }));
        for (const { request: it } of all) queue.add(it);
        for (const { request: it, leaves } of all) if (leaves) queue.remove(it);
        const kept = all.filter(({ leaves }) => !leaves).map(({ request: it }) => it);
        const queued = [...queue.classes].flatMap(({ requests }) => requests);
        expect(queue.size).toBe(kept.length);
        expect(queued.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(kept.map(({ id }) => id));
        for (const { requests } of queue.classes) {
          for (const [index, later] of requests.slice(1).entries()) {
            expect(goesBefore(later, requests[index] ?? later)).toBe(false);
          }
        }
      }),
    );
  });
});

function request(id: number, priority: number, demands: string[]): RequestRecord {
  const build = {
    id,
    number: '',
    projectId: '',
    definitionId: 1,
    priority,
    reason: '',
    sourceBranch: '',
    demands,
    requestedBy: '',
  };
  const work = { durationMs: 0, result: 'succeeded' as const };
  return {
    id,
    poolId: 1,
    queueId: 1,
    demands,
    queuedAt: 0,
    jobId: '',
    planId: '',
    timelineId: '',
    work,
    messages: [],
    build,
  };
}

describe('a table', () => {
  test('shows itself as it was at any instant of the last minutes', async () => {
    const change = fc.record({
      id: fc.integer({ min: 0, max: 4 }),
      value: fc.option(fc.integer()),
      wait: fc.integer({ min: 0, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 30 }), async (changes) => {
        const clock = createVirtualClock();
        const collection = createMemoryStore().collection<{ id: number; value: number }>('t');
        const table = openTable(
          collection,
          clock,
          ({ id }) => id,
          ({ value }) => (value % 2 === 0 ? 'even' : 'odd'),
        );
        const snapshots: { at: number; rows: string }[] = [];
        const rows = (view: Pick<typeof table, 'values'>) =>
          JSON.stringify([...view.values()].toSorted((a, b) => a.id - b.id));
        for (const { id, value, wait } of changes) {
          await clock.advance(wait);
          if (value === null) table.delete(id);
          else table.put({ id, value });
          snapshots.push({ at: clock.now(), rows: rows(table) });
        }
        await clock.advance(1);
        const last = new Map(snapshots.map((it) => [it.at, it.rows]));
        for (const [at, expected] of last) expect(rows(table.asOf(at))).toBe(expected);
        expect(table.inGroup('even').every(({ value }) => value % 2 === 0)).toBe(true);
        expect(table.inGroup('even').length + table.inGroup('odd').length).toBe(table.size);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the first boot', () => {
  const script = '#!/bin/sh\nset -e\ncd "/opt/agent"\nexec ./run.sh --once\n';

  test.each([
    ['plain', script, undefined],
    ['base64', Buffer.from(script).toString('base64'), 'b64'],
    ['compressed and base64', gzipSync(script).toString('base64'), 'gz+b64'],
  ])('writes files that are %s', (_, content, encoding) => {
    const files = [
      { path: '/opt/start.sh', content, ...(encoding !== undefined && { encoding }), permissions: '0755' },
    ];
    const boot = readCloudConfig(`#cloud-config\n${JSON.stringify({ write_files: files })}`);
    expect(boot.files.get('/opt/start.sh')?.toString()).toBe(script);
  });

  test('is not applied without its first line', () => {
    expect(() => readCloudConfig('runcmd: [ls]')).toThrow('#cloud-config');
  });

  const unit =
    '[Service]\nWorkingDirectory=/opt/agent\nExecStart=/opt/agent/run.sh --once\n[Install]\nWantedBy=multi-user.target\n';
  test.each([
    ['a command', ['/opt/agent/run.sh', '--once'], true],
    ['a shell line', 'cd /opt/agent && ./run.sh', false],
    ['sudo', 'sudo -u agent /opt/agent/run.sh --once', true],
    ['su', "su - agent -c 'cd /opt/agent; nohup ./run.sh --once &'", true],
    ['sh -c with parameters', ['sh', '-c', '"$1/run.sh" --once', 'start', '/opt/agent'], true],
    ['systemd-run', ['systemd-run', '--working-directory=/opt/agent', './run.sh', '--once'], true],
    ['a script that was written', 'bash /opt/start.sh', true],
    ['a unit that was written', ['systemctl', 'enable', '--now', 'agent.service'], true],
  ])('starts the agent by %s', (_, command, once) => {
    const files = new Map([
      ['/opt/start.sh', Buffer.from(script)],
      ['/etc/systemd/system/agent.service', Buffer.from(unit)],
    ]);
    expect(findLaunch({ files, commands: [command] })).toEqual({ folder: '/opt/agent', once });
  });

  test.each([
    ['a look at it', ['test', '-x', '/opt/agent/run.sh']],
    ['a look at it in a script', ['sh', '-c', 'test -x "$1/run.sh" || curl "$2"', 'fetch', '/opt/agent', 'https://x']],
    ['a comment', '# /opt/agent/run.sh'],
    ['a unit that is only enabled', 'systemctl enable agent.service'],
  ])('takes %s for no start', (_, command) => {
    const files = new Map([['/etc/systemd/system/agent.service', Buffer.from(unit)]]);
    expect(findLaunch({ files, commands: [command] })).toBeUndefined();
  });

  test('puts what only the machine knows where the sed of a script puts it', () => {
    const script = 'sed -i "s/@own-address@/$address/; s/@image-version@/$version/" "$folder/.setup_info"';
    const boot = {
      files: new Map([
        ['/opt/agent/.setup_info', Buffer.from('@own-address@ @image-version@')],
        ['/opt/boot.sh', Buffer.from(script)],
      ]),
      commands: [['bash', '/opt/boot.sh']],
    };
    fillMarks(boot, { address: '10.0.0.7', imageVersion: '1.2.3' });
    expect(boot.files.get('/opt/agent/.setup_info')?.toString()).toBe('10.0.0.7 1.2.3');
    expect(boot.files.get('/opt/boot.sh')?.toString()).toBe(script);
  });

  test.each([
    ['a unit that was enabled', ['systemctl', 'enable', '--now', 'agent.service'], true],
    ['a unit that was only enabled', 'systemctl enable agent.service', true],
    ['a unit that was only started', ['systemctl', 'start', 'agent.service'], false],
    ['a command', ['/opt/agent/run.sh', '--once'], false],
    ['a transient unit', ['systemd-run', '--working-directory=/opt/agent', './run.sh', '--once'], false],
  ])('starts the agent by %s again with every later boot: %#', (_, command, again) => {
    const files = new Map([['/etc/systemd/system/agent.service', Buffer.from(unit)]]);
    const launch = findLaunchOfLaterBoot({ files, commands: [command] });
    expect(launch).toEqual(again ? { folder: '/opt/agent', once: true } : undefined);
  });

  test("puts the machine's own address where the sed of a command puts it", () => {
    const boot = {
      files: new Map([['/opt/agent/.setup_info', Buffer.from('[{"detail":"Private IP address: @ip@"}]')]]),
      commands: [
        ['sh', '-c', 'sed -i "s/$2/$(hostname -I | cut -d " " -f 1)/" "$1/.setup_info"', 'fill', '/opt/agent', '@ip@'],
      ],
    };
    fillMarks(boot, { address: '10.0.0.7', imageVersion: '1.2.3' });
    expect(boot.files.get('/opt/agent/.setup_info')?.toString()).toContain('address: 10.0.0.7"');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../client/cli/run.ts';
import type { AuditDetails, Health } from '../../client/sdk/index.ts';
import { testIo } from '../support/cli-io.ts';
import { embeddedPool } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { startStack, type Stack } from '../support/stack.ts';
import { cloudOf } from './audit-stack-support.ts';

/** `odp audit` and `odp doctor` on a whole installation. */

jest.setTimeout(180_000);

let stack: Stack;
let folder: string;
let cloud: ReturnType<typeof cloudOf>;

beforeAll(async () => {
  // No audit comes by itself, and one agent's remains are all that goes without asking.
  const audit = { everyMs: 86_400_000, confirmMs: 500, newbornMs: 500, deletionsMin: 1, deletionsShare: 0 };
  stack = await startStack({ scale: 0.02, limits: { audit } });
  cloud = cloudOf(stack);
  folder = await mkdtemp(join(tmpdir(), 'odp-audit-'));
  await writeFile(join(folder, 'installation.json'), JSON.stringify(stack.installation));
  const client = await stack.client();
  await client.pools.apply(embeddedPool(stack.cloud, 'linux'));
});
afterAll(async () => {
  await stack.close();
  await rm(folder, { recursive: true });
});

async function odp(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const io = testIo({ environment: { ODP_INSTALLATION: join(folder, 'installation.json') } });
  const code = await run(args, io);
  return { code, output: io.output(), errors: io.errors() };
}

const agent = (n: number) => `0123abcde00000${n}`;
const tags = (n: number) => ({
  'odp-installation': stack.installation.name,
  'odp-pool': 'linux',
  'odp-agent': `agent/linux/${agent(n)}`,
});

describe('odp audit', () => {
  let disks: string[];
  beforeAll(async () => {
    disks = await Promise.all([1, 2, 3].map((n) => cloud.putDisk(`${agent(n)}-os`, tags(n))));
    await new Promise((resolve) => setTimeout(resolve, 600));
  });
  const left = async () => (await Promise.all(disks.map((id) => cloud.exists(id)))).filter(Boolean).length;

  test('plans with --dry-run, and changes nothing', async () => {
    const { code, output } = await odp('audit', 'run', '--dry-run');
    expect(code).toBe(0);
    expect(output).toContain('planned: nothing was changed');
    for (const id of disks) expect(output).toContain(id);
    expect(await left()).toBe(3);
  });

  test('asks before it deletes more than its cap, and deletes what is approved', async () => {
    const { code, output } = await odp('audit', 'run');
    expect(code).toBe(0);
    expect(output).toContain('awaitingApproval');
    expect(output).toContain('`odp audit approve` lets it.');
    expect(await left()).toBe(3);

    const second = await odp('audit', 'run');
    expect(second).toMatchObject({ code: 5, output: '' });
    expect(second.errors).toContain('is under way');

    expect(await odp('audit', 'approve')).toMatchObject({
      code: 0,
      output: 'audit audit/by-hand: deletes what is left of 3 agents',
    });
    await eventually(async () => {
      const { output: shown } = await odp('audit', 'show', '--output', 'json');
      const { report, phase } = JSON.parse(shown) as AuditDetails;
      expect({ phase, outcome: report.outcome }).toEqual({ phase: 'done', outcome: 'repaired' });
      expect(report.repairs.map(({ subject, outcome }) => `${subject} ${outcome}`).toSorted()).toEqual(
        disks.map((id) => `${id} done`).toSorted(),
      );
    }, 60_000);
    expect(await left()).toBe(0);
    expect((await odp('audit', 'approve')).code).toBe(3);
  });
});

describe('odp doctor', () => {
  const statusOf = ({ checks }: Health, name: string) => checks.find((check) => check.name === name)?.status;

  test('finds a healthy installation healthy, and says what one look cannot see', async () => {
    // The plan of a dry run is no audit: the one by hand is.
    const { code, output, errors } = await odp('doctor');
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    for (const line of ['engine: reachable', 'task queue azure-devops-observer', 'invariant: noLeak']) {
      expect(output).toContain(line);
    }
    expect(output).toMatch(/invariant: liveness +not visible at one instant/);
    expect(output.trimEnd().endsWith('healthy')).toBe(true);
    const health = JSON.parse((await odp('doctor', '--output', 'json')).output) as Health;
    expect(health.healthy).toBe(true);
    expect(health.checks.filter(({ area }) => area === 'workers').map(({ status }) => status)).toEqual([
      'ok',
      'ok',
      'ok',
      'ok',
    ]);
    expect(statusOf(health, 'schedule')).toBe('ok');
    expect(statusOf(health, 'conservation')).toBe('ok');
  });

  test('ends with 1 when something carries our tag and does not tell whose it is', async () => {
    const disk = await cloud.putDisk('stray', { 'odp-installation': stack.installation.name });
    const { code, output, errors } = await odp('doctor');
    expect(code).toBe(1);
    expect(output).toMatch(/cloud: tags +breached/);
    expect(errors).toContain('1 of ');
    await cloud.deleteDisk(disk);
  });

  test('names the service whose credentials are refused', async () => {
    await stack.fault({
      match: { service: 'azure-devops', operation: 'Pools_List' },
      effect: { kind: 'reject', status: 403, code: 'Forbidden' },
      times: 1,
    });
    const { code, output } = await odp('doctor', '--output', 'json');
    expect(code).toBe(1);
    const health = JSON.parse(output) as Health;
    const look = health.checks.find(({ name }) => name === 'look');
    expect(look).toMatchObject({ status: 'breached', subjects: [stack.cloud.organizationUrl] });
    // A list with a gap proves nothing well.
    expect(statusOf(health, 'noLeak')).toBe('notVisible');
  });

  test('tells what it can when the engine is away', async () => {
    await stack.kill('engine');
    const { code, output } = await odp('doctor');
    expect(code).toBe(1);
    expect(output).toMatch(/engine: reachable +breached/);
    await stack.start('engine');
  });
});

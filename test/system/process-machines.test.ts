import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../client/cli/run.ts';
import { killMachine, processesOf } from '../../emulator/guest/process-machines/kill.ts';
import { testIo } from '../support/cli-io.ts';
import { embeddedPool } from '../support/embedded-pool.ts';
import { eventually } from '../support/eventually.ts';
import { resourcesLeft } from '../support/ledger-checks.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Machines of the embedded cloud that are processes: custom data, script, agent and jobs are run, not read. */

jest.setTimeout(180_000);

const minute = 60_000;
const password = 'p@ss/w:rd-of-the-proxy';
let stack: Stack;

beforeAll(async () => {
  process.env['PROXY_PASSWORD'] = password;
  stack = await startStack({
    scale: 0.02,
    cloudArguments: ['--machines=process:*'],
    installation: {
      proxyCredentials: { corporate: { userName: 'agent', password: { environment: 'PROXY_PASSWORD' } } },
    },
  });
  const odp = await stack.client();
  await odp.pools.apply(embeddedPool(stack.cloud, 'real'));
});
afterAll(async () => {
  // A stack is killed, and a killed cloud leaves its machines' processes to the next one.
  const ids = await machineIds();
  await stack.close();
  ids.forEach(killMachine);
});

const installation = () => join(stack.folder, 'installation.json');

async function jobRun(script: string, pool = 'real') {
  const io = testIo();
  const code = await run(['--installation', installation(), 'job', 'run', '--pool', pool, script], io);
  return { code, output: io.output(), errors: io.errors() };
}

const folders = () =>
  readdir(join(stack.folder, 'cloud', 'machines')).then((names) => names.filter((n) => /^\w/.test(n)));

/** Ids of every machine that there ever was. */
async function machineIds(): Promise<string[]> {
  return [...new Set((await stack.ledger('machine')).map(({ id }) => id))];
}

test('a job prints what its command wrote, on a machine that its custom data made an agent', async () => {
  const script = [
    'echo "$TF_BUILD on $AGENT_NAME"',
    'pwd | sed "s:.*/opt/:/opt/:"',
    // What Azure's agent and cloud-init had kept of the custom data is gone, and the key is the agent's alone.
    'find "$BOOTSTRAP_ROOT/var/lib/waagent" "$BOOTSTRAP_ROOT/var/lib/cloud" -type f | wc -l | tr -d " "',
    'stat -c %a "$BOOTSTRAP_ROOT/opt/azure-pipelines-agent/.credentials_rsaparams"',
    'grep -c "Private IP address: 10\\." "$BOOTSTRAP_ROOT/opt/azure-pipelines-agent/.setup_info"',
  ].join('\n');
  const { code, output, errors } = await jobRun(script);
  expect(code).toBe(0);
  expect(output.split('\n')).toEqual([
    expect.stringMatching(/^True on [0-9a-f]+$/),
    '/opt/azure-pipelines-agent/_work/1/s',
    '0',
    '600',
    '1',
  ]);
  expect(errors).toMatch(/^build \d+ is queued on pool real$/);
});

test('a command that fails fails its job', async () => {
  const { code, output, errors } = await jobRun('echo before; echo wrong >&2; exit 3');
  expect(code).toBe(1);
  expect(output).toBe('before\nwrong');
  expect(errors).toContain("Bash exited with code '3'.");
  expect(errors).toMatch(/error: Build \d+ ended on [0-9a-f]+: failed\./);
});

test('Ctrl-C cancels the job, and what it started ends', async () => {
  const stop = new AbortController();
  const io = testIo({ signals: () => ({ stop: stop.signal, kill: new AbortController().signal }) });
  const out = (line: string) => {
    io.out(line);
    if (line === 'begun') stop.abort();
  };
  const script = 'echo begun; sleep 600 & sleep 600';
  const code = await run(['--installation', installation(), 'job', 'run', '--pool', 'real', script], { ...io, out });
  expect({ code, output: io.output() }).toEqual({ code: 130, output: 'begun' });
  await eventually(async () => {
    const results = (await stack.ledger('job')).flatMap(({ result }) => result ?? []);
    expect(results).toContain('canceled');
    expect(await resourcesLeft(stack)).toEqual([]);
  }, minute);
  for (const id of await machineIds()) expect(processesOf(id)).toEqual([]);
});

test('what the job wrote is in the logs of Azure DevOps, with what the machine is', async () => {
  await jobRun('echo written by the job');
  const token = await readFile(stack.cloud.personalAccessTokenFile, 'utf8');
  const headers = { authorization: `Basic ${Buffer.from(`:${token}`).toString('base64')}`, accept: 'text/plain' };
  const builds = `${stack.cloud.organizationUrl}/${stack.cloud.project}/_apis/build/builds`;
  const get = async (path: string) => await (await fetch(`${builds}${path}`, { headers })).text();
  const { value } = JSON.parse(await get('?$top=1&queryOrder=queueTimeDescending')) as { value: { id: number }[] };
  const build = value[0]?.id ?? 0;
  const { records } = JSON.parse(await get(`/${build}/timeline`)) as {
    records: { name: string; type: string; result: string; log?: { id: number } }[];
  };
  expect(records.filter(({ type }) => type === 'Task').map(({ name, result }) => [name, result])).toEqual([
    ['Initialize job', 'succeeded'],
    ['CmdLine', 'succeeded'],
  ]);
  const logs = await Promise.all(
    records.flatMap(({ log }) => (log === undefined ? [] : [get(`/${build}/logs/${log.id}`)])),
  );
  expect(logs.join('')).toMatch(/Z ##\[group\]Network\n\S+ Private IP address: 10\./);
  expect(logs.join('')).toContain('Size: Standard_D2ads_v5');
  expect(logs.join('')).toMatch(/Version: canonical\/ubuntu-24_04-lts\/server\/\d+\.\d+\.\d+/i);
  expect(logs.join('')).toMatch(/Z written by the job\n/);
});

test('agents and jobs get the proxy of the pool, and no password reaches a history or a log of the worker', async () => {
  const odp = await stack.client();
  const proxy = { url: 'http://127.0.0.1:9', credential: 'corporate', bypass: [String.raw`^http://127\.0\.0\.1`] };
  await odp.pools.apply(embeddedPool(stack.cloud, 'proxied', { operatorProfile: { proxy } }));
  const { code, output } = await jobRun(
    'env | grep -i _proxy= | sort; cat "$BOOTSTRAP_ROOT"/opt/azure-pipelines-agent/{.proxy,.proxybypass}',
    'proxied',
  );
  expect(code).toBe(0);
  const full = `http://agent:${encodeURIComponent(password)}@127.0.0.1:9`;
  expect(output.split('\n')).toEqual(
    expect.arrayContaining([`http_proxy=${full}`, `HTTPS_PROXY=${full}`, 'http://127.0.0.1:9', proxy.bypass[0]]),
  );
  const told = (await readdir(stack.folder)).filter((name) => /^(worker\.log|engine\.(log|db.*))$/.test(name));
  expect(told).toEqual(expect.arrayContaining(['engine.db', 'worker.log']));
  const contents = await Promise.all(
    told.map(async (name) => ({ name, content: await readFile(join(stack.folder, name)) })),
  );
  const holding = (text: string) => contents.filter(({ content }) => content.includes(text)).map(({ name }) => name);
  // The histories can be read like this: the credential's name is in them.
  expect(holding('corporate')).not.toEqual([]);
  expect([...holding(password), ...holding(encodeURIComponent(password))]).toEqual([]);
});

test('a machine outlives a killed cloud only as its disk: the cloud starts its agent again', async () => {
  const odp = await stack.client();
  const standby = { kind: 'Manual' };
  await odp.pools.apply(
    embeddedPool(stack.cloud, 'ready', {
      agentProfile: {
        kind: 'Stateless',
        resourcePredictionsProfile: standby,
        resourcePredictions: { timeZone: 'UTC', daysData: [{ '00:00:00': 1 }] },
      },
    }),
  );
  const one = await eventually(async () => {
    const [agent] = await odp.agents.list({ pool: 'ready' });
    expect(agent?.state).toBe('Ready');
    return agent?.name ?? '';
  }, minute);
  await stack.kill('cloud');
  await stack.start('cloud');
  const { code, output } = await jobRun('echo "$AGENT_NAME"', 'ready');
  expect({ code, output }).toEqual({ code: 0, output: one });
});

test('with the pools go the folders of their machines and every process', async () => {
  const odp = await stack.client();
  for (const name of ['real', 'proxied', 'ready']) await odp.pools.delete(name);
  await eventually(async () => {
    expect(await resourcesLeft(stack)).toEqual([]);
    expect(await folders()).toEqual([]);
  }, minute);
  const ids = await machineIds();
  expect(ids.length).toBeGreaterThanOrEqual(5);
  for (const id of ids) expect(processesOf(id)).toEqual([]);
});

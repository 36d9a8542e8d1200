import { createServer, type Server } from 'node:http';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { customData, type CustomDataInput } from '../../activities/azure/custom-data.ts';
import { createAgentKey, type AgentKey } from '../../activities/azure/key-stock.ts';
import type { MachineSpecification } from '../../domain/pool-specification.ts';
import { makeAgentPackage, type AgentPackageFile } from '../../emulator/guest/process-machines/agent-package.ts';
import { enabledUnits, firstBoot, machineFolder, makeDisk } from '../../emulator/guest/process-machines/folder.ts';

/** The bootstrap script as the custom data of a create call brings it, run in a folder. */

const agentFolder = 'opt/azure-pipelines-agent';
const unit = 'azure-pipelines-agent.service';

let folder: string;
let key: AgentKey;
let agent: AgentPackageFile;
let server: Server;
let url: string;
let requests: { path: string; authorization: string | undefined }[] = [];
let machines = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'odp-bootstrap-'));
  key = await createAgentKey();
  agent = makeAgentPackage(join(folder, 'package'));
  // A mirror, and a proxy for whoever asks it for another address.
  server = createServer((request, response) => {
    const authorization = request.headers['proxy-authorization'];
    requests.push({ path: request.url ?? '', authorization });
    if (request.url === '/missing') response.writeHead(404);
    response.end(agent.content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  requests = [];
});

interface Boot {
  machine?: Partial<MachineSpecification>;
  input?: Partial<CustomDataInput>;
  /** What the image brings, by path. */
  image?: Record<string, string>;
  /** What its cloud tells of the image. */
  imageVersion?: string;
}

/** Boots a new machine; answers what can be seen of it then. */
async function boot({ machine = {}, input = {}, image = {}, imageVersion }: Boot = {}) {
  const specification: MachineSpecification = {
    subscriptionId: 's',
    resourceGroup: 'g',
    location: 'westeurope',
    vmSize: 'Standard_D2ads_v5',
    osDiskStorageAccountType: 'Standard_LRS',
    subnetId: 'subnet',
    tags: {},
    workFolder: '_work',
    ...machine,
  };
  const data = customData({
    identity: {
      installation: 'test',
      pool: 'build',
      agent: 'abcdef012000001',
      organization: 'contoso',
      organizationUrl: 'https://dev.azure.com/contoso',
      agentPoolId: 9,
    } as CustomDataInput['identity'],
    machine: specification,
    image: {
      name: 'ubuntu',
      aliases: ['ubuntu'],
      reference: { kind: 'gallery', id: '/images/ubuntu' },
      operatingSystem: 'Linux',
      buffer: '*',
    },
    registration: {
      registrationId: 41,
      agentPoolName: 'build',
      serverUrl: 'https://dev.azure.com/contoso/',
      clientId: 'client',
      authorizationUrl: 'https://vstoken.dev.azure.com/x',
    },
    key,
    agentPackage: { url: `${url}/agent.tar.gz`, sha256: agent.sha256 },
    ...input,
  });
  const path = join(folder, `machine-${(machines += 1)}`);
  const disk = machineFolder(
    path,
    {
      ...(imageVersion === undefined ? {} : { imageVersion }),
      id: path,
      name: 'abcdef012000001',
      vmSize: specification.vmSize,
      location: specification.location,
      privateIpAddress: '10.0.0.4',
      customData: Buffer.from(data, 'base64').toString(),
      dataDiskLuns: specification.dataDisk === undefined ? [] : [specification.dataDisk.lun],
    },
    1,
  );
  makeDisk(disk);
  for (const [name, content] of Object.entries(image)) {
    const file = join(path, 'root', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content, { mode: 0o755 });
  }
  const outcome = await firstBoot(disk).catch((error: unknown) => String(error));
  const file = (name: string) => join(path, 'root', name);
  return {
    outcome,
    path,
    file,
    text: (name: string) => readFileSync(file(name), 'utf8'),
    console: readFileSync(join(path, 'console.log'), 'utf8'),
  };
}

const steps = (console: string): string[] =>
  console.split('\n').flatMap((line) => /^open-devops-pools: (.*)$/.exec(line)?.[1] ?? []);

test('an image without the agent fetches it, checks it, and starts it as a unit of its own', async () => {
  const machine = await boot();
  expect(machine.outcome).toEqual([unit]);
  expect(requests).toEqual([{ path: '/agent.tar.gz', authorization: undefined }]);
  expect(steps(machine.console)).toEqual([
    'remove the copies of the custom data',
    `fetch the agent from ${url}/agent.tar.gz`,
    'check the SHA-256 of the agent',
    'install the agent',
    'tell the address of the machine and the version of its image',
    'start the agent',
    'done',
  ]);
  expect(existsSync(machine.file(`${agentFolder}/run.sh`))).toBe(true);
  expect(machine.text(`${agentFolder}/.setup_info`)).toContain('Private IP address: 10.0.0.4"');
  expect(enabledUnits(machine.path, [unit])).toEqual([]);
});

test('an image that brings the agent fetches nothing', async () => {
  const machine = await boot({ image: { [`${agentFolder}/run.sh`]: '#!/bin/sh\n' } });
  expect(machine.outcome).toEqual([unit]);
  expect(requests).toEqual([]);
});

test('a package with another hash is not unpacked: the boot fails and says where', async () => {
  const machine = await boot({ input: { agentPackage: { url: `${url}/agent.tar.gz`, sha256: 'a'.repeat(64) } } });
  expect(machine.outcome).toMatch(/ended with 1/);
  expect(steps(machine.console).at(-1)).toBe(
    'FAILED (exit code 1): check the SHA-256 of the agent. The agent does not start.',
  );
  expect(existsSync(machine.file(`${agentFolder}/run.sh`))).toBe(false);
});

test('a package without a known hash is taken, and that is said', async () => {
  const machine = await boot({ input: { agentPackage: { url: `${url}/agent.tar.gz` } } });
  expect(machine.outcome).toEqual([unit]);
  expect(steps(machine.console)).toContain('not checked, for the installation names none');
});

test('a mirror without the package fails the boot with the exit code of curl', async () => {
  const machine = await boot({ input: { agentPackage: { url: `${url}/missing`, sha256: 'a'.repeat(64) } } });
  expect(machine.outcome).toMatch(/ended with 22/);
  expect(steps(machine.console).at(-1)).toBe(
    `FAILED (exit code 22): fetch the agent from ${url}/missing. The agent does not start.`,
  );
});

test('every copy of the key but its file is gone, also after a failure', async () => {
  for (const input of [{}, { agentPackage: { url: `${url}/missing` } }]) {
    const machine = await boot({ input });
    expect(readdirSync(machine.file('var/lib/waagent'))).toEqual([]);
    expect(readdirSync(machine.file('var/lib/cloud/instances/emulated'))).toEqual([]);
    expect(statSync(machine.file(`${agentFolder}/.credentials_rsaparams`)).mode & 0o777).toBe(0o600);
    expect(machine.console).not.toContain(key.parameters.d);
  }
});

test('an agent that serves several jobs comes back with its machine', async () => {
  const machine = await boot({ input: { once: false } });
  expect(enabledUnits(machine.path, [unit])).toEqual([unit]);
  // cloud-init wants its cache at the next start.
  expect(readdirSync(machine.file('var/lib/cloud/instances/emulated'))).toEqual(['obj.pkl']);
});

test('an empty data disk is formatted, mounted and entered for the next start', async () => {
  const machine = await boot({
    machine: { dataDisk: { lun: 3, sizeGib: 8, caching: 'ReadOnly', storageAccountType: 'Standard_LRS' } },
  });
  expect(machine.outcome).toEqual([unit]);
  const [identifier = ''] = machine.text('dev/disk/azure/scsi1/lun3').split('\n');
  expect(identifier).toMatch(/^[0-9a-f-]{36}$/);
  expect(machine.text('etc/fstab')).toBe(
    `UUID=${identifier} ${machine.file('mnt/storage/sdc')} ext4 defaults,nofail 0 2\n`,
  );
  expect(readFileSync(join(machine.path, 'mounts'), 'utf8')).toBe(`${machine.file('mnt/storage/sdc')}\n`);
});

test('a data disk with a filesystem keeps it', async () => {
  const before = '11111111-2222-3333-4444-555555555555\n';
  const machine = await boot({
    machine: { dataDisk: { lun: 3, sizeGib: 8, caching: 'ReadOnly', storageAccountType: 'Standard_LRS' } },
    image: { 'dev/disk/azure/scsi1/lun3': before },
  });
  expect(machine.text('dev/disk/azure/scsi1/lun3')).toBe(before);
});

test.each([
  ['24.04.202511010', '24.04.202511010'],
  ['latest, where the machine does not know it', undefined],
])('the version of an image that follows the latest is %s', async (what, imageVersion) => {
  const reference = { kind: 'marketplace', publisher: 'p', offer: 'o', sku: 's', version: 'latest' } as const;
  const machine = await boot({
    input: {
      image: { name: 'ubuntu', aliases: ['ubuntu'], reference, operatingSystem: 'Linux', buffer: '*' },
    },
    ...(imageVersion === undefined ? {} : { imageVersion }),
  });
  const [word = ''] = what.split(',');
  expect(machine.text(`${agentFolder}/.setup_info`)).toContain(`Version: p/o/s/${word}"`);
});

test('a work folder outside of the agent is made, whatever it is called', async () => {
  const workFolder = "/mnt/work 'of' $HOME";
  const machine = await boot({ machine: { workFolder } });
  expect(machine.outcome).toEqual([unit]);
  expect(statSync(machine.file(workFolder)).isDirectory()).toBe(true);
});

test('the download goes through the proxy of the pool, with its credential, and neither is printed', async () => {
  const machine = await boot({
    machine: { proxy: { url, credential: 'corporate' } },
    input: {
      agentPackage: { url: 'http://mirror.contoso.com/agent.tar.gz', sha256: agent.sha256 },
      proxyCredential: { userName: 'agent', password: "p@ss/w:rd%'" },
    },
  });
  expect(machine.outcome).toEqual([unit]);
  const authorization = `Basic ${Buffer.from("agent:p@ss/w:rd%'").toString('base64')}`;
  expect(requests).toEqual([{ path: 'http://mirror.contoso.com/agent.tar.gz', authorization }]);
  expect(machine.console).not.toMatch(/p@ss|p%40ss/);
});

describe('a pool without a proxy', () => {
  const environment = (...lines: string[]) => ({ 'etc/environment': `PATH="/usr/bin"\n${lines.join('\n')}\n` });
  const mirror = () => ({ url: 'http://mirror.contoso.com/agent.tar.gz', sha256: agent.sha256 });

  test("takes its image's, as config.sh would", async () => {
    const machine = await boot({
      input: { agentPackage: mirror() },
      image: environment(
        `VSTS_AGENT_INPUT_PROXYURL="${url}"`,
        "VSTS_AGENT_INPUT_PROXYUSERNAME='agent'",
        'VSTS_AGENT_INPUT_PROXYPASSWORD=pä@ss/w:rd',
      ),
    });
    expect(machine.outcome).toEqual([unit]);
    const authorization = `Basic ${Buffer.from('agent:pä@ss/w:rd').toString('base64')}`;
    expect(requests).toEqual([{ path: 'http://mirror.contoso.com/agent.tar.gz', authorization }]);
    expect(machine.text(`${agentFolder}/.proxy`)).toBe(`${url}\n`);
    expect(machine.text(`${agentFolder}/.env`)).toContain('VSTS_HTTP_PROXY_PASSWORD=pä@ss/w:rd\n');
    expect(statSync(machine.file(`${agentFolder}/.env`)).mode & 0o777).toBe(0o600);
    expect(machine.console).not.toMatch(/p.@ss|%40ss/);
  });

  test('whose image names one beside that of the pool uses that of the pool', async () => {
    const machine = await boot({
      machine: { proxy: { url } },
      input: { agentPackage: mirror() },
      image: environment('VSTS_AGENT_INPUT_PROXYURL=http://other.contoso.com:1'),
    });
    expect(machine.text(`${agentFolder}/.proxy`)).toBe(`${url}\n`);
  });

  test('and an image without one has none', async () => {
    const machine = await boot({ image: environment() });
    expect(existsSync(machine.file(`${agentFolder}/.proxy`))).toBe(false);
    expect(existsSync(machine.file(`${agentFolder}/.env`))).toBe(false);
  });
});

import { readFileSync } from 'node:fs';
import {
  bootstrapExtension,
  windowsCustomData,
  windowsOsProfile,
  type WindowsStartInput,
} from '../../activities/azure/windows-start.ts';
import { createAgentKey } from '../../activities/azure/key-stock.ts';
import type { MachineSpecification } from '../../domain/pool-specification.ts';

/** No Windows was available where this was written: the script itself is not run here. */

const script = readFileSync('activities/azure/bootstrap/windows.ps1', 'utf8');

async function input(machine: Partial<MachineSpecification> = {}): Promise<WindowsStartInput> {
  return {
    identity: {
      installation: 'test',
      pool: 'build',
      agent: 'abcdef012000001',
      organization: 'contoso',
      organizationUrl: 'https://dev.azure.com/contoso',
      agentPoolId: 9,
    } as WindowsStartInput['identity'],
    machine: {
      subscriptionId: 's',
      resourceGroup: 'g',
      location: 'westeurope',
      vmSize: 'Standard_D2ads_v5',
      osDiskStorageAccountType: 'Standard_LRS',
      subnetId: 'subnet',
      tags: {},
      workFolder: '_work',
      ...machine,
    },
    image: {
      name: 'windows',
      aliases: ['windows'],
      reference: { kind: 'gallery', id: '/images/windows' },
      operatingSystem: 'Windows',
      buffer: '*',
    },
    registration: {
      registrationId: 41,
      agentPoolName: 'build',
      serverUrl: 'https://dev.azure.com/contoso/',
      clientId: 'client',
      authorizationUrl: 'https://vstoken.dev.azure.com/x',
    },
    key: await createAgentKey(),
    agentPackage: { url: 'https://mirror.contoso.com/agent.zip' },
  };
}

interface Data {
  files: { name: string; content: string }[];
  script: string;
  [name: string]: unknown;
}

const read = (base64: string) => JSON.parse(Buffer.from(base64, 'base64').toString()) as Data;

describe('custom data of a Windows machine', () => {
  test('has every value that the script reads, for the script is strict', async () => {
    const { files, script: sent, ...rest } = read(windowsCustomData(await input()));
    expect(rest).toEqual({
      user: 'AzDevOps',
      once: true,
      interactive: false,
      agentPackage: { url: 'https://mirror.contoso.com/agent.zip', sha256: null },
      dataDisk: null,
      workFolder: null,
    });
    expect(Buffer.from(sent, 'base64').toString()).toBe(script);
    expect(files.map(({ name }) => name)).toEqual(['.agent', '.credentials', '.credentials_rsaparams', '.setup_info']);
    const used = [...script.matchAll(/\$data\.(\w+)/gi)].map(([, name = '']) => name);
    const known = [...Object.keys(rest), 'files'].map((name) => name.toLowerCase());
    expect(used.filter((name) => !known.includes(name.toLowerCase()))).toEqual([]);
  });

  test('says what a pool chose', async () => {
    const given = await input({
      workFolder: String.raw`E:\work`,
      dataDisk: { lun: 2, driveLetter: 'E', sizeGib: 8, caching: 'ReadOnly', storageAccountType: 'Standard_LRS' },
    });
    const agentPackage = { url: 'https://mirror.contoso.com/agent.zip', sha256: 'a'.repeat(64) };
    expect(read(windowsCustomData({ ...given, agentPackage, once: false, interactive: true }))).toMatchObject({
      once: false,
      interactive: true,
      agentPackage,
      dataDisk: { lun: 2, driveLetter: 'E' },
      workFolder: String.raw`E:\work`,
    });
    const open = await input({
      dataDisk: { lun: 0, sizeGib: 8, caching: 'ReadOnly', storageAccountType: 'Standard_LRS' },
    });
    expect(read(windowsCustomData(open))['dataDisk']).toEqual({ lun: 0, driveLetter: null });
  });

  test('brings the proxy in the same files as on Linux', async () => {
    const given = await input({ proxy: { url: 'http://proxy.contoso.com:3128' } });
    const { files } = read(windowsCustomData(given));
    expect(files.map(({ name }) => name)).toEqual(expect.arrayContaining(['.proxy', '.env']));
  });

  test('is refused where Azure would refuse it for its size', async () => {
    const given = await input({ workFolder: 'x'.repeat(60_000) });
    expect(() => windowsCustomData(given)).toThrow(/Azure takes 65535/);
  });
});

test('the script is plain ASCII, which Windows PowerShell reads alike in every language', () => {
  expect(script).toMatch(/^[\t\r\n\x20-\x7e]*$/);
});

test('the extension runs the script of the custom data, fails with it, and holds no secret', () => {
  const { protectedSettings, ...rest } = bootstrapExtension('westeurope', { 'odp-pool': 'build' });
  expect(rest).toEqual({
    location: 'westeurope',
    tags: { 'odp-pool': 'build' },
    publisher: 'Microsoft.Compute',
    typePropertiesType: 'CustomScriptExtension',
    typeHandlerVersion: '1.10',
    autoUpgradeMinorVersion: true,
  });
  const { commandToExecute } = protectedSettings as { commandToExecute: string };
  // Longer ones are cut by cmd.exe.
  expect(commandToExecute.length).toBeLessThan(8_191);
  expect(commandToExecute).toMatch(/^powershell\.exe .* -Command "[^"%]+; exit \$LASTEXITCODE"$/);
  expect(commandToExecute).toContain("$ErrorActionPreference = 'Stop'");
});

test('the password of the create call is another each time, and as Azure wants it', () => {
  const passwords = [1, 2].map(() => windowsOsProfile('abcdef012000001', 'data').adminPassword ?? '');
  expect(new Set(passwords).size).toBe(2);
  for (const password of passwords) {
    expect(password.length).toBeLessThanOrEqual(123);
    for (const kind of [/[a-z]/, /[A-Z]/, /\d/, /[^\w]/]) expect(password).toMatch(kind);
  }
});

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { OSProfile, VirtualMachineExtension } from '@azure/arm-compute';
import { ownFailure } from '../errors.ts';
import { agentFiles } from './bootstrap/agent-files.ts';
import { agentUser, customDataLimit, type CustomDataInput } from './custom-data.ts';

/**
 * The first start of a Windows machine: custom data with the agent's files, and the extension that runs a script with
 * them, since Windows keeps custom data in a file and does nothing with it.
 */

/** Where Azure puts custom data. */
const customDataFile = String.raw`C:\AzureData\CustomData.bin`;
const scriptFile = String.raw`C:\AzureData\bootstrap.ps1`;

const script = readFileSync(new URL('bootstrap/windows.ps1', import.meta.url)).toString('base64');

/** What the first start of a Windows machine is made of. */
export interface WindowsStartInput extends CustomDataInput {
  /** The agent runs in a session with a desktop, for tests of user interfaces: `logonType` of a pool is `Interactive`. */
  interactive?: boolean;
}

/** Custom data of a Windows machine, base64: JSON that the script reads. Every property is there, for it is strict. */
export function windowsCustomData(input: WindowsStartInput): string {
  const { machine, agentPackage, once = true, interactive = false } = input;
  const data = {
    user: agentUser,
    once,
    interactive,
    agentPackage: { url: agentPackage.url, sha256: agentPackage.sha256 ?? null },
    dataDisk: machine.dataDisk
      ? { lun: machine.dataDisk.lun, driveLetter: machine.dataDisk.driveLetter ?? null }
      : null,
    // A folder of the agent's own means here: wherever the temporary disk is.
    workFolder: machine.workFolder === '_work' ? null : machine.workFolder,
    files: agentFiles(input).map(({ name, content }) => ({ name, content: Buffer.from(content).toString('base64') })),
    script,
  };
  const text = JSON.stringify(data);
  const size = Buffer.byteLength(text);
  if (size > customDataLimit) {
    const message = `The first start of ${input.identity.agent} needs ${size} bytes of custom data; Azure takes ${customDataLimit}.`;
    throw ownFailure('CustomDataTooLarge', message);
  }
  return Buffer.from(text).toString('base64');
}

/** Name of the extension on its machine. */
export const bootstrapExtensionName = 'odp-bootstrap';

/**
 * The extension that runs the script: one PUT, after the machine was made, that ends when the script has ended and fails
 * when it failed. Its command holds no secret, and is kept from those who may read the machine all the same.
 */
export function bootstrapExtension(location: string, tags: Record<string, string>): VirtualMachineExtension {
  const command = [
    "$ErrorActionPreference = 'Stop'",
    `$data = [IO.File]::ReadAllText('${customDataFile}') | ConvertFrom-Json`,
    `[IO.File]::WriteAllBytes('${scriptFile}', [Convert]::FromBase64String($data.script))`,
    `& '${scriptFile}' -CustomDataFile '${customDataFile}'`,
    'exit $LASTEXITCODE',
  ].join('; ');
  return {
    location,
    tags,
    publisher: 'Microsoft.Compute',
    typePropertiesType: 'CustomScriptExtension',
    typeHandlerVersion: '1.10',
    autoUpgradeMinorVersion: true,
    protectedSettings: {
      commandToExecute: `powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "${command}"`,
    },
  };
}

/**
 * The operating system's part of the create call. Azure wants a password; nobody keeps this one, and the script gives the
 * account another, which never leaves the machine.
 */
export function windowsOsProfile(computerName: string, customData: string): OSProfile {
  return {
    computerName,
    adminUsername: agentUser,
    // Three of four kinds of characters are asked for, and a random text might by chance have fewer.
    adminPassword: `${randomBytes(30).toString('base64')}aA1!`,
    customData,
    windowsConfiguration: {
      provisionVMAgent: true,
      // A machine of minutes or days gets its updates from its image.
      enableAutomaticUpdates: false,
      patchSettings: { patchMode: 'Manual' },
    },
  };
}

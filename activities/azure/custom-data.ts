import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { AgentPackage } from '../../domain/agent-package.ts';
import { ownFailure } from '../errors.ts';
import { agentFiles, type AgentFilesInput } from './bootstrap/agent-files.ts';

/** Where the agent's software is on the machine. An image without it fetches it on its first start. */
export const agentFolder = '/opt/azure-pipelines-agent';

/** The user that runs the agent, named as in the product's own machines. */
export const agentUser = 'AzDevOps';

/** Azure refuses custom data beyond this many bytes before base64. */
export const customDataLimit = 65_535;

/** The script of the first start; it stays on the machine, for whoever looks into a failure. */
const scriptPath = '/var/lib/open-devops-pools/bootstrap.sh';
const script = gzipSync(readFileSync(new URL('bootstrap/linux.sh', import.meta.url))).toString('base64');

/** What the first start of a machine is made of. */
export interface CustomDataInput extends AgentFilesInput {
  /** Where an image without the agent's software gets it from. */
  agentPackage: AgentPackage;
  /** Whether the agent runs one job and ends; else it serves on, also after a restart of its machine. Default true. */
  once?: boolean;
}

/**
 * Custom data of a Linux machine, base64: cloud-init's `#cloud-config`. It writes the files that `config.sh` would have
 * written, so that no token that could do more than be this one agent ever reaches a machine, and runs the bootstrap
 * script. All of it is JSON, which is YAML: nothing that a team chose can change the structure.
 */
export function customData(input: CustomDataInput): string {
  const { machine, agentPackage, once = true } = input;
  const settings = {
    AGENT_PACKAGE_URL: agentPackage.url,
    AGENT_PACKAGE_SHA256: agentPackage.sha256 ?? '',
    AGENT_USER: agentUser,
    DATA_DISK_LUN: machine.dataDisk?.lun ?? '',
    WORK_FOLDER: machine.workFolder,
  };
  const config = {
    write_files: [
      ...agentFiles(input).map(({ name, content }) => ({
        path: `${agentFolder}/${name}`,
        encoding: 'b64',
        content: Buffer.from(content).toString('base64'),
        permissions: '0600',
      })),
      {
        path: '/etc/systemd/system/azure-pipelines-agent.service',
        encoding: 'b64',
        content: Buffer.from(unit(once)).toString('base64'),
        permissions: '0644',
      },
      { path: scriptPath, encoding: 'gz+b64', content: script, permissions: '0755' },
    ],
    runcmd: [['env', ...Object.entries(settings).map(([name, value]) => `${name}=${value}`), 'bash', scriptPath]],
  };
  const text = `#cloud-config\n${JSON.stringify(config)}\n`;
  const size = Buffer.byteLength(text);
  if (size > customDataLimit) {
    const message = `The first start of ${input.identity.agent} needs ${size} bytes of custom data; Azure takes ${customDataLimit}.`;
    throw ownFailure('CustomDataTooLarge', message);
  }
  return Buffer.from(text).toString('base64');
}

/** The agent as a unit of systemd, for a job may outlast cloud-init by two days. It ends its processes by itself. */
function unit(once: boolean): string {
  return [
    '[Unit]',
    'Description=Azure Pipelines agent',
    'After=network-online.target',
    'Wants=network-online.target',
    '',
    '[Service]',
    `User=${agentUser}`,
    `WorkingDirectory=${agentFolder}`,
    // What images tell jobs is in the system's environment, which systemd does not read by itself.
    'EnvironmentFile=-/etc/environment',
    `ExecStart=${agentFolder}/run.sh${once ? ' --once' : ''}`,
    'KillMode=process',
    'KillSignal=SIGTERM',
    'TimeoutStopSec=5min',
    // It comes up with its machine. An agent that ended by itself is not to be trusted with another job.
    ...(once ? [] : ['', '[Install]', 'WantedBy=multi-user.target']),
    '',
  ].join('\n');
}

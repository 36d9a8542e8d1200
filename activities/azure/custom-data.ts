import type { AgentIdentity } from '../../domain/messages.ts';
import type { ImageReference, ImageSpecification, MachineSpecification } from '../../domain/pool-specification.ts';
import { ownFailure } from '../errors.ts';
import type { AgentRegistration } from '../interfaces.ts';
import { agentService, startAgentService } from './agent-service.ts';
import type { AgentKey } from './key-stock.ts';

/** Where the agent's software is on the machine. An image without it fetches it on its first start. */
export const agentFolder = '/opt/azure-pipelines-agent';

/** The user that runs the agent, named as in the product's own machines. */
export const agentUser = 'AzDevOps';

/** Azure refuses custom data beyond this many bytes before base64. */
const customDataLimit = 65_535;

/** Replaced on the machine by its own address, which nobody knows before it runs. */
const privateAddressMark = '@private-ip-address@';

/** What the first start of a machine is made of. */
export interface CustomDataInput {
  identity: AgentIdentity;
  machine: MachineSpecification;
  image: ImageSpecification;
  registration: AgentRegistration;
  key: AgentKey;
  /** Where an image without the agent's software gets it from: a tar.gz for 64-bit Linux. */
  agentPackageUrl: string;
  /** The agent runs one job after the other, and comes up again with its machine. */
  stateful?: boolean;
}

/**
 * Custom data of a Linux machine, base64: cloud-init's `#cloud-config`. It writes the files that `config.sh` would have
 * written, so that no token that could do more than be this one agent ever reaches a machine, and runs one job, or
 * one after the other. All of it is JSON, which is YAML: nothing that a team chose can change the structure.
 */
export function customData(input: CustomDataInput): string {
  const config = {
    write_files: [
      ...agentFiles(input).map(({ name, content }) => ({
        path: `${agentFolder}/${name}`,
        encoding: 'b64',
        content: Buffer.from(content).toString('base64'),
        permissions: '0600',
      })),
      ...(input.stateful ? [agentService({ folder: agentFolder, user: agentUser })] : []),
    ],
    runcmd: commands(input.agentPackageUrl, input.stateful ?? false),
  };
  const text = `#cloud-config\n${JSON.stringify(config)}\n`;
  const size = Buffer.byteLength(text);
  if (size > customDataLimit) {
    const message = `The first start of ${input.identity.agent} needs ${size} bytes of custom data; Azure takes ${customDataLimit}.`;
    throw ownFailure('CustomDataTooLarge', message);
  }
  return Buffer.from(text).toString('base64');
}

/** The agent's own files, in the formats of microsoft/azure-pipelines-agent (ConfigurationStore, RSAParametersSerializable). */
export function agentFiles({ identity, machine, image, registration, key }: CustomDataInput): {
  name: string;
  content: string;
}[] {
  const settings = {
    acceptTeeEula: true,
    agentId: registration.registrationId,
    agentName: identity.agent,
    disableUpdate: true,
    poolId: identity.agentPoolId,
    poolName: registration.agentPoolName,
    serverUrl: registration.serverUrl,
    workFolder: machine.workFolder,
  };
  const credentials = {
    scheme: 'OAuth',
    data: {
      clientId: registration.clientId,
      authorizationUrl: registration.authorizationUrl,
      oauthEndpointUrl: registration.authorizationUrl,
    },
  };
  // The worker prints each of these groups in the "Initialize job" step.
  const setupInfo = [
    { group: 'Agent', detail: `Pool: ${identity.pool}\nSize: ${machine.vmSize}\nRegion: ${machine.location}` },
    { group: 'Image', detail: `Name: ${image.name}\n${describeImage(image.reference)}` },
    { group: 'Network', detail: `Private IP address: ${privateAddressMark}` },
  ];
  return [
    { name: '.agent', content: JSON.stringify(settings) },
    { name: '.credentials', content: JSON.stringify(credentials) },
    { name: '.credentials_rsaparams', content: JSON.stringify(key.parameters) },
    { name: '.setup_info', content: JSON.stringify(setupInfo) },
  ];
}

function describeImage(reference: ImageReference): string {
  return reference.kind === 'marketplace'
    ? `Version: ${reference.publisher}/${reference.offer}/${reference.sku}/${reference.version}`
    : `Version: ${reference.id.split('/').slice(-3).join('/')}`;
}

/** What cloud-init runs last. The agent runs as a unit of its own, for a job may outlast cloud-init by two days. */
function commands(agentPackageUrl: string, stateful: boolean): string[][] {
  const fetchAgent =
    'test -x "$1/run.sh" || { curl --fail --silent --show-error --location --retry 5 "$2" | tar -xz -C "$1" && "$1/bin/installdependencies.sh"; }';
  const fillAddress = 'sed -i "s/$2/$(hostname -I | cut -d " " -f 1)/" "$1/.setup_info"';
  return [
    ['sh', '-c', fetchAgent, 'fetch-agent', agentFolder, agentPackageUrl],
    ['sh', '-c', fillAddress, 'fill-address', agentFolder, privateAddressMark],
    ['chown', '-R', `${agentUser}:`, agentFolder],
    // The key has reached its file; the copies that Azure and cloud-init keep on the disk are not needed any more.
    [
      'sh',
      '-c',
      'rm -f /var/lib/waagent/CustomData /var/lib/waagent/ovf-env.xml /var/lib/cloud/instance/user-data.txt /var/lib/cloud/instance/user-data.txt.i',
    ],
    stateful ? startAgentService : runOnce,
  ];
}

const runOnce = [
  'systemd-run',
  '--unit=azure-pipelines-agent',
  `--uid=${agentUser}`,
  `--working-directory=${agentFolder}`,
  `${agentFolder}/run.sh`,
  '--once',
];

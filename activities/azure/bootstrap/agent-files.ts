import type { AgentIdentity } from '../../../domain/messages.ts';
import type { ImageReference, ImageSpecification, MachineSpecification } from '../../../domain/pool-specification.ts';
import type { AgentRegistration } from '../../interfaces.ts';
import type { AgentKey } from '../key-stock.ts';
import { proxyFiles, type ProxyCredential } from './proxy-files.ts';

/** What an agent is made of. */
export interface AgentFilesInput {
  identity: AgentIdentity;
  machine: MachineSpecification;
  image: ImageSpecification;
  registration: AgentRegistration;
  key: AgentKey;
  /** For a proxy that wants one. */
  proxyCredential?: ProxyCredential;
}

/** Replaced on the machine by what nobody knows before it runs: its own address, and what `latest` is. */
const privateAddressMark = '@private-ip-address@';
const imageVersionMark = '@image-version@';

/** The agent's own files, in the formats of microsoft/azure-pipelines-agent (ConfigurationStore, RSAParametersSerializable). */
export function agentFiles({ identity, machine, image, registration, key, proxyCredential }: AgentFilesInput): {
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
    ...(machine.proxy === undefined ? [] : proxyFiles(machine.proxy, proxyCredential)),
  ];
}

function describeImage(reference: ImageReference): string {
  if (reference.kind !== 'marketplace') return `Version: ${reference.id.split('/').slice(-3).join('/')}`;
  const { publisher, offer, sku, version } = reference;
  return `Version: ${publisher}/${offer}/${sku}/${version === 'latest' ? imageVersionMark : version}`;
}

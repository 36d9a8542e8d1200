import { createPrivateKey, type KeyObject } from 'node:crypto';
import { posix } from 'node:path';
import type { BootedMachine } from '../core/context.ts';
import { readCloudConfig } from './cloud-init.ts';
import { fillMarks, findLaunch, findLaunchOfLaterBoot, type Launch } from './launch.ts';

/** All that the agent knows when it starts: the files that `config.sh` writes, as found on the machine. */
export interface AgentConfiguration {
  agentId: number;
  agentName: string;
  poolId: number;
  /** Address of the organisation, without a trailing slash. */
  serverUrl: string;
  clientId: string;
  authorizationUrl: string;
  key: KeyObject;
  once: boolean;
  folder: string;
  workFolder: string;
  setupInfo: { group: string; detail: string }[];
}

/** Names of `.credentials_rsaparams`, and the names of a JSON web key. */
const keyParts = {
  modulus: 'n',
  exponent: 'e',
  d: 'd',
  p: 'p',
  q: 'q',
  dp: 'dp',
  dq: 'dq',
  inverseq: 'qi',
} as const;

/**
 * Reads the machine's agent from its custom data. `undefined`: the machine starts none. Throws with the reason where a
 * real agent would stop at its start.
 */
export function readConfiguration(machine: BootedMachine): AgentConfiguration | undefined {
  if (machine.customData === undefined || machine.customData.trim() === '') return undefined;
  const boot = readCloudConfig(machine.customData);
  fillMarks(boot, { address: machine.privateIpAddress, imageVersion: machine.imageVersion ?? 'latest' });
  const isLater = (machine.boots ?? 1) > 1;
  const launch = isLater ? findLaunchOfLaterBoot(boot) : findLaunch(boot);
  // What the first boot did not enable does not come up again.
  if (launch === undefined && isLater) return undefined;
  if (launch === undefined) throw new Error('No command of the first boot starts run.sh.');
  return configurationOf(launch, (name) => boot.files.get(posix.join(launch.folder, name)));
}

/** Reads the agent's files. Throws with the reason where a real agent would stop at its start. */
export function configurationOf(
  { folder, once }: Launch,
  fileOf: (name: string) => Buffer | undefined,
): AgentConfiguration {
  const read = (name: string): Record<string, unknown> => {
    const content = fileOf(name);
    if (content === undefined) throw new Error(`The file ${name} is missing in ${folder}.`);
    return lowerCased(parseJson(name, content));
  };

  const settings = read('.agent');
  const credentials = read('.credentials');
  const data = lowerCased(credentials['data']);
  if (credentials['scheme'] !== 'OAuth') throw new Error('The scheme of .credentials must be OAuth.');
  const agentId = Number(settings['agentid']);
  const poolId = Number(settings['poolid']);
  if (!Number.isInteger(agentId) || !Number.isInteger(poolId)) throw new Error('.agent names no agent or no pool.');
  return {
    agentId,
    poolId,
    agentName: textOf(settings, 'agentname', '.agent'),
    serverUrl: textOf(settings, 'serverurl', '.agent').replace(/\/+$/, ''),
    clientId: textOf(data, 'clientid', '.credentials'),
    authorizationUrl: textOf(data, 'authorizationurl', '.credentials'),
    key: privateKey(read('.credentials_rsaparams')),
    once,
    folder,
    workFolder: typeof settings['workfolder'] === 'string' ? settings['workfolder'] : '_work',
    setupInfo: setupInfoOf(fileOf('.setup_info')),
  };
}

function parseJson(name: string, content: Buffer): unknown {
  try {
    return JSON.parse(content.toString().replace(/^\uFEFF/, ''));
  } catch {
    throw new Error(`The file ${name} is not valid JSON.`);
  }
}

/** The agent reads its files without regard to the case of names. */
function lowerCased(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name.toLowerCase(), member]));
}

function textOf(object: Record<string, unknown>, name: string, file: string): string {
  const value = object[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Error(`The file ${file} has no ${name}.`);
}

function privateKey(parameters: Record<string, unknown>): KeyObject {
  const key: Record<string, string> = { kty: 'RSA' };
  for (const [name, part] of Object.entries(keyParts)) {
    const value = textOf(parameters, name, '.credentials_rsaparams');
    key[part] = Buffer.from(value, 'base64').toString('base64url');
  }
  return createPrivateKey({ format: 'jwk', key });
}

/** A broken `.setup_info` does not stop an agent: it is only printed. */
function setupInfoOf(content: Buffer | undefined): AgentConfiguration['setupInfo'] {
  try {
    const groups: unknown = JSON.parse(content?.toString() ?? '[]');
    if (!Array.isArray(groups)) return [];
    return groups.map(lowerCased).map(({ group, detail }) => ({ group: String(group), detail: String(detail) }));
  } catch {
    return [];
  }
}

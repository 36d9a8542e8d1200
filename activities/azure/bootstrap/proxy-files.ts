import type { ProxySpecification } from '../../../domain/pool-specification.ts';

/** User and password at a proxy; never in a workflow, a log or an error. */
export interface ProxyCredential {
  userName: string;
  password: string;
}

/**
 * Addresses that no proxy can reach for a machine: itself, and what Azure offers each machine (instance metadata, and
 * the platform's own address).
 */
const alwaysDirect = ['localhost', '127.0.0.1', '169.254.169.254', '168.63.129.16'];

/**
 * The files by which an agent and the tools of its jobs know their proxy. The formats are those of
 * microsoft/azure-pipelines-agent (VstsAgentWebProxy, Program): `.proxy` and `.proxybypass` as `config.sh` writes them.
 * `.proxycredentials` would only name an entry of an encrypted store that `config.sh` alone can write, so user and
 * password are in `.env`, which the agent reads first and whose password it hides in logs.
 */
export function proxyFiles(
  { url, bypass = [] }: ProxySpecification,
  credential?: ProxyCredential,
): { name: string; content: string }[] {
  const { protocol, host } = new URL(url);
  const plain = `${protocol}//${host}`;
  const user = credential && [credential.userName, credential.password].map(percentEncoded).join(':');
  const full = user === undefined ? plain : `${protocol}//${user}@${host}`;
  const noProxy = [...alwaysDirect, ...bypass.flatMap(hostOfPattern)].join();
  const environment = {
    VSTS_HTTP_PROXY: plain,
    ...(credential && {
      VSTS_HTTP_PROXY_USERNAME: credential.userName,
      VSTS_HTTP_PROXY_PASSWORD: credential.password,
    }),
    // Tools differ in which case they read.
    http_proxy: full,
    https_proxy: full,
    HTTP_PROXY: full,
    HTTPS_PROXY: full,
    no_proxy: noProxy,
    NO_PROXY: noProxy,
  };
  return [
    { name: '.proxy', content: `${plain}\n` },
    ...(bypass.length === 0 ? [] : [{ name: '.proxybypass', content: lines(bypass) }]),
    { name: '.env', content: lines(Object.entries(environment).map(([name, value]) => `${name}=${value}`)) },
  ];
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

/** What `encodeURIComponent` leaves as it is and shells and tools stumble over is encoded too. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * The host that a bypass expression means, as `no_proxy` names it; none where it is more than a host or a domain, for
 * `no_proxy` has no patterns. `^https?://.*\.contoso\.com$` is `.contoso.com`.
 */
export function hostOfPattern(pattern: string): string[] {
  const host = pattern
    .trim()
    .replace(/^\^/, '')
    .replace(/^https?\??:\/\//, '')
    .replace(/^\.[*+]/, '')
    .replace(/\$$/, '')
    .replaceAll(String.raw`\.`, '.');
  return /^\.?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?$/i.test(host) ? [host.toLowerCase()] : [];
}

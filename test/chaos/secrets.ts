import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedCloud } from '../../client/cli/up/embedded-cloud.ts';
import type { Breach } from '../../domain/invariants/account.ts';

/** Something that must show nowhere. */
export interface Secret {
  name: string;
  shows(text: string): boolean;
}

/**
 * Every credential of the stack by its value, in the clear and as it travels in a header, and what is made on the way
 * by its form: private keys of agents, tokens of Entra ID.
 */
export async function secretsOf(cloud: EmbeddedCloud): Promise<Secret[]> {
  const clientSecret = (await readFile(cloud.clientSecretFile, 'utf8')).trim();
  const token = (await readFile(cloud.personalAccessTokenFile, 'utf8')).trim();
  const value = (name: string, ...values: string[]): Secret => ({
    name,
    shows: (text) => values.some((one) => text.includes(one)),
  });
  const form = (name: string, pattern: RegExp): Secret => ({ name, shows: (text) => pattern.test(text) });
  return [
    value('the client secret', clientSecret, encodeURIComponent(clientSecret)),
    value('the personal access token', token, Buffer.from(`:${token}`).toString('base64').replace(/=+$/, '')),
    // The name of a part of it in the agent's file of credentials, which travels in base64 as custom data.
    value("an agent's private key", 'PRIVATE KEY', 'inverseQ', ...inBase64('inverseQ')),
    form('a token', /eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/),
  ];
}

/** Where a secret shows in one of the texts. */
export function findSecrets(secrets: readonly Secret[], texts: Iterable<{ where: string; text: string }>): Breach[] {
  return [...texts].flatMap(({ where, text }) =>
    secrets
      .filter(({ shows }) => shows(text))
      .map(({ name }) => ({
        invariant: 'noSecret',
        at: Date.now(),
        subject: where,
        message: `${name} shows in ${where}.`,
      })),
  );
}

/** The logs of workers and engine. The embedded cloud is not the product, and knows every secret. */
export async function logsIn(folder: string): Promise<{ where: string; text: string }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.log') && name !== 'cloud.log');
  return await Promise.all(
    names.map(async (name) => ({ where: name, text: await readFile(join(folder, name), 'utf8') })),
  );
}

/** How a text shows inside of something in base64: at each of the three places where it can begin. */
function inBase64(text: string): string[] {
  return [0, 1, 2].map((before) => {
    const whole = Buffer.from(`${' '.repeat(before)}${text}`).toString('base64');
    // The characters at both ends also depend on what stands beside the text.
    return whole.slice(before === 0 ? 0 : before + 1, Math.floor(((before + text.length) * 4) / 3));
  });
}

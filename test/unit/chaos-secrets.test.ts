import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddedCloud } from '../../client/cli/up/embedded-cloud.ts';
import { findSecrets, secretsOf, type Secret } from '../chaos/secrets.ts';

let folder: string;
let secrets: Secret[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odp-secrets-'));
  const clientSecretFile = join(folder, 'client-secret');
  const personalAccessTokenFile = join(folder, 'token');
  await writeFile(clientSecretFile, 'Canary~of/the+client');
  await writeFile(personalAccessTokenFile, 'canaryofthepersonalaccesstoken');
  secrets = await secretsOf({ clientSecretFile, personalAccessTokenFile } as EmbeddedCloud);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const base64 = (text: string) => Buffer.from(text).toString('base64');
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const parameters = JSON.stringify({ exponent: 'AQAB', inverseQ: key.export({ format: 'jwk' }).qi });

test.each([
  ['the client secret', 'secret=Canary~of/the+client&'],
  ['the client secret', 'secret=Canary~of%2Fthe%2Bclient&'],
  ['the personal access token', '"token":"canaryofthepersonalaccesstoken"'],
  ['the personal access token', `Authorization: Basic ${base64(':canaryofthepersonalaccesstoken')}`],
  ["an agent's private key", parameters],
  ["an agent's private key", base64(parameters)],
  ["an agent's private key", base64(` ${parameters}`)],
  ["an agent's private key", base64(`  ${parameters}`)],
  ["an agent's private key", key.export({ type: 'pkcs8', format: 'pem' }).toString()],
  ['a token', `Bearer ${base64('{"alg":"RS256"}')}.${base64('{"aud":"azure"}').replace(/=+$/, '')}.c2lnbmF0dXJl`],
])('%s is found in a text', (name, text) => {
  const found = findSecrets(secrets, [{ where: 'worker-0.log', text }]);
  expect(found).toMatchObject([{ invariant: 'noSecret', subject: 'worker-0.log' }]);
  expect(found[0]?.message).toContain(name);
});

test('a text without secrets breaches nothing', () => {
  const text = JSON.stringify({ clientId: 'client', token: '[redacted]', taskToken: base64('workflow/run') });
  expect(findSecrets(secrets, [{ where: 'worker-0.log', text }])).toEqual([]);
});

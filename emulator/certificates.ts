import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** What an HTTPS server and its clients need. PEM. */
export interface ServerCertificate {
  certificate: string;
  key: string;
  /** The authority that clients must trust. */
  authority: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Some clients refuse a leaf that is valid for more than 825 days. */
const leafDays = 800;
const authorityDays = 3650;
const dayMs = 24 * 60 * 60_000;

async function keyPem(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** Names that the leaf is for, whatever host the server listens on. */
function leafNames(host: string): x509.JsonGeneralName[] {
  const names: x509.JsonGeneralName[] = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ];
  const isAddress = /^[\d.]+$|:/.test(host);
  if (!names.some((name) => name.value === host) && host !== '0.0.0.0' && host !== '::') {
    names.push({ type: isAddress ? 'ip' : 'dns', value: host });
  }
  return names;
}

/**
 * The certificate of the cloud's HTTPS port, made once and kept in `folder`: clients that trust `ca.pem` go on trusting
 * the cloud after a restart. The authority's key is not kept: it signs one leaf and nothing else, ever.
 */
export async function loadServerCertificate(
  folder: string,
  host: string,
  now = Date.now(),
): Promise<ServerCertificate> {
  const file = (name: string): string => join(folder, name);
  const names = ['ca.pem', 'server.pem', 'server-key.pem'] as const;
  if (names.every((name) => existsSync(file(name)))) {
    const [authority, certificate, key] = names.map((name) => readFileSync(file(name), 'utf8')) as [
      string,
      string,
      string,
    ];
    if (new x509.X509Certificate(certificate).notAfter.getTime() > now + dayMs) return { authority, certificate, key };
  }
  const generate = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const authorityKeys = await generate();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Embedded cloud certificate authority',
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + authorityDays * dayMs),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const leafKeys = await generate();
  const leaf = await x509.X509CertificateGenerator.create({
    subject: 'CN=localhost',
    issuer: authority.subject,
    publicKey: leafKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + leafDays * dayMs),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(leafNames(host)),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
      await x509.SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
    ],
  });
  const made: ServerCertificate = {
    authority: `${authority.toString('pem')}\n`,
    certificate: `${leaf.toString('pem')}\n`,
    key: `${await keyPem(leafKeys.privateKey)}\n`,
  };
  writeFileSync(file('server-key.pem'), made.key, { mode: 0o600 });
  writeFileSync(file('server.pem'), made.certificate, { mode: 0o600 });
  writeFileSync(file('ca.pem'), made.authority, { mode: 0o644 });
  return made;
}

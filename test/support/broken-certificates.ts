import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 60 * 60_000;

interface Issued {
  certificate: x509.X509Certificate;
  keys: CryptoKeyPair;
}

interface Wanted {
  name: string;
  issuer?: Issued;
  /** Authorities sign others; leaves serve. */
  authority?: boolean;
  /** Days from now. */
  from?: number;
  until?: number;
  address?: string;
}

async function issue({ name, issuer, authority = false, from = -1, until = 1, address }: Wanted): Promise<Issued> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: issuer?.certificate.subject ?? `CN=${name}`,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() + from * dayMs),
    notAfter: new Date(Date.now() + until * dayMs),
    extensions: [
      new x509.BasicConstraintsExtension(authority, undefined, true),
      ...(authority
        ? [new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true)]
        : [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: address ?? '127.0.0.1' }])]),
    ],
  });
  return { certificate, keys };
}

/** An authority that this process trusts while its server runs. */
async function trusted(): Promise<Issued> {
  return await issue({ name: `Trusted authority of the tests`, authority: true });
}

interface Chain {
  leaf: Issued;
  /** Sent after the leaf. */
  others?: Issued[];
  trust?: Issued;
}

/** How a certificate can fail to prove who serves, by the code with which Node says so. */
export const certificateFaults = {
  CERT_HAS_EXPIRED: async () => {
    const authority = await trusted();
    return { leaf: await issue({ name: 'expired', issuer: authority, from: -3, until: -2 }), trust: authority };
  },
  CERT_NOT_YET_VALID: async () => {
    const authority = await trusted();
    return { leaf: await issue({ name: 'early', issuer: authority, from: 2, until: 3 }), trust: authority };
  },
  DEPTH_ZERO_SELF_SIGNED_CERT: async () => ({ leaf: await issue({ name: 'itself' }) }),
  SELF_SIGNED_CERT_IN_CHAIN: async () => {
    const authority = await issue({ name: 'Unknown authority', authority: true });
    return { leaf: await issue({ name: 'leaf', issuer: authority }), others: [authority] };
  },
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: async () => {
    const authority = await issue({ name: 'Unknown root', authority: true });
    const between = await issue({ name: 'Unknown intermediate', issuer: authority, authority: true });
    return { leaf: await issue({ name: 'leaf', issuer: between }), others: [between] };
  },
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: async () => {
    const authority = await issue({ name: 'Unsent authority', authority: true });
    return { leaf: await issue({ name: 'leaf', issuer: authority }) };
  },
  ERR_TLS_CERT_ALTNAME_INVALID: async () => {
    const authority = await trusted();
    return { leaf: await issue({ name: 'other', issuer: authority, address: '192.0.2.1' }), trust: authority };
  },
} as const satisfies Record<string, () => Promise<Chain>>;

export type CertificateFault = keyof typeof certificateFaults;

/** An HTTPS server with such a certificate. */
export async function startServerWith(fault: CertificateFault): Promise<{ url: string; close: () => Promise<void> }> {
  const { leaf, others = [], trust }: Chain = await certificateFaults[fault]();
  const before = getCACertificates('default');
  if (trust) setDefaultCACertificates([...before, trust.certificate.toString('pem')]);
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', leaf.keys.privateKey), 'PRIVATE KEY');
  const cert = [leaf, ...others].map(({ certificate }) => certificate.toString('pem')).join('\n');
  const server = createServer({ key, cert }, (_request, response) => response.end('{}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      setDefaultCACertificates(before);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import type { ServiceRow } from './row.ts';

/** No answer at all. */
export const networkRows: readonly ServiceRow[] = [
  {
    codes: [
      'CERT_HAS_EXPIRED',
      'CERT_NOT_YET_VALID',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
    code: 'CertificateNotTrusted',
    class: 'configuration',
    hint: 'Name the certificate authority in the installation document (caCertificateFile), or look for a proxy in between.',
  },
  {
    codes: ['ENOTFOUND', 'EAI_AGAIN'],
    code: 'NameNotResolved',
    class: 'transient',
    hint: 'Look at the endpoint in the installation document and at the DNS of this worker.',
  },
  {
    codes: ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
    code: 'Unreachable',
    class: 'transient',
    hint: 'Look at the way from this worker to the endpoint.',
  },
  {
    // After the request left, nobody knows whether it took effect: names make asking again harmless.
    code: 'ResponseLost',
    class: 'lost',
    hint: 'The connection ended before the answer; whether the call took effect is looked up by name.',
  },
];

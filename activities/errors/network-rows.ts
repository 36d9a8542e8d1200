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
  },
  { codes: ['ENOTFOUND', 'EAI_AGAIN'], code: 'NameNotResolved' },
  { codes: ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'], code: 'Unreachable' },
  { code: 'ResponseLost' },
];

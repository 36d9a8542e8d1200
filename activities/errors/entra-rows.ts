import type { ServiceRow } from './row.ts';

/** Tokens that could not be had. */
export const entraRows: readonly ServiceRow[] = [
  { status: [429], code: 'Throttled' },
  { codes: ['AADSTS7000222'], code: 'CredentialExpired' },
  {
    codes: [
      'AADSTS7000215',
      'AADSTS700016',
      'AADSTS90002',
      'AADSTS700213',
      'AADSTS70021',
      'AADSTS500011',
      'invalid_client',
    ],
    code: 'CredentialInvalid',
  },
  { status: [[500, 599]], code: 'EntraUnavailable' },
  {
    text: /ECONNREFUSED|ENOTFOUND|ECONNRESET|ETIMEDOUT|EAI_AGAIN|network_error|endpoints_resolution_error/,
    code: 'EntraUnreachable',
  },
  { code: 'CredentialInvalid' },
];

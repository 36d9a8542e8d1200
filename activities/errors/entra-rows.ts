import { backOff } from './retry-rules.ts';
import type { ServiceRow } from './row.ts';

/** Tokens that could not be had. */
export const entraRows: readonly ServiceRow[] = [
  {
    status: [429],
    code: 'Throttled',
    class: 'throttled',
    retryAfterMs: backOff.throttled,
    hint: 'Entra ID asks for fewer calls.',
  },
  {
    codes: ['AADSTS7000222'],
    code: 'CredentialExpired',
    class: 'permission',
    hint: 'The client secret has expired. Make a new one and put it where the installation document points.',
  },
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
    class: 'permission',
    hint: 'Look at the tenant, the client id and the secret in the installation document.',
  },
  { status: [[500, 599]], code: 'EntraUnavailable', class: 'transient', hint: 'A fault on the side of Entra ID.' },
  {
    text: /ECONNREFUSED|ENOTFOUND|ECONNRESET|ETIMEDOUT|EAI_AGAIN|network_error|endpoints_resolution_error/,
    code: 'EntraUnreachable',
    class: 'transient',
    hint: 'Look at the way from this worker to the authority host, and at its name in the installation document.',
  },
  {
    code: 'CredentialInvalid',
    class: 'permission',
    hint: 'No token could be had. Look at the credential in the installation document.',
  },
];

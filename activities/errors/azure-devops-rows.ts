import { backOff } from './retry-rules.ts';
import type { ServiceRow } from './row.ts';

/** The refusals of Azure DevOps. */
export const devopsRows: readonly ServiceRow[] = [
  {
    // TF400733: the request has been canceled, the usage of a resource exceeds the allowed rate.
    codes: ['TF400733'],
    code: 'Throttled',
    class: 'throttled',
    retryAfterMs: backOff.throttled,
    hint: 'This identity exceeded 200 throughput units in five minutes. Fewer pools per identity help.',
  },
  {
    status: [429],
    code: 'Throttled',
    class: 'throttled',
    retryAfterMs: backOff.throttled,
    hint: 'Azure DevOps asks for fewer calls.',
  },
  {
    codes: ['TF400813', 'TF401019'],
    code: 'AzureDevOpsCredentialInvalid',
    class: 'permission',
    hint: 'The identity is not known to the organisation, or its token has expired. Add it, or renew the token.',
  },
  {
    status: [401, 203, 302],
    code: 'AzureDevOpsCredentialInvalid',
    class: 'permission',
    hint: 'Azure DevOps does not accept the credential. Look at the organisation in the installation document.',
  },
  {
    status: [403],
    code: 'AzureDevOpsAuthorizationFailed',
    class: 'permission',
    hint: 'Make this identity Administrator of the agent pool, and of the organisation’s pools where a pool is to be created.',
  },
  {
    status: [404],
    code: 'AzureDevOpsNotFound',
    class: 'configuration',
    hint: 'Name an organisation, project or agent pool that exists and that this identity may see.',
  },
  { status: [409], code: 'AzureDevOpsConflict', class: 'conflict', hint: 'Another change came first.' },
  {
    status: [408, [500, 599]],
    code: 'AzureDevOpsUnavailable',
    class: 'transient',
    hint: 'A fault on the side of Azure DevOps.',
  },
  { status: [[400, 499]], code: 'AzureDevOpsRefused', class: 'configuration', hint: 'Change what the message names.' },
  { code: 'AzureDevOpsUnavailable', class: 'transient', hint: 'Azure DevOps gives no known reason.' },
];

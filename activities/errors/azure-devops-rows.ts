import type { ServiceRow } from './row.ts';

/** The refusals of Azure DevOps. */
export const devopsRows: readonly ServiceRow[] = [
  {
    // TF400733: the request has been canceled, the usage of a resource exceeds the allowed rate.
    codes: ['TF400733'],
    code: 'Throttled',
    hint: 'This identity exceeded 200 throughput units in five minutes. Fewer pools per identity help.',
  },
  { status: [429], code: 'Throttled' },
  {
    codes: ['TF400813', 'TF401019'],
    code: 'AzureDevOpsCredentialInvalid',
    hint: 'The identity is not known to the organisation, or its token has expired. Add it, or renew the token.',
  },
  { status: [401, 203, 302], code: 'AzureDevOpsCredentialInvalid' },
  { status: [403], code: 'AzureDevOpsAuthorizationFailed' },
  {
    status: [404],
    calls: ['Agents_Add', 'Pools_Prepare', 'Pools_Remove', 'Pools_List'],
    code: 'AzureDevOpsNotFound',
  },
  { status: [409], code: 'AzureDevOpsConflict' },
  { status: [408, [500, 599]], code: 'AzureDevOpsUnavailable' },
  { status: [[400, 499]], code: 'AzureDevOpsRefused' },
  { code: 'AzureDevOpsUnavailable', hint: 'Azure DevOps gives no known reason.' },
];

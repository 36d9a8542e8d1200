import { z } from 'zod';
import { int, text } from '../validation/bounded.ts';
import { alias, list } from './primitives.ts';

const projectName = text(64).describe('Name of a project.');

const url = text(2_048)
  .refine(isOrganizationUrl, {
    error:
      'It must be the URL of an organisation and nothing more, such as https://dev.azure.com/contoso: no user, query or project.',
  })
  .describe('URL of the organisation.');

const azureDevOps = z.strictObject({
  kind: z.literal('AzureDevOps').describe('Azure DevOps.'),
  organizations: list(
    z.strictObject({
      url,
      projects: z
        .array(projectName)
        .max(1_000, 'It must have at most 1,000 items.')
        .exactOptional()
        .describe('Projects that may use the pool; none or empty: every project.'),
      parallelism: int(1, 10_000)
        .exactOptional()
        .describe("The organisation's share; the shares of all total maximumConcurrency."),
      openAccess: z.boolean().exactOptional().meta({
        description: 'Every pipeline of the projects may use the pool, without being authorised.',
        default: false,
      }),
      alias: alias().exactOptional().describe("Name of the agent pool in this organisation; wins over the profile's."),
    }),
    100,
  ).describe('The organisations.'),
  permissionProfile: z
    .strictObject({
      kind: z.enum(['Inherit', 'CreatorOnly', 'SpecificAccounts']).describe('Who administers the agent pool.'),
      users: z.array(text(256)).exactOptional().describe('E-mail addresses of users.'),
      groups: z.array(text(256)).exactOptional().describe('E-mail addresses of groups.'),
    })
    .exactOptional()
    .describe('Permissions on the agent pool.'),
  alias: alias().exactOptional().describe("Name of the agent pool; the pool's own name where absent."),
  description: text(280).exactOptional().describe('Description of the agent pool.'),
  updateDescription: z.boolean().exactOptional().describe('The description of the agent pool is kept up to date.'),
});

const gitHub = z.strictObject({
  kind: z.literal('GitHub').describe('GitHub.'),
  organizations: list(
    z.strictObject({ url, repositories: z.array(text(100)).exactOptional().describe('Repositories; none: all.') }),
    100,
  ).describe('The organisations.'),
});

export const organizationProfile = z.discriminatedUnion('kind', [azureDevOps, gitHub]);

/** Exactly one organisation: on `dev.azure.com` its name is the one path segment; other hosts name it as they like. */
function isOrganizationUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, username, password, pathname, search, hash } = new URL(value);
  if (!/^https?:$/.test(protocol) || `${username}${password}${search}${hash}` !== '') return false;
  const segments = pathname.split('/').filter(Boolean);
  if (hostname === 'dev.azure.com' || hostname === 'github.com') return segments.length === 1;
  if (hostname.endsWith('.visualstudio.com')) return segments.length === 0;
  return segments.length <= 2;
}

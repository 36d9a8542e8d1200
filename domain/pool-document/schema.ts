import { z } from 'zod';
import { int, text } from '../validation/bounded.ts';
import { agentProfile } from './agent-profile.ts';
import { fabricProfile } from './fabric-profile.ts';
import { operatorProfile } from './operator-profile.ts';
import { organizationProfile } from './organization-profile.ts';

/**
 * The pool document: the ARM resource `Microsoft.DevOpsInfrastructure/pools`, api-version 2025-09-20, property by
 * property, and our own `operatorProfile`. Names, defaults and limits are the product's. `domain/pool-document/rules.ts`
 * holds what concerns several properties at once, `not-supported.ts` what this version cannot do yet.
 */

/** The resource type that a pool document may carry. */
export const poolResourceType = 'Microsoft.DevOpsInfrastructure/pools';

/** The newest of the product's api-versions whose properties are read. */
export const poolApiVersion = '2025-09-20';

/** The api-version of ours that adds `properties.operatorProfile`. */
export const operatorApiVersion = '2026-12-01-odp';

const identity = z.strictObject({
  type: z
    .enum(['None', 'SystemAssigned', 'UserAssigned', 'SystemAssigned,UserAssigned'])
    .describe('Managed identities of the machines.'),
  userAssignedIdentities: z
    .record(
      z.string().describe('ARM id of a user-assigned identity.'),
      z.strictObject({ principalId: text(100).exactOptional(), clientId: text(100).exactOptional() }),
    )
    .exactOptional()
    .describe('The identities by their ARM ids.'),
  principalId: text(100)
    .exactOptional()
    .meta({ description: 'Principal of the system-assigned identity.', readOnly: true }),
  tenantId: text(100).exactOptional().meta({ description: 'Tenant of the system-assigned identity.', readOnly: true }),
});

const properties = z.strictObject({
  provisioningState: text(50).exactOptional().meta({ description: 'What the last write came to.', readOnly: true }),
  maximumConcurrency: int(1, 10_000).describe('The most agents at one time; every agent that is not returned counts.'),
  devCenterProjectResourceId: text(2_048)
    .exactOptional()
    .describe('ARM id of a Dev Center project. Accepted so that existing documents work; there is no Dev Center here.'),
  organizationProfile: organizationProfile.describe('Whom the pool serves.'),
  agentProfile: agentProfile.describe('How long an agent lives, and which agents stand by.'),
  fabricProfile: fabricProfile.describe('What the machines are.'),
  runtimeConfiguration: z
    .strictObject({
      workFolder: text(260)
        .regex(/^\P{Cc}+$/u, 'It must be a path without control characters.')
        .exactOptional()
        .meta({ description: "The agent's work folder, absolute or below the agent's own.", default: '_work' }),
    })
    .exactOptional()
    .describe('How the agent runs.'),
  operatorProfile: operatorProfile
    .exactOptional()
    .describe("What only machines in the operator's own subscription can have."),
});

/** ARM's rules for tags: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources */
const tags = z.record(
  z
    .string()
    .min(1, 'A tag needs a name.')
    .max(512, 'The name of a tag has at most 512 characters.')
    .regex(/^[^<>%&\\?/\p{Cc}]*$/u, 'The name of a tag must not contain < > % & \\ ? / or control characters.'),
  z.string().max(256, 'The value of a tag has at most 256 characters.'),
);

export const poolDocumentSchema = z.strictObject({
  $schema: text(2_048).exactOptional().describe('Address of the JSON schema, for editors.'),
  apiVersion: text(50).exactOptional().describe(`The api-version that the document is written for: ${poolApiVersion}.`),
  type: text(200).exactOptional().describe(`${poolResourceType}, in any case.`),
  id: text(2_048).exactOptional().meta({ description: 'ARM id of the pool.', readOnly: true }),
  systemData: z
    .record(z.string(), z.unknown())
    .exactOptional()
    .meta({ description: 'Who wrote the resource, and when.', readOnly: true }),
  name: text(128)
    .regex(
      /^[a-zA-Z0-9][a-zA-Z0-9.-]*$/,
      'It must begin with a letter or digit; letters, digits, hyphens and dots may follow.',
    )
    .describe('Name of the pool; also of the agent pool in Azure DevOps unless there is an alias.'),
  location: text(90)
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9 -]*$/, 'It must be the name of a region, such as westeurope.')
    .describe('Region of the machines, such as westeurope.'),
  tags: tags.exactOptional().describe('Tags of the pool, copied to its machines, disks and network interfaces.'),
  identity: identity.exactOptional().describe('Managed identities of the machines.'),
  properties,
});

/** A pool document that obeys every rule of the resource model. */
export type PoolDocument = z.output<typeof poolDocumentSchema>;

import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** Typed keys of the search attributes in `domain/names.ts`. They are not encrypted: no secret and no person's name. */
export const searchAttributes = {
  poolName: defineSearchAttributeKey('PoolName', SearchAttributeType.KEYWORD),
  agentState: defineSearchAttributeKey('AgentState', SearchAttributeType.KEYWORD),
  agentImage: defineSearchAttributeKey('AgentImage', SearchAttributeType.KEYWORD),
  leaseState: defineSearchAttributeKey('LeaseState', SearchAttributeType.KEYWORD),
  organization: defineSearchAttributeKey('Organization', SearchAttributeType.KEYWORD),
  vmSize: defineSearchAttributeKey('VmSize', SearchAttributeType.KEYWORD),
  jobId: defineSearchAttributeKey('JobId', SearchAttributeType.KEYWORD),
};

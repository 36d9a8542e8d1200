import type { AgentInput } from '../../domain/messages.ts';
import { organizationName } from '../../domain/names.ts';
import { searchAttributes } from '../search-attributes.ts';
import { machineOf } from './placement.ts';

/** Search attributes that the pool sets when it starts an agent. */
export function agentSearchAttributes(input: AgentInput) {
  return [
    { key: searchAttributes.poolName, value: input.identity.pool },
    { key: searchAttributes.organization, value: organizationName(input.identity.organizationUrl) },
    { key: searchAttributes.agentState, value: 'Provisioning' },
    { key: searchAttributes.agentImage, value: input.image },
    { key: searchAttributes.vmSize, value: machineOf(input).vmSize },
  ];
}

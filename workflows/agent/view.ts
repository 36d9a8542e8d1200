import type { AgentInput, AgentView } from '../../domain/messages.ts';
import { organizationName } from '../../domain/names.ts';
import type { AgentLife } from '../agent.ts';
import { searchAttributes } from '../search-attributes.ts';

/** The agent's page in Temporal's own Web UI: one row. */
export function detailsOf({ shown, since, why, deadline }: AgentLife): string {
  const until = deadline === undefined ? 'none' : new Date(deadline).toISOString();
  return (
    `| state | since | why | next deadline |\n|---|---|---|---|\n` +
    `| ${shown} | ${new Date(since).toISOString()} | ${why} | ${until} |`
  );
}

/** What an agent tells when asked. */
export function viewOf(life: AgentLife): AgentView {
  const { deadline, registrationId, resourceId } = life;
  const job = life.jobs.at(-1);
  return {
    agent: life.input.identity.agent,
    pool: life.input.identity.pool,
    image: life.image.name,
    state: life.shown,
    since: life.since,
    why: life.why,
    ...(deadline === undefined ? {} : { deadline }),
    ...(registrationId === undefined ? {} : { registrationId }),
    ...(resourceId === undefined ? {} : { resourceId }),
    ...(job === undefined ? {} : { job }),
    receipt: life.receipt,
  };
}

/** Search attributes that the pool sets when it starts an agent. */
export function agentSearchAttributes(input: AgentInput) {
  return [
    { key: searchAttributes.poolName, value: input.identity.pool },
    { key: searchAttributes.organization, value: organizationName(input.identity.organizationUrl) },
    { key: searchAttributes.agentState, value: 'Provisioning' },
    { key: searchAttributes.agentImage, value: input.image },
    { key: searchAttributes.vmSize, value: input.specification.machine.vmSize },
  ];
}

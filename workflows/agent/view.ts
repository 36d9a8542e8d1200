import type { AgentView } from '../../domain/messages.ts';
import type { AgentLife } from '../agent.ts';
import { placementOf } from './placement.ts';

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
    ...placementOf(life.input),
  };
}

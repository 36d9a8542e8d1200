import type { CloudContext } from '../core/context.ts';
import { createJobs } from './jobs.ts';
import type { Service } from './operation.ts';
import type { Organization } from './organization.ts';
import { createPresence, type Presence } from './presence.ts';
import { createWaiters, type Waiters } from './waiters.ts';

/** Puts the parts of one organisation together: jobs wake the polls of agents, agents that come wake the jobs. */
export function createService(
  context: CloudContext,
  organization: Organization,
  limits: { parallelism: number; lockMs: number },
): Service {
  const parts: { waiters?: Waiters; presence?: Presence } = {};
  const jobs = createJobs(context, organization, limits, (agentId) => {
    for (const session of organization.sessions.inGroup(String(agentId))) parts.waiters?.wake(session.id);
  });
  const presence = createPresence(context, organization, jobs, (left) => {
    parts.waiters = createWaiters(context.clock, left);
    return parts.waiters;
  });
  return { context, organization, jobs, presence, parallelism: limits.parallelism };
}

/** Makes the projects that the organisation lacks, each with the pipeline `workload`. */
export function addProjects({ context, organization }: Service, names: readonly string[]): void {
  const known = new Set([...organization.projects.values()].map(({ name }) => name.toLowerCase()));
  for (const name of names) {
    if (known.has(name.toLowerCase())) continue;
    const project = { id: context.chance.uuid(), name, createdAt: context.clock.now() };
    organization.projects.put(project);
    organization.definitions.put({
      id: organization.nextId('definition'),
      projectId: project.id,
      name: 'workload',
      createdAt: project.createdAt,
    });
  }
}

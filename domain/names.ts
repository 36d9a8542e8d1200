/**
 * Deterministic names: workflow ids, task queues, machine names and the tags that prove ownership. A retry, a second
 * worker or a rebuilt workflow always arrives at the same name, which is what makes every cloud call repeatable.
 */

/** Task queues. Slow calls, quick calls and hour-long observers do not share slots. */
export const taskQueues = {
  workflows: 'pools',
  azure: 'azure',
  devops: 'azure-devops',
  observer: 'azure-devops-observer',
} as const;

/** Workflow ids as people type them in the Temporal CLI. */
export const workflowIds = {
  organization: (organization: string) => `organization/${organization}`,
  pool: (pool: string) => `pool/${pool}`,
  agent: (pool: string, agent: string) => `agent/${pool}/${agent}`,
  lease: (organization: string, requestId: number) => `lease/${organization}/${requestId}`,
  /** Of an audit that an operator asked for; those of the schedule have ids of their own. */
  auditByHand: 'audit/by-hand',
  /** Of audits that change nothing: a plan, and a check of the invariants. */
  auditDryRun: 'audit/dry-run',
  auditCheck: 'audit/check',
} as const;

/**
 * Tags on every machine, disk and network interface, set in the call that creates it. A resource is ours only when all
 * of them match; a name alone never proves ownership.
 */
export const tagNames = {
  installation: 'odp-installation',
  pool: 'odp-pool',
  agent: 'odp-agent',
} as const;

/** Id of the Temporal Schedule that starts the audits of an installation. */
export const auditScheduleId = 'audit';

/** Marker in an Azure DevOps agent pool's property bag: the installation that owns it, then the pool's name. */
export const poolPropertyNames = { installation: 'odp.installation', pool: 'odp.pool' } as const;

/** Search attributes of our workflows; all are keywords. */
export const searchAttributeNames = [
  'PoolName',
  'AgentState',
  'AgentImage',
  'LeaseState',
  'Organization',
  'VmSize',
  'JobId',
] as const;

const counterDigits = 6;

/**
 * The name of a pool's n-th agent, also its computer name: nine characters that identify this life of the pool, then
 * the counter in base 36. Fifteen characters in all, the most that Windows accepts as a computer name.
 *
 * @param generation nine lower-case hexadecimal characters, drawn once when the pool is created
 * @param counter 0 to 36^6 - 1
 */
export function agentName(generation: string, counter: number): string {
  return `${generation}${counter.toString(36).padStart(counterDigits, '0')}`;
}

/**
 * The generation of a new pool, from a random UUID. One of digits only would make names of digits only, and Azure takes
 * no name of a computer that is a number.
 */
export function generationOf(uuid: string): string {
  const characters = uuid.replaceAll('-', '').slice(0, 9);
  return /^\d+$/.test(characters) ? `a${characters.slice(1)}` : characters;
}

/** Whether a text is the name of an agent, of whatever pool: the form alone, which no placeholder has. */
export function isAgentName(text: string): boolean {
  return /^[0-9a-f]{9}[0-9a-z]{6}$/.test(text);
}

/** The pool and the agent that the id of an agent's workflow names; undefined when it is no such id. */
export function agentOfWorkflowId(workflowId: string): { pool: string; agent: string } | undefined {
  const [, pool, agent] = /^agent\/([^/]+)\/([^/]+)$/.exec(workflowId) ?? [];
  return pool !== undefined && agent !== undefined && isAgentName(agent) ? { pool, agent } : undefined;
}

/** The name of the offline registration that carries an image's capabilities while no machine of it exists. */
export function placeholderName(pool: string, image: string): string {
  return `${pool}-placeholder-${image}`;
}

/**
 * The organisation's name as used in workflow ids: the last path segment of its URL, lower case.
 *
 * @param url such as `https://dev.azure.com/contoso`
 */
export function organizationName(url: string): string {
  const { hostname, pathname } = new URL(url);
  const segment = pathname.split('/').filter(Boolean).at(-1);
  return (segment ?? hostname.split('.')[0] ?? hostname).toLowerCase();
}

import { poolPropertyNames } from '../../domain/names.ts';
import { found, ownFailure } from '../errors.ts';
import type { CheckPoolInput } from '../interfaces.ts';
import { deleteAgent, listAgents } from './agents.ts';
import type { DevOpsConnection } from './connections.ts';
import { forEach } from './each.ts';
import { findPool, isOurs, listProjects, selectProjects, type Project } from './organization.ts';
import { preparePlaceholders } from './placeholders.ts';
import { isNameTaken, unless } from './refusals.ts';
import type { WireList, WirePool } from './wire.ts';

/** The version in which pools and queues are released. */
const apiVersion = '7.1';

/** Projects prepared at the same time. */
const concurrency = 4;

interface WireQueue {
  id: number;
  name: string;
}

interface WirePermissions {
  allPipelines?: { authorized?: boolean } | null;
}

/** Makes the agent pool, its queues and its placeholders what the specification says. `taken`: the name is not ours. */
export async function preparePool(
  connection: DevOpsConnection,
  input: CheckPoolInput,
): Promise<{ agentPoolId: number } | { taken: WirePool }> {
  const { name, images, organization } = input.specification;
  const pool = await ensurePool(connection, input);
  if (!isOurs(pool, input)) return { taken: pool };

  const projects = await listProjects(connection);
  const served = selectProjects(projects, organization.projects);
  await forEach(served, concurrency, (project) => ensureQueue(connection, pool, project, organization.openAccess));
  const left = projects.filter((project) => !served.includes(project));
  await forEach(left, concurrency, (project) => removeQueues(connection, pool.id, project));
  await preparePlaceholders(connection, pool.id, name, images);
  return { agentPoolId: pool.id };
}

/**
 * Removes registrations, queues and the agent pool, if it is ours. `busy`: a job still runs on one of its agents, and
 * the agent pool stays.
 */
export async function removePool(connection: DevOpsConnection, input: CheckPoolInput): Promise<'removed' | 'busy'> {
  const pool = await findPool(connection, input.specification.organization.agentPoolName);
  if (!pool || !isOurs(pool, input)) return 'removed';
  let busy = false;
  await forEach(await listAgents(connection, pool.id), concurrency, async ({ id }) => {
    if ((await deleteAgent(connection, pool.id, id)) === 'busy') busy = true;
  });
  if (busy) return 'busy';
  await forEach(await listProjects(connection), concurrency, (project) => removeQueues(connection, pool.id, project));
  await connection.send({ method: 'DELETE', path: `_apis/distributedtask/pools/${pool.id}`, apiVersion });
  return 'removed';
}

/** The agent pool of the wanted name: found, or made with our mark on it. */
async function ensurePool(connection: DevOpsConnection, input: CheckPoolInput): Promise<WirePool> {
  const { agentPoolName } = input.specification.organization;
  const known = await findPool(connection, agentPoolName);
  if (known) return await correctPool(connection, known, input);
  const body = {
    name: agentPoolName,
    poolType: 'automation',
    // Queues are made for the projects that the specification names, and only there.
    autoProvision: false,
    // A machine lives for one job: an agent that updates itself first only makes the job wait.
    autoUpdate: false,
    properties: poolProperties(input),
  };
  const path = '_apis/distributedtask/pools';
  const posted = await unless(isNameTaken, () => connection.send({ method: 'POST', path, apiVersion, body }), 'taken');
  found(posted, `organisation at ${connection.url}`);
  // Read back in any case: the answer need not hold the property bag, and somebody may have been faster.
  const made = await findPool(connection, agentPoolName);
  if (!made) {
    const message = `Azure DevOps has an agent pool ${agentPoolName} and does not list it yet.`;
    throw ownFailure('AgentPoolNotListed', message, 'Pools_Prepare');
  }
  return made;
}

async function correctPool(connection: DevOpsConnection, pool: WirePool, input: CheckPoolInput): Promise<WirePool> {
  const correct = pool.autoProvision !== true && pool.autoUpdate !== true;
  if (correct || !isOurs(pool, input)) return pool;
  const path = `_apis/distributedtask/pools/${pool.id}`;
  await connection.send({ method: 'PATCH', path, apiVersion, body: { autoProvision: false, autoUpdate: false } });
  return pool;
}

/** The mark, in the form in which the server keeps values of property bags. */
function poolProperties({ installation, specification }: CheckPoolInput) {
  const text = (value: string) => ({ $type: 'System.String', $value: value });
  return { [poolPropertyNames.installation]: text(installation), [poolPropertyNames.pool]: text(specification.name) };
}

/** Makes the project's queue on the pool, and lets every pipeline use it or not. */
async function ensureQueue(
  connection: DevOpsConnection,
  pool: WirePool,
  project: Project,
  openAccess: boolean,
): Promise<void> {
  let [queue] = await listQueues(connection, pool.id, project);
  if (!queue) {
    const path = `${project.id}/_apis/distributedtask/queues`;
    const body = { name: pool.name, pool: { id: pool.id } };
    const query = { authorizePipelines: openAccess };
    const post = () => connection.send({ method: 'POST', path, apiVersion, query, body });
    found(await unless(isNameTaken, post, 'taken'), `project ${project.name}`);
    [queue] = await listQueues(connection, pool.id, project);
  }
  if (!queue) {
    const message = `The project ${project.name} has a queue '${pool.name}' of another agent pool.`;
    throw ownFailure('QueueNameTaken', message, 'Pools_Prepare');
  }
  await authorizePipelines(connection, project, queue.id, openAccess);
}

async function authorizePipelines(
  connection: DevOpsConnection,
  project: Project,
  queueId: number,
  openAccess: boolean,
): Promise<void> {
  const resource = {
    path: `${project.id}/_apis/pipelines/pipelinepermissions/queue/${queueId}`,
    apiVersion: '7.1-preview.1',
  };
  const current = await connection.send<WirePermissions>({ ...resource, method: 'GET' });
  if ((current?.allPipelines?.authorized ?? false) === openAccess) return;
  const body = { allPipelines: { authorized: openAccess } };
  found(
    await connection.send({ ...resource, method: 'PATCH', body }),
    `queue ${queueId} in the project ${project.name}`,
  );
}

/** A queue deleted with its project, or by somebody else, counts as removed. */
async function removeQueues(connection: DevOpsConnection, poolId: number, project: Project): Promise<void> {
  for (const { id } of await listQueues(connection, poolId, project)) {
    const path = `${project.id}/_apis/distributedtask/queues/${id}`;
    await connection.send({ method: 'DELETE', path, apiVersion });
  }
}

async function listQueues(connection: DevOpsConnection, poolId: number, project: Project): Promise<WireQueue[]> {
  const list = await connection.send<WireList<WireQueue>>({
    method: 'GET',
    path: `${project.id}/_apis/distributedtask/queues`,
    apiVersion,
    query: { poolIds: poolId },
  });
  return list?.value ?? [];
}

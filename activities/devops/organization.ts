import type { Violation } from '../../domain/violation.ts';
import { poolPropertyNames } from '../../domain/names.ts';
import { found } from '../errors.ts';
import type { CheckPoolInput } from '../interfaces.ts';
import type { DevOpsConnection } from './connections.ts';
import { isForbidden, isNotFound, isUnauthenticated, isUnreachable } from './refusals.ts';
import type { WireList, WirePool } from './wire.ts';

/** A project of the organisation. */
export interface Project {
  id: string;
  name: string;
}

/** Projects per page: the most that the server gives at once is not documented, 500 is what its own pages ask for. */
const projectsPerPage = 500;

/** Pages read at most: ten times the 1,000 projects that an organisation may have. */
const pagesMax = 20;

const organizationPath = 'properties.organizationProfile.organizations[0]';

/** Every rule of Azure DevOps that the specification breaks. Throws what a later try may mend. */
export async function organizationViolations(
  connection: DevOpsConnection,
  input: CheckPoolInput,
): Promise<Violation[]> {
  const { organization } = input.specification;
  const listed = await accessible(() => listProjects(connection), 'list the projects of', organization.url);
  if ('violation' in listed) return [listed.violation];
  const violations = unknownProjects(listed.value, organization.projects);

  const pool = await accessible(
    () => findPool(connection, organization.agentPoolName),
    'list the agent pools of',
    organization.url,
  );
  if ('violation' in pool) return [...violations, pool.violation];
  if (pool.value && !isOurs(pool.value, input)) violations.push(nameTaken(input, pool.value));
  return violations;
}

/** All projects that the identity may see. */
export async function listProjects(connection: DevOpsConnection): Promise<Project[]> {
  const projects: Project[] = [];
  for (let page = 0; page < pagesMax; page++) {
    const list = await connection.send<WireList<Project>>({
      method: 'GET',
      path: '_apis/projects',
      apiVersion: '7.1',
      query: { $top: projectsPerPage, $skip: page * projectsPerPage },
    });
    const { value } = found(list, `organisation at ${connection.url}`);
    projects.push(...value);
    if (value.length < projectsPerPage) break;
  }
  return projects;
}

/** The projects that a specification names, by name or id; every project when it names none. */
export function selectProjects(all: readonly Project[], wanted: readonly string[]): Project[] {
  if (wanted.length === 0) return [...all];
  return all.filter((project) => wanted.some((text) => isNamed(project, text)));
}

/** The agent pool of this name, with its property bag; names are compared without case, as the server does. */
export async function findPool(connection: DevOpsConnection, name: string): Promise<WirePool | undefined> {
  const list = await connection.send<WireList<WirePool>>({
    method: 'GET',
    path: '_apis/distributedtask/pools',
    apiVersion: '7.1',
    query: { poolName: name, properties: Object.values(poolPropertyNames).join(',') },
  });
  return list?.value.find((pool) => pool.name.toLowerCase() === name.toLowerCase());
}

/** Whether the agent pool's property bag names this installation and this pool. A name alone proves nothing. */
export function isOurs(pool: WirePool, { installation, specification }: CheckPoolInput): boolean {
  return (
    propertyText(pool, poolPropertyNames.installation) === installation &&
    propertyText(pool, poolPropertyNames.pool) === specification.name
  );
}

/** That an agent pool of the wanted name belongs to somebody else. */
export function nameTaken({ specification }: CheckPoolInput, pool: WirePool): Violation {
  const owner = propertyText(pool, poolPropertyNames.pool);
  const whose = owner === undefined ? 'was not made by this system' : `belongs to the pool '${owner}'`;
  return {
    path: `${organizationPath}.alias`,
    rule: 'NameTaken',
    message: `The organisation has an agent pool '${pool.name}' (id ${pool.id}) that ${whose}. Choose another alias, or remove that agent pool.`,
    value: specification.organization.agentPoolName,
  };
}

/** A property's text: bare, or wrapped as the server wraps values of property bags. */
export function propertyText(pool: WirePool, name: string): string | undefined {
  const property = pool.properties?.[name];
  const value =
    typeof property === 'object' && property !== null ? (property as { $value?: unknown }).$value : property;
  return typeof value === 'string' ? value : undefined;
}

function unknownProjects(all: readonly Project[], wanted: readonly string[]): Violation[] {
  return wanted.flatMap((text, index) =>
    all.some((project) => isNamed(project, text))
      ? []
      : [
          {
            path: `${organizationPath}.projects[${index}]`,
            rule: 'UnknownProject' as const,
            message: `The organisation has no project '${text}', or this system's identity may not see it. Correct the name, or give the identity access to the project.`,
            value: text,
          },
        ],
  );
}

function isNamed({ id, name }: Project, text: string): boolean {
  return name.toLowerCase() === text.toLowerCase() || id.toLowerCase() === text.toLowerCase();
}

/** Tells what only the author of the document or an operator can mend from what a later try may mend. */
async function accessible<T>(
  call: () => Promise<T>,
  purpose: string,
  url: string,
): Promise<{ value: T } | { violation: Violation }> {
  try {
    return { value: await call() };
  } catch (error) {
    const violation = accessViolation(error, purpose, url);
    if (violation) return { violation };
    throw error;
  }
}

function accessViolation(error: unknown, purpose: string, url: string): Violation | undefined {
  const path = `${organizationPath}.url`;
  if (isUnreachable(error) || isNotFound(error)) {
    return {
      path,
      rule: 'OrganizationNotReachable',
      message: `There is no Azure DevOps organisation at ${url}, or it cannot be reached from the worker. Correct the URL, or open the way to it.`,
      value: url,
    };
  }
  if (isUnauthenticated(error)) {
    return {
      path,
      rule: 'CredentialsRefused',
      message: `${url} refused this system's credentials. Renew the token that the installation names, or add the identity to the organisation as a user.`,
      value: url,
    };
  }
  if (isForbidden(error)) {
    return {
      path,
      rule: 'CredentialsRefused',
      message: `This system's identity may not ${purpose} ${url}. Make it an administrator of agent pools in the organisation's settings.`,
      value: url,
    };
  }
  return undefined;
}

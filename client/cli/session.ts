import type { Installation } from '../../domain/installation.ts';
import { OdpError, type OpenDevOpsPools, type PoolDetails } from '../sdk/index.ts';
import { openOrganization, type Organization } from './azure-devops.ts';
import { connectTo, installationPath, readInstallation } from './installation-file.ts';
import type { Io } from './io.ts';

/** What a command works with: one installation, connected. */
export interface Session {
  odp: OpenDevOpsPools;
  installation: Installation;
  /** Azure DevOps, as the organisation of this URL. */
  organization(url: string): Organization;
}

/** Opens the installation that the flag or the environment names, runs the work, closes. */
export async function withSession<Result>(
  io: Io,
  installationFlag: string | undefined,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const installation = await readInstallation(installationPath(installationFlag, io.environment));
  await using odp = await connectTo(installation, io.environment);
  return await work({
    odp,
    installation,
    organization: (url) => openOrganization(url, installation, io.environment),
  });
}

/** A pool with what is needed to find it in Azure DevOps. */
export interface ServingPool {
  view: PoolDetails;
  name: string;
  organizationUrl: string;
  agentPoolName: string;
  agentPoolId: number;
  projects: string[];
  /** Name of the image that serves a job without `ImageOverride`. */
  firstImage: string;
}

/** The pool of this name as Azure DevOps knows it. @throws OdpError `NotFound`, `Conflict` while it is still being made */
export async function servingPool(odp: OpenDevOpsPools, name: string): Promise<ServingPool> {
  const view = await odp.pools.show(name);
  const { specification, agentPoolId } = view;
  if (!specification || agentPoolId === undefined) {
    throw new OdpError('Conflict', `The pool ${name} has no agent pool in Azure DevOps yet.`, {
      hint: `\`odp pool show ${name}\` tells how far it is.`,
    });
  }
  const { url, agentPoolName, projects } = specification.organization;
  return {
    view,
    name,
    organizationUrl: url,
    agentPoolName,
    agentPoolId,
    projects,
    firstImage: specification.images[0]?.name ?? '',
  };
}

/** The pools to look at: the named one, or all. */
export async function poolNames(odp: OpenDevOpsPools, name: string | undefined): Promise<string[]> {
  return name === undefined ? (await odp.pools.list()).map((pool) => pool.name) : [name];
}

/** The named pool, or the only one. @throws OdpError `Usage` where the choice is not clear */
export async function onePool(odp: OpenDevOpsPools, name: string | undefined): Promise<string> {
  const names = await poolNames(odp, name);
  const [only, ...others] = names;
  if (only === undefined)
    throw new OdpError('NotFound', 'There is no pool yet.', { hint: 'Make one with `odp pool apply`.' });
  if (others.length > 0) {
    throw new OdpError('Usage', `There are ${names.length} pools: ${names.join(', ')}.`, {
      hint: 'Choose one with --pool.',
    });
  }
  return only;
}

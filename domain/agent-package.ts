/** Software of the agent, for images that do not bring it. */
export interface AgentPackage {
  /** A tar.gz for 64-bit Linux, a zip for 64-bit Windows. */
  url: string;
  /** 64 lower-case hexadecimal digits; a package with another hash is not unpacked. Absent: not checked. */
  sha256?: string;
}

/** The one version that is used where the installation names no package. Azure DevOps lists newer ones at `packages/agent`. */
const version = '4.264.2';

const folder = `https://download.agent.dev.azure.com/agent/${version}`;

/** Microsoft's own packages. Their hashes stand on the pages of the releases, not where a program could read them. */
export const defaultAgentPackages: Readonly<Record<'linux' | 'windows', AgentPackage>> = {
  linux: { url: `${folder}/vsts-agent-linux-x64-${version}.tar.gz` },
  windows: { url: `${folder}/vsts-agent-win-x64-${version}.zip` },
};

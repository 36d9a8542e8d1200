import type { AgentIdentity } from '../../domain/messages.ts';
import { tagNames } from '../../domain/names.ts';

/** Tells which key pair a machine was created with. Not part of the proof of ownership. */
export const keyTagName = 'odp-key';

/** At most this many of a team's tags reach a machine, as in the product; Azure itself allows 50 in all. */
const teamTagLimit = 20;

/** The tags that together prove that a resource belongs to this agent. */
export function ownTags(
  identity: Pick<AgentIdentity, 'installation' | 'pool'> & Partial<AgentIdentity>,
  workflowId: string,
): Record<string, string> {
  return {
    [tagNames.installation]: identity.installation,
    [tagNames.pool]: identity.pool,
    [tagNames.agent]: workflowId,
  };
}

/** All tags of a machine: the team's first twenty, then ours, which win. Names of tags are case-insensitive in Azure. */
export function machineTags(
  team: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
  keyFingerprint: string,
): Record<string, string> {
  const ours = { ...own, [keyTagName]: keyFingerprint };
  const reserved = new Set(Object.keys(ours).map((name) => name.toLowerCase()));
  const theirs = Object.entries(team).filter(([name]) => !reserved.has(name.toLowerCase()));
  return { ...Object.fromEntries(theirs.slice(0, teamTagLimit)), ...ours };
}

/** Whether every one of `own` is on the resource: a name alone never proves ownership. */
export function carriesAll(
  tags: Readonly<Record<string, string>> | undefined,
  own: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(own).every(([name, value]) => tagValue(tags, name) === value);
}

/** A tag's value; names are compared without case. */
export function tagValue(tags: Readonly<Record<string, string>> | undefined, name: string): string | undefined {
  return Object.entries(tags ?? {}).find(([given]) => given.toLowerCase() === name.toLowerCase())?.[1];
}

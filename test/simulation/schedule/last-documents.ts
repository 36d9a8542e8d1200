import type { Schedule } from './schedule.ts';

type Documents = Pick<Schedule, 'pools' | 'verbs' | 'chaosMs'>;

/**
 * The documents of which one is the pool's last. During the chaos window any of them may be refused, because Azure
 * could not be asked; in the quiet window none is. Undefined for a pool that is deleted for good.
 */
export function lastDocuments({ pools, verbs, chaosMs }: Documents, name: string): unknown[] | undefined {
  let possible = pools.filter((pool) => pool.name === name).map(({ document }) => document);
  let deleted = false;
  for (const verb of verbs.toSorted((a, b) => a.at - b.at)) {
    if (verb.kind === 'delete' && verb.pool === name) deleted = true;
    if (verb.kind !== 'apply' || verb.pool !== name || verb.refused) continue;
    deleted = false;
    possible = verb.at >= chaosMs ? [verb.document] : [...possible, verb.document];
  }
  return deleted ? undefined : possible;
}

/** Every document that the pool is meant to accept. */
export function documentsOf({ pools, verbs }: Documents, name: string): unknown[] {
  return [
    ...pools.filter((pool) => pool.name === name).map(({ document }) => document),
    ...verbs.flatMap((verb) => (verb.kind === 'apply' && verb.pool === name && !verb.refused ? [verb.document] : [])),
  ];
}

interface Readable {
  properties: {
    maximumConcurrency: number;
    agentProfile: { kind: string; gracePeriodTimeSpan?: string };
    fabricProfile: { images: { wellKnownImageName?: string; aliases?: string[] }[] };
  };
}

/** The fewest machines that the pool may have in the end; undefined for a pool that is deleted for good. */
export function fewestMachines(schedule: Documents, name: string): number | undefined {
  const last = lastDocuments(schedule, name) as Readable[] | undefined;
  return last && Math.min(...last.map(({ properties }) => properties.maximumConcurrency));
}

/** Whether the document's pool has an image of this name. */
export function servedBy(document: unknown, image: string): boolean {
  return (document as Readable).properties.fabricProfile.images.some(
    ({ wellKnownImageName, aliases = [] }) => aliases.includes(image) || wellKnownImageName?.split('/')[0] === image,
  );
}

/** The grace period of a stateful pool, in milliseconds; undefined for a stateless one. */
export function graceMsOf(document: unknown): number | undefined {
  const { kind, gracePeriodTimeSpan = '00:00:00' } = (document as Readable).properties.agentProfile;
  if (kind !== 'Stateful') return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = gracePeriodTimeSpan.split(':').map(Number);
  return ((hours * 60 + minutes) * 60 + seconds) * 1_000;
}

import { defaultLimits, type Limits } from '../limits.ts';
import type { Account, Breach } from './account.ts';

/** What the invariants are measured by. */
export interface InvariantRules {
  limits: Limits;
  /** Codes of the error catalogue; absent: codes are not checked. */
  knownErrors?: ReadonlySet<string>;
}

export const defaultRules: InvariantRules = { limits: defaultLimits };

/** One invariant: what it promises, and the function that finds its breaches. */
export interface Invariant {
  name: string;
  /** In one sentence. */
  promise: string;
  /** `look`: also tells something over one look at a live installation. `run`: needs the account of a whole run. */
  needs: 'look' | 'run';
  check(account: Account, rules: InvariantRules): Breach[];
}

/** Ids of the workflows that are open. */
export function openWorkflows({ workflows }: Account): ReadonlySet<string> {
  return new Set(workflows.filter(({ runs }) => runs.at(-1)?.status === 'running').map(({ id }) => id));
}

/**
 * Owners whose machine somebody else made their own, by overwriting its tags. Once no workflow of ours is open for it, it
 * is left alone, and with it the parts that it holds: only exact tags may lead to a deletion.
 */
export function adoptedOwners({ disturbances, resources }: Account): ReadonlySet<string> {
  const altered = new Set(
    disturbances.filter(({ kind }) => kind === 'tagsAltered').map(({ subject }) => subject.toLowerCase()),
  );
  return new Set(resources.filter(({ id }) => altered.has(id.toLowerCase())).map(({ owner }) => owner));
}

/** Owners of what was planted on purpose: no agent of theirs was ever asked for. */
export function plantedOwners({ disturbances, resources, registrations }: Account): ReadonlySet<string> {
  const planted = new Set(
    disturbances.filter(({ kind }) => kind === 'orphanPlanted').map(({ subject }) => subject.toLowerCase()),
  );
  return new Set([
    ...resources.filter(({ id }) => planted.has(id.toLowerCase())).map(({ owner }) => owner),
    ...registrations.filter(({ name }) => planted.has(name.toLowerCase())).map(({ owner }) => owner),
  ]);
}

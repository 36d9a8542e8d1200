import type { WaitReceipt } from './messages.ts';

/** Names of the legs of a wait, in order; each ends with the moment that it is named after. */
export const legNames = ['seen', 'decided', 'asked', 'created', 'booted', 'assigned', 'started'] as const;
export type LegName = (typeof legNames)[number];

/** A part of a wait: what was waited for, and how long. */
export interface WaitLeg {
  name: LegName;
  /** Milliseconds. */
  ms: number;
}

const moments: Record<LegName, keyof WaitReceipt> = {
  seen: 'seenAt',
  decided: 'decidedAt',
  asked: 'createSentAt',
  created: 'runningAt',
  booted: 'onlineAt',
  assigned: 'assignedAt',
  started: 'startedAt',
};

/** What goes on during each leg, for a sentence. */
const meanings: Record<LegName, string> = {
  seen: 'until this system saw the job in the queue',
  decided: 'until the pool decided to make an agent for it',
  asked: 'until the agent was registered and Azure was asked for its machine',
  created: 'while Azure made the machine',
  booted: 'while the machine booted and its agent connected',
  assigned: 'until Azure DevOps gave the job to an agent',
  started: 'until the agent took the job up',
};

/**
 * The legs of a wait; they add up to it. What happened before the job was queued, on a standby agent for instance, was no
 * wait, and an agent that was seen online only after its job had started was online by then.
 */
export function waitLegs(receipt: WaitReceipt): WaitLeg[] {
  const end = receipt.startedAt ?? Infinity;
  let before = receipt.queuedAt;
  return legNames.flatMap((name) => {
    const at = Math.min(receipt[moments[name]] ?? -Infinity, end);
    if (at < before) return [];
    const leg = { name, ms: at - before };
    before = at;
    return [leg];
  });
}

/** How long a job waited, and where most of it went. */
export interface WaitAccount {
  /** From queued to started; absent while it waits, or where it ended without having started. */
  ms?: number;
  legs: WaitLeg[];
  /** The longest leg. */
  longest?: WaitLeg;
  /** What went on during it, such as `while the machine booted and its agent connected`. */
  meaning?: string;
  /** An agent stood by before the job came. */
  stoodBy: boolean;
}

/** Sums a wait receipt up. */
export function waitAccount(receipt: WaitReceipt): WaitAccount {
  const { queuedAt, startedAt, onlineAt } = receipt;
  const legs = waitLegs(receipt);
  const longest = legs.toSorted((one, other) => other.ms - one.ms)[0];
  return {
    ...(startedAt === undefined ? {} : { ms: startedAt - queuedAt }),
    legs,
    ...(longest ? { longest, meaning: meanings[longest.name] } : {}),
    stoodBy: onlineAt !== undefined && onlineAt <= queuedAt,
  };
}

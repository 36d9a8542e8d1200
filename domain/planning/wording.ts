import type { Allotment } from './allot.ts';
import type { Hold, PlanningInput, Reason } from './types.ts';

/** Every sentence of a plan, with the numbers that it was made from. */

/** Why agents are created for queued jobs. */
export function demandReason({ tally, unmet, createForDemand }: Allotment): Reason {
  const { queued, ready, creating, image } = tally;
  const few = createForDemand < unmet ? `, ${createForDemand} of which the maximum allows now` : '';
  return {
    code: 'Demand',
    message:
      `${waiting(queued, 'job')} for ${image}; ${ready.length} ready and ${creating} creating agents ` +
      `leave ${unmet} without one${few}.`,
  };
}

/** Why agents are created before a job asks. */
export function standbyReason(allotment: Allotment, counts: PlanningInput['standby']['counts']): Reason {
  const { tally, standby, missing, createForStandby } = allotment;
  const few = createForStandby < missing ? `, ${createForStandby} of which the maximum allows now` : '';
  return { code: 'Standby', message: `${standbyTarget(tally.image, standby, counts)}; missing: ${missing}${few}.` };
}

/** Why a ready agent goes. */
export function surplusReason({ tally, kept, missing }: Allotment, readyMs: number): Reason {
  const { queued, ready, creating, image } = tally;
  const yields = missing > 0 ? `; standby would keep ${missing} more, but jobs need the places` : '';
  return {
    code: 'Surplus',
    message:
      `Ready for ${Math.floor(readyMs / 1_000)} s; of ${ready.length} ready and ${creating} creating agents, ${image} ` +
      `needs ${Math.min(queued, ready.length) + creating} for queued jobs and creations under way, ` +
      `and ${kept} for standby${yields}.`,
  };
}

/** Why a stateful agent goes although it could serve on. */
export function lifetimeReason(endsAt: number): Reason {
  return { code: 'Lifetime', message: `Its longest life was over at ${new Date(endsAt).toISOString()}.` };
}

/** Why a parked agent goes that nobody could wake any more. */
export const lostReason: Reason = { code: 'Lost', message: 'Azure DevOps does not know it any more.' };

/** Why an agent of a pool that was stateful goes. */
export const usedReason: Reason = {
  code: 'Used',
  message: 'It has served a job, and the pool now gives every job a fresh agent.',
};

/** Why a parked agent of a pool that parked its agents goes. */
export const noParkingReason: Reason = { code: 'Surplus', message: 'The pool parks its agents no longer.' };

/** Why an agent of an image that the pool no longer has goes. */
export function imageRemovedReason(image: string): Reason {
  return { code: 'ImageRemoved', message: `The pool no longer has the image ${image}.` };
}

/** Why the free agents of a closing pool go. */
export const closingReason: Reason = {
  code: 'Closing',
  message: 'The pool is closing: every agent without a job returns.',
};

/** Why the free agents of a draining pool go. */
export const drainingReason: Reason = {
  code: 'Draining',
  message: 'The pool is draining: every agent without a job returns.',
};

/** Everything that the image needs is there. */
export function satisfiedMessage({ tally, standby, kept }: Allotment): string {
  const { queued, ready, busy } = tally;
  return (
    `${count(queued, 'queued job')}, ${ready.length} ready and ${busy} busy agents; ` +
    (standby === 0
      ? 'no standby is wanted.'
      : `standby of ${standby} is met, ${kept} of them ready beyond queued jobs.`)
  );
}

/** Agents are on their way. */
export function inFlightMessage({ tally, createForDemand, createForStandby }: Allotment): string {
  return (
    `${count(tally.creating, 'agent')} in creation; asked for now: ${createForDemand} for queued jobs, ` +
    `${createForStandby} for standby.`
  );
}

/** The maximum stands in the way. */
export function atMaximumMessage(short: Shortage, machines: number, maximum: number): string {
  return (
    `${shortage(short)} for a place: ${machines} of at most ${maximum} machines exist or are asked for, ` +
    'returning ones included.'
  );
}

/** A failure stands in the way. */
export function heldMessage(short: Shortage, { until, code, message }: Hold): string {
  return `${shortage(short)} until ${new Date(until).toISOString()}, after ${code}: ${message}`;
}

/** Jobs name an image that the pool does not have. */
export function unknownImageMessage(image: string, queued: number): string {
  return `${waiting(queued, 'job')} for the image ${image}, which the pool does not have: no agent is created for it.`;
}

/** What a closing pool leaves undone. */
export function closingMessage(queued: number, busy: number): string {
  return `The pool is closing: no agent is created for ${count(queued, 'queued job')}, and ${count(busy, 'busy agent')} may finish.`;
}

/** What a draining pool leaves undone, and until when. */
export function drainingMessage(queued: number, busy: number): string {
  return `The pool is draining: ${waiting(queued, 'queued job')} until it is resumed, and ${count(busy, 'busy agent')} may finish.`;
}

/** What an image lacks after the plan's own commands. */
export interface Shortage {
  jobs: number;
  standby: number;
}

function shortage({ jobs, standby }: Shortage): string {
  if (standby === 0) return waiting(jobs, 'job');
  if (jobs === 0) return waiting(standby, 'standby agent');
  return `${count(jobs, 'job')} and ${count(standby, 'standby agent')} wait`;
}

function standbyTarget(image: string, standby: number, counts: PlanningInput['standby']['counts']): string {
  return counts === 'idle'
    ? `Standby keeps ${standby} idle agents of ${image} beyond queued jobs`
    : `Standby keeps ${standby} agents of ${image}, busy ones included`;
}

function waiting(number: number, noun: string): string {
  return `${count(number, noun)} ${number === 1 ? 'waits' : 'wait'}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

import { allot, type Allotment } from './allot.ts';
import { refuseInput } from './refuse-input.ts';
import { longestFirst, tally, type Tallies } from './tally.ts';
import type { Command, Plan, PlanningInput, Remark } from './types.ts';
import {
  atMaximumMessage,
  closingMessage,
  closingReason,
  demandReason,
  drainingMessage,
  drainingReason,
  heldMessage,
  imageRemovedReason,
  inFlightMessage,
  satisfiedMessage,
  standbyReason,
  surplusReason,
  unknownImageMessage,
} from './wording.ts';

/** Far longer than the observer's two seconds between looks, far shorter than the start of a new machine. */
export const defaultIdleGraceMs = 30_000;

/**
 * What to do now: agents to create and to retire, each with its reason, and for each image what limits it. Pure: equal
 * inputs give equal plans, and once the commands are carried out the same question has no further answer.
 *
 * @throws RangeError where the input has no plan: see `refuseInput`
 */
export function planCapacity(input: PlanningInput): Plan {
  refuseInput(input);
  const tallies = tally(input);
  const unknown = tallies.unknown.map(({ image, queued }): Remark => ({
    image,
    code: 'UnknownImage',
    message: unknownImageMessage(image, queued),
  }));
  if (input.closing) return closingPlan(tallies, unknown, input.draining ?? false);

  const allotments = allot(input, tallies);
  const surplus = retireSurplus(input, allotments);
  const commands = [
    ...createForDemand(allotments),
    ...createForStandby(allotments, input.standby.counts),
    ...retireStrays(tallies),
    ...surplus.commands,
  ];
  const machines =
    tallies.agents.length + allotments.reduce((total, one) => total + one.createForDemand + one.createForStandby, 0);
  const remarks = [...allotments.flatMap((one) => remarksOn(one, machines, input.maximumConcurrency)), ...unknown];
  const moments = [...surplus.moments, ...endsOfHolds(allotments)];
  return { commands, remarks, ...(moments.length === 0 ? {} : { nextAt: Math.min(...moments) }) };
}

function closingPlan({ agents, images }: Tallies, unknown: Remark[], draining: boolean): Plan {
  const reason = draining ? drainingReason : closingReason;
  return {
    commands: agents
      .filter(({ phase }) => phase !== 'busy' && phase !== 'returning')
      .toSorted(longestFirst)
      .map(({ name }) => ({ kind: 'retire', agent: name, reason })),
    remarks: [
      ...images.map(({ image, queued, busy }): Remark => ({
        image,
        code: draining ? 'Draining' : 'Closing',
        message: draining ? drainingMessage(queued, busy) : closingMessage(queued, busy),
      })),
      ...unknown,
    ],
  };
}

function createForDemand(allotments: readonly Allotment[]): Command[] {
  return allotments
    .filter(({ createForDemand: agents }) => agents > 0)
    .map((one) => ({
      kind: 'create',
      image: one.tally.image,
      count: one.createForDemand,
      reason: demandReason(one),
    }));
}

function createForStandby(allotments: readonly Allotment[], counts: PlanningInput['standby']['counts']): Command[] {
  return allotments
    .filter(({ createForStandby: agents }) => agents > 0)
    .map((one) => ({
      kind: 'create',
      image: one.tally.image,
      count: one.createForStandby,
      reason: standbyReason(one, counts),
    }));
}

/** No job can ask for these any more, so they go at once, also in creation. A busy one serves its job first. */
function retireStrays({ strays }: Tallies): Command[] {
  return strays
    .filter(({ phase }) => phase !== 'busy' && phase !== 'returning')
    .map(({ name, image }) => ({ kind: 'retire', agent: name, reason: imageRemovedReason(image) }));
}

/**
 * The longest ready go first: the younger are fresher images. One that became ready a moment ago stays a little, for a
 * job may be queued for it in this moment; the answer names the moment at which it may go.
 */
function retireSurplus(input: PlanningInput, allotments: readonly Allotment[]) {
  const { now, idleGraceMs = defaultIdleGraceMs } = input;
  const commands: Command[] = [];
  const moments: number[] = [];
  for (const one of allotments) {
    for (const { name, since } of one.tally.ready.slice(0, one.surplus)) {
      if (since + idleGraceMs > now) moments.push(since + idleGraceMs);
      else commands.push({ kind: 'retire', agent: name, reason: surplusReason(one, now - since) });
    }
  }
  return { commands, moments };
}

function endsOfHolds(allotments: readonly Allotment[]): number[] {
  return allotments.flatMap(({ tally: { hold }, unmet, missing }) => (hold && unmet + missing > 0 ? [hold.until] : []));
}

function remarksOn(one: Allotment, machines: number, maximum: number): Remark[] {
  const { image, creating, hold } = one.tally;
  const short = { jobs: one.unmet - one.createForDemand, standby: one.missing - one.createForStandby };
  const remarks: Remark[] = [];
  if (creating + one.createForDemand + one.createForStandby > 0) {
    remarks.push({ image, code: 'InFlight', message: inFlightMessage(one) });
  }
  if (short.jobs + short.standby > 0) {
    remarks.push(
      hold
        ? { image, code: 'Held', message: heldMessage(short, hold) }
        : { image, code: 'AtMaximum', message: atMaximumMessage(short, machines, maximum) },
    );
  }
  if (remarks.length === 0) remarks.push({ image, code: 'Satisfied', message: satisfiedMessage(one) });
  return remarks;
}

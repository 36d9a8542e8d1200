import { allot, type Allotment } from './allot.ts';
import { endsOfLives } from './leaving.ts';
import { refuseInput } from './refuse-input.ts';
import { retireSurplus } from './retire-surplus.ts';
import { longestFirst, tally, type Tallies } from './tally.ts';
import type { Command, Plan, PlanningAgent, PlanningInput, Reason, Remark } from './types.ts';
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
  unknownImageMessage,
} from './wording.ts';

export { defaultIdleGraceMs } from './retire-surplus.ts';

/**
 * What to do now: agents to create, wake, park and retire, each with its reason, and for each image what limits it. Pure: equal
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
  const surplus = retireSurplus(input, tallies, allotments);
  const commands = [
    ...createForDemand(allotments),
    ...createForStandby(allotments, input.standby.counts),
    ...retireStrays(tallies),
    ...tallies.leaving.map(({ agent, reason }) => retire(agent, reason)),
    ...surplus.commands,
  ];
  const machines =
    tallies.agents.length + allotments.reduce((total, one) => total + one.createForDemand + one.createForStandby, 0);
  const remarks = [...allotments.flatMap((one) => remarksOn(one, machines, input.maximumConcurrency)), ...unknown];
  const lives = endsOfLives([...tallies.agents, ...tallies.parked], input.now);
  const moments = [...surplus.moments, ...endsOfHolds(allotments), ...lives];
  return { commands, remarks, ...(moments.length === 0 ? {} : { nextAt: Math.min(...moments) }) };
}

function closingPlan({ agents, parked, images }: Tallies, unknown: Remark[], draining: boolean): Plan {
  const reason = draining ? drainingReason : closingReason;
  return {
    commands: [...agents, ...parked]
      .filter(({ phase }) => phase !== 'busy' && phase !== 'returning')
      .toSorted(longestFirst)
      .map((agent) => retire(agent, reason)),
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
  return allotments.flatMap((one) =>
    bringUp(one.tally.image, one.wakeForDemand, one.createForDemand, () => demandReason(one)),
  );
}

function createForStandby(allotments: readonly Allotment[], counts: PlanningInput['standby']['counts']): Command[] {
  return allotments.flatMap((one) =>
    bringUp(one.tally.image, one.wakeForStandby, one.createForStandby, () => standbyReason(one, counts)),
  );
}

/** So many agents of an image: the given parked ones, and new ones for the rest. */
function bringUp(image: string, parked: readonly PlanningAgent[], agents: number, why: () => Reason): Command[] {
  if (agents === 0) return [];
  const reason = why();
  const count = agents - parked.length;
  return [
    ...parked.map(({ name }): Command => ({ kind: 'wake', agent: name, reason })),
    ...(count > 0 ? [{ kind: 'create' as const, image, count, reason }] : []),
  ];
}

function retire({ name }: PlanningAgent, reason: Reason): Command {
  return { kind: 'retire', agent: name, reason };
}

/** No job can ask for these any more, so they go at once, also in creation. A busy one serves its job first. */
function retireStrays({ strays }: Tallies): Command[] {
  return strays
    .filter(({ phase }) => phase !== 'busy' && phase !== 'returning')
    .map((agent) => retire(agent, imageRemovedReason(agent.image)));
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

import type { Allotment } from './allot.ts';
import { longestFirst, type Tallies } from './tally.ts';
import type { Command, PlanningAgent, PlanningInput } from './types.ts';
import { surplusReason } from './wording.ts';

/** Far longer than the observer's two seconds between looks, far shorter than the start of a new machine. */
export const defaultIdleGraceMs = 30_000;

/** An agent that nothing wants, and the image that has too many. */
interface Spare {
  agent: PlanningAgent;
  of: Allotment;
}

/**
 * The longest ready go first: the younger are fresher images. One that became ready a moment ago stays a little, for a
 * job may be queued for it in this moment, and one that has just served stays for the pool's grace period; the answer
 * names the moments at which they may go. A pool that parks its agents parks them.
 *
 * Grace yields to jobs of other images that find no place: they could wait for a week. A job that is queued in this
 * moment does not.
 */
export function retireSurplus(
  input: PlanningInput,
  tallies: Tallies,
  allotments: readonly Allotment[],
): { commands: Command[]; moments: number[] } {
  const { now, stateful } = input;
  const going: Spare[] = [];
  const inGrace: Spare[] = [];
  const moments: number[] = [];
  for (const of of allotments) {
    let left = of.surplus;
    const staying: { agent: PlanningAgent; until: number }[] = [];
    for (const agent of of.tally.ready) {
      const until = mayGoAt(agent, input);
      if (until > now) staying.push({ agent, until });
      else if (left > 0) {
        going.push({ agent, of });
        left -= 1;
      }
    }
    for (const { agent, until } of staying.toSorted((a, b) => a.until - b.until).slice(0, left)) {
      moments.push(until);
      const settledAt = agent.since + idleGraceOf(input);
      if (settledAt <= now) inGrace.push({ agent, of });
      else moments.push(settledAt);
    }
  }
  const makingRoom = tallies.agents.filter(({ phase }) => phase === 'returning' || phase === 'parking').length;
  const leaving = tallies.leaving.filter(({ agent: { phase } }) => phase !== 'parked').length;
  const displacing = allotments.reduce((sum, one) => sum + one.displacing, 0);
  const places = Math.max(0, displacing - makingRoom - leaving - going.length);
  going.push(...inGrace.toSorted((a, b) => longestFirst(a.agent, b.agent)).slice(0, places));
  const kind = stateful?.park ? 'park' : 'retire';
  const commands = going.map(({ agent, of }): Command => {
    return { kind, agent: agent.name, reason: surplusReason(of, now - agent.since) };
  });
  return { commands, moments };
}

function mayGoAt(agent: PlanningAgent, input: PlanningInput): number {
  const { since, servedAt } = agent;
  const grace = servedAt === undefined ? 0 : servedAt + (input.stateful?.graceMs ?? 0);
  return Math.max(since + idleGraceOf(input), grace);
}

function idleGraceOf({ idleGraceMs = defaultIdleGraceMs }: PlanningInput): number {
  return idleGraceMs;
}

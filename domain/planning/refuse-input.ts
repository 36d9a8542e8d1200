import type { PlanningInput } from './types.ts';

/** The product's limit on agents of one pool. */
const maximumConcurrencyMax = 10_000;

/** The last moment that a date can hold, in milliseconds since the epoch. */
const momentMax = 8.64e15;

/**
 * Refuses an input that no plan can be made from: counts that are not whole numbers from 0, moments that no date can hold,
 * buffers outside 0 to 100, a maximum above 10,000. The pool document is checked long before, so this is an error of ours. A plan from `NaN`
 * would compare false everywhere and look like a pool that wants nothing.
 *
 * @throws RangeError that names every such value
 */
export function refuseInput(input: PlanningInput): void {
  const wrong: string[] = [];
  const count = (path: string, value: number) => {
    if (!Number.isSafeInteger(value) || value < 0) wrong.push(`${path} is ${value}, not a whole number from 0`);
  };
  const moment = (path: string, value: number) => {
    if (!(Math.abs(value) <= momentMax)) wrong.push(`${path} is ${value}, not a moment`);
  };
  moment('now', input.now);
  count('maximumConcurrency', input.maximumConcurrency);
  if (input.maximumConcurrency > maximumConcurrencyMax) {
    wrong.push(`maximumConcurrency is ${input.maximumConcurrency}, more than ${maximumConcurrencyMax}`);
  }
  count('standby.count', input.standby.count);
  if (input.idleGraceMs !== undefined) count('idleGraceMs', input.idleGraceMs);
  input.images.forEach(({ buffer }, index) => {
    if (buffer === '*') return;
    if (!Number.isInteger(buffer) || buffer < 0 || buffer > 100) {
      wrong.push(`images[${index}].buffer is ${buffer}, neither * nor a whole number from 0 to 100`);
    }
  });
  input.demand.forEach(({ queued }, index) => count(`demand[${index}].queued`, queued));
  if (input.stateful) count('stateful.graceMs', input.stateful.graceMs);
  input.agents.forEach(({ since, servedAt = since, endsAt = since }, index) => {
    moment(`agents[${index}].since`, since);
    moment(`agents[${index}].servedAt`, servedAt);
    moment(`agents[${index}].endsAt`, endsAt);
  });
  input.holds.forEach(({ until }, index) => moment(`holds[${index}].until`, until));
  if (wrong.length > 0) throw new RangeError(`No plan can be made from this input: ${wrong.join('; ')}.`);
}

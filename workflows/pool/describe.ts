import { setCurrentDetails } from '@temporalio/workflow';
import { describePlace } from '../../domain/placement/place.ts';
import type { PoolState } from '../../domain/messages.ts';
import type { Plan } from '../../domain/planning/types.ts';
import { drainSentence, drainView } from '../../domain/verbs/drain.ts';

/** Attempts that the page shows; the view has more. */
const attemptsShown = 5;

/** What is closed, why and until when, and the last attempts. */
function describePlaces({ closures = [], attempts = [] }: PoolState): string[] {
  return [
    ...closures.map(({ scope, until, code, message }) => {
      const what = Object.values(scope).filter((part) => part !== '');
      return `- closed until ${new Date(until).toISOString()}: ${what.join(', ')}: ${code}. ${message}`;
    }),
    ...attempts.slice(-attemptsShown).map(({ at, count, outcome, image, why, ...place }) => {
      const times = count === 1 ? '' : `${count} times, last `;
      return `- ${outcome} ${times}${new Date(at).toISOString()}: ${image}, ${describePlace(place)}: ${why}`;
    }),
  ];
}

/** The pool's page in Temporal's own Web UI: a table of now, and the reasons of the last plan. */
export function describePool(state: PoolState, plan: Plan | undefined, leaseMs: number): void {
  const draining = drainView(state, Date.now(), leaseMs);
  const count = (phase: string) => state.roster.filter(({ p }) => p === phase).length;
  const queued = state.queued.reduce((sum, { count: jobs }) => sum + jobs, 0);
  const reasons = [
    ...(draining === undefined ? [] : [`- draining: ${drainSentence(draining)}`]),
    ...state.roster.flatMap(({ n, p, k }) =>
      k && p === 'kept' ? [`- ${n} is kept for inspection until ${new Date(k.until).toISOString()}: ${k.why}`] : [],
    ),
    ...(plan?.commands ?? []).map((command) => `- ${command.kind}: ${command.reason.message}`),
    ...(plan?.remarks ?? []).map((remark) => `- ${remark.image ? `${remark.image}: ` : ''}${remark.message}`),
    ...describePlaces(state),
    ...state.holds.map((hold) => `- held until ${new Date(hold.until).toISOString()}: ${hold.code}. ${hold.message}`),
  ];
  setCurrentDetails(
    `| status | maximum | queued | assigned | running | creating | ready | busy | offline | returning | parked |\n|---|---|---|---|---|---|---|---|---|---|---|\n` +
      `| ${state.status} | ${state.specification?.maximumConcurrency ?? 0} | ${queued} | ${state.assigned} | ${state.running} ` +
      `| ${count('creating') + count('waking')} | ${count('ready')} | ${count('busy')} | ${count('offline')} | ${count('returning') + count('parking')} | ${count('parked')} |\n\n${reasons.slice(0, 20).join('\n')}`,
  );
}

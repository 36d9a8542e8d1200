import { setCurrentDetails } from '@temporalio/workflow';
import type { PoolState } from '../../domain/messages.ts';
import type { Plan } from '../../domain/planning/types.ts';

/** The pool's page in Temporal's own Web UI: a table of now, and the reasons of the last plan. */
export function describePool(state: PoolState, plan: Plan | undefined): void {
  const count = (phase: string) => state.roster.filter(({ p }) => p === phase).length;
  const queued = state.queued.reduce((sum, { count: jobs }) => sum + jobs, 0);
  const reasons = [
    ...(plan?.commands ?? []).map((command) => `- ${command.kind}: ${command.reason.message}`),
    ...(plan?.remarks ?? []).map((remark) => `- ${remark.image ? `${remark.image}: ` : ''}${remark.message}`),
    ...state.holds.map((hold) => `- held until ${new Date(hold.until).toISOString()}: ${hold.code}. ${hold.message}`),
  ];
  setCurrentDetails(
    `| status | maximum | queued | assigned | running | creating | ready | busy | offline | returning | parked |\n|---|---|---|---|---|---|---|---|---|---|---|\n` +
      `| ${state.status} | ${state.specification?.maximumConcurrency ?? 0} | ${queued} | ${state.assigned} | ${state.running} ` +
      `| ${count('creating') + count('waking')} | ${count('ready')} | ${count('busy')} | ${count('offline')} | ${count('returning') + count('parking')} | ${count('parked')} |\n\n${reasons.slice(0, 20).join('\n')}`,
  );
}

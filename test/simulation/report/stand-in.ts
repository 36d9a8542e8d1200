/**
 * Stands in for the runtime where the way of running and reporting is tested: it looks at the schedule alone. Seeds from
 * 900 on stand for what a runtime must never do and might.
 */
import type { Simulate } from './protocol.ts';

export const simulate: Simulate = async (schedule, { trace, mutation }) => {
  const { seed, faults, jobs, disturbances } = schedule;
  trace?.(`0.000 schedule ${seed} begins`);
  if (seed === 900) throw new Error('the runtime is broken');
  if (seed === 901) process.exit(3);
  if (seed === 902) process.kill(process.pid, 'SIGKILL');
  if (seed === 903) for (;;);
  if (seed === 904) {
    for (;;) {
      trace?.('again and again');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const dying = faults.find(({ fault }) => fault.effect.kind === 'agentDies');
  const at = Date.UTC(2026, 0, 5, 8);
  return {
    breaches:
      (dying && jobs.length > 0) || mutation === 'planted'
        ? [{ invariant: 'noLeak', at, subject: 'machine-1', message: 'It belongs to nobody.' }]
        : [],
    digest: `digest of ${JSON.stringify(schedule)}`,
    figures: {
      activations: 10,
      virtualMs: schedule.endMs,
      jobs: jobs.length,
      faults: { fromCloud: faults.length, disturbances: disturbances.length },
    },
    journal: ['0.000 begins', '1.000 ends'],
  };
};

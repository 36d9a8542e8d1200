import { setHandler } from '@temporalio/workflow';
import type { PoolLimits } from '../../domain/limits.ts';
import type { PoolState } from '../../domain/messages.ts';
import { applyProgress, applyReport, applyRefusal } from '../../domain/pool-state.ts';
import { agentProgressed, agentReported, placeRefused } from '../messages.ts';

/**
 * Takes what agents tell their pool.
 *
 * @param noted told of every report, also of one that changes nothing
 */
export function handleReports(state: PoolState, { placeClosedMs }: PoolLimits, noted: () => void): void {
  setHandler(
    agentReported,
    (report) => {
      noted();
      applyReport(state, report, Date.now(), placeClosedMs);
    },
    { description: 'An agent ended and how.' },
  );
  setHandler(
    agentProgressed,
    (progress) => {
      noted();
      applyProgress(state, progress, Date.now());
    },
    { description: 'A stateful agent served a job, or parked its machine.' },
  );
  setHandler(
    placeRefused,
    (report) => {
      noted();
      applyRefusal(state, report, Date.now(), placeClosedMs);
    },
    { description: 'Azure refused an agent its machine; what is left of it is still being returned.' },
  );
}

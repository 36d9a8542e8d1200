import { setHandler } from '@temporalio/workflow';
import type { PoolLimits } from '../../domain/limits.ts';
import type { PoolState } from '../../domain/messages.ts';
import { applyReport, applyRefusal } from '../../domain/pool-state.ts';
import { agentReported, placeRefused } from '../messages.ts';

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
    placeRefused,
    (report) => {
      noted();
      applyRefusal(state, report, Date.now(), placeClosedMs);
    },
    { description: 'Azure refused an agent its machine; what is left of it is still being returned.' },
  );
}

import { TestWorkflowEnvironment } from '@temporalio/testing';
import { variables } from './variables.ts';

/** The engine on which days pass in milliseconds, or why this machine has none. */
export type TimeSkipping =
  { available: true; start: () => Promise<TestWorkflowEnvironment> } | { available: false; reason: string };

/**
 * The time-skipping test server. It knows neither schedules nor visibility, and two `result()` calls at once on its own
 * client never return: use a plain `Client` on its connection and drive time with `sleep`.
 */
export function timeSkipping(): TimeSkipping {
  const path = process.env[variables.timeSkippingServer];
  if (!path) {
    return { available: false, reason: process.env[variables.timeSkippingReason] ?? 'nobody looked for the server' };
  }
  return {
    available: true,
    start: () =>
      TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } }),
  };
}

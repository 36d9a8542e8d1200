import type { AgentLife } from '../agent.ts';
import { didNotConnect } from '../failures.ts';
import { endOfLife } from './stateful.ts';

/** How long the agent may stay as it is, and what it means when that time is over. */
export function longestWait(life: AgentLife): { wait: number; summary: string; over: () => string } {
  const { limits, identity } = life.input;
  const left = endOfLife(life) - Date.now();
  if (life.receipt.onlineAt === undefined) {
    return {
      wait: limits.connectMs,
      summary: 'longest wait for the agent to connect',
      over: () => {
        life.failure = didNotConnect(identity.agent, limits.connectMs);
        return life.failure.message;
      },
    };
  }
  if (life.offlineSince !== undefined && limits.offlineMs < left) {
    return {
      wait: limits.offlineMs,
      summary: 'longest silence',
      over: () => 'it was offline or disabled for too long',
    };
  }
  if (left < limits.lifetimeMs) {
    return { wait: Math.max(1, left), summary: 'longest life', over: () => 'its longest life is over' };
  }
  return { wait: limits.lifetimeMs, summary: 'longest wait for a job', over: () => 'its lifetime is over' };
}

import { condition, log, workflowInfo } from '@temporalio/workflow';
import type { ParkInput } from '../../activities/interfaces.ts';
import type { WakeRequest } from '../../domain/stateful-messages.ts';
import { machines, priorities } from '../activity-profiles.ts';
import type { AgentLife } from '../agent.ts';
import { failureDetails } from '../failures.ts';
import { endOfLife, tellPool } from './stateful.ts';

/** A stateful agent is asked to park: it does so as soon as no job holds it. */
export function askToPark(life: AgentLife, reason: string): void {
  if (life.isStateful) life.parkReason ??= reason;
}

/** A parked agent is asked to wake; another one is awake. */
export function askToWake(life: AgentLife, request: WakeRequest): void {
  const { compute } = life.facets;
  if (compute === 'deallocating' || compute === 'parked') life.wakeRequest = request;
}

/** Parks the machine, and waits until it is needed again or has to go. Returns with its reason to go, or awake. */
export async function parkUntilNeeded(life: AgentLife, why: string): Promise<void> {
  const { pool, agent } = life.input.identity;
  life.parkReason = undefined;
  life.wakeRequest = undefined;
  const outcome = await parkMachine(life, why);
  if (outcome === 'busy') {
    life.change({ compute: 'running' }, 'the server holds a job for it');
    return await tellPool(pool, { agent, kind: 'notParked' });
  }
  if (outcome !== 'parked') return;
  const left = Math.max(1, endOfLife(life) - Date.now());
  life.deadline = Date.now() + left;
  life.change({ compute: 'parked' }, why);
  await tellPool(pool, { agent, kind: 'parked' });
  const isCalled = () => life.wakeRequest !== undefined || life.reasonToEnd() !== undefined;
  if (!(await condition(isCalled, left, { summary: 'longest life, parked' }))) life.ask('its longest life is over');
  if (life.reasonToEnd() === undefined && life.wakeRequest) await wakeUp(life, life.wakeRequest);
}

/** Disables the agent and deallocates its machine. An agent that cannot be parked goes: nobody needs it. */
async function parkMachine(life: AgentLife, why: string): Promise<'parked' | 'busy' | 'goes'> {
  const { identity, limits } = life.input;
  life.deadline = Date.now() + limits.returnMs;
  life.change({ compute: 'deallocating' }, why);
  try {
    const { outcome } = await machines.parkAgent.executeWithOptions(
      {
        summary: `park ${identity.agent}: ${why}`.slice(0, 200),
        scheduleToCloseTimeout: limits.returnMs,
        heartbeatTimeout: limits.heartbeatMs,
        priority: { priorityKey: priorities.release },
      },
      [target(life)],
    );
    if (outcome !== 'gone') return outcome;
    life.ask('its machine or its registration is gone');
  } catch (error) {
    const { code, message } = failureDetails(error);
    log.warn('agent could not be parked', { code });
    life.ask(`it could not be parked: ${message}`);
  }
  life.change({ compute: 'running', registration: 'offline' });
  return 'goes';
}

/** Starts the parked machine. What follows is what follows a create: it has to connect. */
async function wakeUp(life: AgentLife, { reason, decidedAt, seenAt }: WakeRequest): Promise<void> {
  const { identity, limits } = life.input;
  life.deadline = Date.now() + limits.provisionMs;
  life.receipt = { decidedAt, ...(seenAt === undefined ? {} : { seenAt }) };
  life.offlineSince = undefined;
  life.change({ compute: 'starting', registration: 'registered' }, reason);
  try {
    const woken = await machines.wakeAgent.executeWithOptions(
      {
        summary: `wake ${identity.agent}: ${reason}`.slice(0, 200),
        scheduleToCloseTimeout: limits.provisionMs,
        heartbeatTimeout: limits.heartbeatMs,
        priority: { priorityKey: seenAt === undefined ? priorities.standby : priorities.demand },
      },
      [target(life)],
    );
    if (woken.outcome === 'gone') life.ask('its machine or its registration is gone');
    else Object.assign(life.receipt, { createSentAt: woken.startSentAt, runningAt: woken.runningAt });
  } catch (error) {
    // The pool must know: it holds the image back as after a create that failed.
    life.failure = failureDetails(error);
    log.warn('agent could not be woken', { code: life.failure.code });
  }
  life.change({ compute: 'running', ...(life.receipt.onlineAt === undefined ? {} : { registration: 'online' }) });
}

function target({ input: { identity }, machine, registrationId }: AgentLife): ParkInput {
  const { workflowId } = workflowInfo();
  return { identity, workflowId, machine, ...(registrationId === undefined ? {} : { registrationId }) };
}
